import sys

import numpy as np
import pytest

from flanrepro.collection import Mixture, load_collection
from flanrepro.data.grain import DROPPED, TRUNCATED, Encode
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError

LENGTHS = {"inputs": 64, "targets": 8}  # short, so that some examples are cut and some left out
NUM_EXAMPLES = 300


def pocket_mixture() -> Mixture:
    return Mixture(tuple(load_collection("pocket").tasks.values()), few_shot_fraction=0.5)


@pytest.fixture(scope="module")
def register():
    pytest.importorskip("seqio")
    from flanrepro.data.seqio import register

    return register


@pytest.mark.filterwarnings("ignore::flanrepro.data.grain.PromptTooLong")
def test_both_adapters_give_the_same_tokens_cut_and_dropped_examples_too(register):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    encode = Encode(vocabulary, LENGTHS["inputs"], LENGTHS["targets"])
    encoded = [encode(mixture[i]) for i in range(NUM_EXAMPLES)]
    fates = [int(example["fate"][0]) for example in encoded]
    assert fates.count(TRUNCATED) > 20
    assert fates.count(DROPPED) > 5

    task = register("flanrepro_test_mixture", mixture, vocabulary, NUM_EXAMPLES)
    dataset = task.get_dataset(LENGTHS, split="train", shuffle=False)
    theirs = list(dataset.as_numpy_iterator())
    ours = [example for example, fate in zip(encoded, fates, strict=True) if fate != DROPPED]
    assert len(theirs) == len(ours)
    for left, right in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(left["inputs"], right["inputs"])
        np.testing.assert_array_equal(left["targets"], right["targets"])


def test_vocabularies_have_the_same_size_before_padding(register):
    vocabulary = load_vocabulary("pocket")
    task = register("flanrepro_test_size", pocket_mixture(), vocabulary, 1)
    size = task.output_features["inputs"].vocabulary.vocab_size
    assert vocabulary.size - 128 < size <= vocabulary.size


def test_registering_a_name_again_replaces_the_task(register):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    register("flanrepro_test_again", mixture, vocabulary, 5)
    task = register("flanrepro_test_again", mixture, vocabulary, 7)
    assert len(list(task.get_dataset(None, split="train", shuffle=False))) == 7


def test_an_empty_split_is_refused(register):
    with pytest.raises(InputError, match="num_examples is 0: expected at least 1"):
        register("flanrepro_test_empty", pocket_mixture(), load_vocabulary("pocket"), 0)


def test_without_seqio_the_extra_is_named(monkeypatch):
    from flanrepro.data.seqio import register

    monkeypatch.setitem(sys.modules, "seqio", None)
    with pytest.raises(InputError, match=r"pip install 'flanrepro\[beam\]'"):
        register("flanrepro_test_none", pocket_mixture(), load_vocabulary("pocket"), 1)
