import contextlib
import dataclasses
import subprocess
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from flanrepro.collection import Mixture, Prompt
from flanrepro.data.examples import DROPPED, KEPT, TRUNCATED, Encode, PromptTooLong, count_fates
from flanrepro.data.packing import packed_batches
from flanrepro.data.vocabulary import EOS, PAD, load_vocabulary
from flanrepro.sources import load_collection

SHAPE = {"batch_size": 4, "inputs_length": 288, "targets_length": 48}
SHORT = {"batch_size": 4, "inputs_length": 64, "targets_length": 8}


def pocket_mixture() -> Mixture:
    return Mixture(tuple(load_collection("pocket").tasks.values()), few_shot_fraction=0.3)


def batches(shape: dict, prefetch: int = 0):
    return packed_batches(pocket_mixture(), load_vocabulary("pocket"), **shape, prefetch=prefetch)


def segments(batch: dict) -> list[tuple[tuple, tuple]]:
    """The examples of a packed batch, unpacked: inputs and targets."""
    found = []
    for row in range(len(batch["encoder_input_tokens"])):
        sources, targets = (batch[f"{side}_segment_ids"][row] for side in ("encoder", "decoder"))
        for segment in set(sources[sources > 0]):
            inputs = batch["encoder_input_tokens"][row][sources == segment]
            answer = batch["decoder_target_tokens"][row][targets == segment]
            found.append((tuple(inputs.tolist()), tuple(answer.tolist())))
    return found


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
@pytest.mark.parametrize("shape", [SHAPE, SHORT])
def test_packed_rows_hold_the_mixtures_examples_each_once(shape):
    stream = batches(shape)
    group = [next(stream) for _ in range(4)]  # one packing group: four batches of open rows
    n = sum(count_fates(batch["fate"])["examples"] for batch in group)
    encode = Encode(load_vocabulary("pocket"), shape["inputs_length"], shape["targets_length"])
    encoded = [encode(pocket_mixture()[i]) for i in range(n)]
    expected = Counter(
        (tuple(e["inputs"].tolist()), tuple(e["targets"].tolist()))
        for e in encoded
        if e["fate"][0] != DROPPED
    )
    assert Counter(example for batch in group for example in segments(batch)) == expected
    fates = Counter(int(e["fate"][0]) for e in encoded)
    assert (
        sum(count_fates(b["fate"])["truncated"] for b in group) == n - fates[KEPT] - fates[DROPPED]
    )
    assert sum(count_fates(b["fate"])["dropped"] for b in group) == fates[DROPPED]


def test_a_batch_has_t5xs_names_and_the_asked_shapes():
    batch = next(batches(SHAPE))
    shapes = {name: array.shape for name, array in batch.items() if name != "fate"}
    assert shapes == {
        "encoder_input_tokens": (4, 288),
        "encoder_segment_ids": (4, 288),
        "encoder_positions": (4, 288),
        "decoder_target_tokens": (4, 48),
        "decoder_segment_ids": (4, 48),
        "decoder_positions": (4, 48),
    }
    assert {array.dtype for array in batch.values()} == {np.dtype(np.int32)}


def test_positions_count_from_0_in_every_segment_and_padding_is_0():
    batch = next(batches(SHAPE))
    for side, tokens in (("encoder", "encoder_input_tokens"), ("decoder", "decoder_target_tokens")):
        ids, positions = batch[f"{side}_segment_ids"], batch[f"{side}_positions"]
        assert ((ids > 0) == (batch[tokens] != PAD)).all()
        assert (positions[ids == 0] == 0).all()
        assert (ids == 0).any()
        for row in range(SHAPE["batch_size"]):
            assert set(ids[row]) - {0} == set(range(1, ids[row].max() + 1))
            for segment in range(1, ids[row].max() + 1):
                own = positions[row][ids[row] == segment]
                np.testing.assert_array_equal(own, np.arange(len(own)))
                assert batch[tokens][row][ids[row] == segment][-1] == EOS


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize("position", [0, 1, 3, 4, 7, 10])
def test_a_stream_goes_on_from_its_state(position, prefetch):
    with contextlib.closing(batches(SHAPE, prefetch)) as stream:
        for _ in range(position):
            next(stream)
        state = stream.get_state()
        expected = [next(stream) for _ in range(5)]
    with contextlib.closing(batches(SHAPE, prefetch)) as fresh:
        fresh.set_state(state)
        for batch in expected:
            resumed = next(fresh)
            assert batch.keys() == resumed.keys()
            for name in batch:
                np.testing.assert_array_equal(batch[name], resumed[name])


def test_more_than_one_long_prompt_in_a_hundred_is_said_once_with_an_example():
    encode = Encode(load_vocabulary("pocket"), 20, 8)
    mixture = pocket_mixture()
    with pytest.warns(PromptTooLong) as caught:
        fates = [int(encode(mixture[i])["fate"][0]) for i in range(50)]
    assert len(caught) == 1
    seen = next(n for n in range(1, 50) if sum(fate != KEPT for fate in fates[:n]) == 11)
    named = mixture[seen - 1]
    inputs, targets = (len(encode.vocabulary.encode(t)) + 1 for t in (named.inputs, named.targets))
    assert str(caught[0].message).startswith(
        f"11 of the first {seen} training prompts are too long, e.g. task '{named.task}', train "
        f"record {named.record} ({named.setting}): it has {inputs} input and {targets} target "
        "tokens, the model's lengths are 20 and 8; "
    )
    assert "raise inputs_length" in str(caught[0].message)


def test_a_few_long_prompts_are_only_counted():
    encode = Encode(load_vocabulary("pocket"), 256, 64)
    prompt = pocket_mixture()[0]
    long = dataclasses.replace(prompt, inputs=prompt.inputs * 100)
    fates = [int(encode(long if i < 10 else prompt)["fate"][0]) for i in range(1000)]
    assert fates.count(TRUNCATED) == 10


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
@pytest.mark.parametrize(
    ("inputs", "targets", "fate", "lengths"),
    [
        (5, 3, KEPT, (6, 4)),
        (9, 3, KEPT, (10, 4)),
        (10, 3, TRUNCATED, (10, 4)),
        (30, 3, TRUNCATED, (10, 4)),
        (9, 4, DROPPED, (0, 0)),
        (30, 30, DROPPED, (0, 0)),
    ],
)
def test_inputs_are_cut_to_fit_with_eos_and_examples_with_long_targets_dropped(
    inputs, targets, fate, lengths
):
    prompt = Prompt("pig " * inputs, "hen " * targets, "t", "s", "w", 0, "train", 0)
    example = Encode(load_vocabulary("pocket"), 10, 4)(prompt)
    assert example["fate"].tolist() == [fate]
    assert (len(example["inputs"]), len(example["targets"])) == lengths
    for name, word in (("inputs", "pig"), ("targets", "hen")) if fate != DROPPED else ():
        (piece,) = load_vocabulary("pocket").encode(word)
        assert example[name].tolist() == [piece] * (len(example[name]) - 1) + [EOS]


def test_fates_are_counted_without_padding():
    fate = np.array([[KEPT, TRUNCATED, 0, 0], [DROPPED, KEPT, KEPT, 0], [0, 0, 0, 0]])
    assert count_fates(fate) == {"examples": 5, "truncated": 1, "dropped": 1}


def test_little_is_padding():
    stream = batches(SHAPE)
    filled = [np.mean(next(stream)["encoder_input_tokens"] > 0) for _ in range(8)]
    assert np.mean(filled) > 0.85


def test_closing_a_stream_ends_its_thread():
    before = set(threading.enumerate())
    with contextlib.closing(batches(SHAPE, prefetch=4)) as stream:
        next(stream)
        assert len(set(threading.enumerate()) - before) == 1
    assert set(threading.enumerate()) - before == set()


READ_ONE_BATCH = """
import contextlib, sys
sys.path.insert(0, sys.argv[1])
from test_packing import SHAPE, batches
def main():
    with contextlib.closing(batches(SHAPE, prefetch=4)) as stream:
        next(stream)
main()
"""


def test_a_process_that_closes_its_stream_ends_without_a_word():
    # Left open, Grain's thread aborts some processes ("terminate called without an active ...").
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", READ_ONE_BATCH, str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")


def test_short_prompts_raise_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode = Encode(load_vocabulary("pocket"), 256, 48)
        assert all(encode(pocket_mixture()[i])["fate"][0] == KEPT for i in range(300))
