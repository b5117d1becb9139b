import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.collection import load_collection, suite_prompts
from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.evaluation import predict as module
from flanrepro.evaluation.predict import PromptCut, encode_prompt, in_buckets, predict
from flanrepro.model.decoding import greedy_decode
from flanrepro.model.sizes import t5_config
from flanrepro.model.t5 import init_params


@pytest.fixture(scope="module")
def vocabulary():
    return load_vocabulary("pocket")


@pytest.fixture(scope="module")
def prompts() -> list:
    """Short and long ones in turn."""
    suite = load_collection("pocket").suites["held_in"]
    both = zip(suite_prompts(suite, 0, 1), suite_prompts(suite, 1, 1), strict=True)
    return [prompt for pair in both for prompt in pair]


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(module, "batch_tokens", lambda: 128)


@pytest.mark.parametrize("count", [0, 1, 50])
def test_every_prompt_is_in_one_batch_of_its_bucket(count, small_batches):
    rng = np.random.default_rng(0)
    encoded = [rng.integers(2, 99, rng.integers(1, 101)).tolist() for _ in range(count)]
    batches = in_buckets(encoded, inputs_length=100)
    assert sorted(i for batch in batches for i in batch.index) == list(range(count))
    for batch in batches:
        shape = batch.tokens.shape
        assert shape in {(4, 32), (2, 64), (1, 100)}
        smaller = {32: 0, 64: 32, 100: 64}[shape[1]]
        for i, row in zip(batch.index, batch.tokens, strict=False):
            assert smaller < len(encoded[i]) <= shape[1]
            assert row[: len(encoded[i])].tolist() == encoded[i]
            assert not row[len(encoded[i]) :].any()
        assert not batch.tokens[len(batch.index) :].any()


def test_predictions_are_in_the_prompts_order_and_as_one_by_one(
    prompts, vocabulary, small_batches, monkeypatch
):
    monkeypatch.setattr(module, "BUCKETS", (32,))
    config = t5_config("nano", vocabulary.size)
    # Louder than at the start of training, so that different prompts get different answers.
    params = jax.tree.map(lambda leaf: 2 * leaf, init_params(config, 0))
    texts = predict(config, params, vocabulary, prompts, inputs_length=100, targets_length=6)
    assert len(set(texts)) > len(prompts) / 2
    assert [prompt.setting for prompt in prompts[:2]] == ["zero_shot", "few_shot"]
    for prompt, text in zip(prompts, texts, strict=True):
        ids = encode_prompt(prompt, vocabulary, 100)
        tokens = np.zeros((1, 100), np.int32)
        tokens[0, : len(ids)] = ids
        alone = np.asarray(greedy_decode(config, params, tokens, 6))[0]
        assert vocabulary.decode(alone) == text


def test_a_prompt_that_fits_is_encoded_whole_with_eos(prompts, vocabulary):
    ids = vocabulary.encode(prompts[0].inputs)
    assert encode_prompt(prompts[0], vocabulary, len(ids) + 1) == [*ids, EOS]


def test_a_longer_prompt_loses_its_front_and_the_warning_says_which_one(prompts, vocabulary):
    prompt = dataclasses.replace(prompts[1], task="made", split="test", record=7)
    ids = vocabulary.encode(prompt.inputs)
    sentence = (
        rf"task 'made', test record 7 \(few_shot\): the prompt has {len(ids) + 1} tokens and the "
        "model's length is 10, so its front is cut off: raise inputs_length or take fewer shots"
    )
    with pytest.warns(PromptCut, match=sentence):
        cut = encode_prompt(prompt, vocabulary, 10)
    assert cut == [*ids[-9:], EOS]
