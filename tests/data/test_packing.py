import contextlib
import subprocess
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from wording import QUESTION

from flanrepro.collection import Mixture, Task, Template, render
from flanrepro.data.examples import Encode, EncodedPrompts, PromptTooLong
from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED, count_fates
from flanrepro.data.packing import packed_batches
from flanrepro.data.vocabulary import EOS, PAD, load_vocabulary
from flanrepro.sources import load_collection

SHAPE = {"batch_size": 4, "inputs_length": 288, "targets_length": 48}
SHORT = {"batch_size": 4, "inputs_length": 64, "targets_length": 8}


def pocket_mixture() -> Mixture:
    return Mixture(tuple(load_collection("pocket").tasks.values()), few_shot_fraction=0.3)


def batches(shape: dict, prefetch: int = 0):
    return packed_batches(pocket_mixture(), load_vocabulary("pocket"), **shape, prefetch=prefetch)


def encoded(inputs_length: int, targets_length: int) -> EncodedPrompts:
    encode = Encode(load_vocabulary("pocket"), inputs_length, targets_length)
    return EncodedPrompts(pocket_mixture(), encode)


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
    examples = encoded(shape["inputs_length"], shape["targets_length"])
    encoded_alone = [examples[i] for i in range(n)]
    expected = Counter(
        (tuple(e["inputs"].tolist()), tuple(e["targets"].tolist()))
        for e in encoded_alone
        if e["fate"][0] != DROPPED
    )
    assert Counter(example for batch in group for example in segments(batch)) == expected
    alone = count_fates(np.concatenate([e["fate"] for e in encoded_alone]))
    assert sum((Counter(count_fates(b["fate"])) for b in group), Counter()) == Counter(alone)
    if shape == SHORT:
        assert min(alone["shortened"], alone["dropped"]) > 2
        assert alone["exemplars_dropped"] > alone["shortened"]


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


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_a_decoder_only_row_has_targets_behind_their_inputs():
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    stream = packed_batches(mixture, vocabulary, **SHORT, decoder_only=True, prefetch=0)
    group = [next(stream) for _ in range(4)]
    whole = (SHORT["batch_size"], SHORT["inputs_length"] + SHORT["targets_length"])
    names = ("target_tokens", "segment_ids", "positions", "loss_weights")
    shapes = {f"decoder_{name}": whole for name in names}
    shapes["decoder_loss_tokens"] = (SHORT["batch_size"], SHORT["targets_length"])
    assert {name: x.shape for name, x in group[0].items() if name != "fate"} == shapes
    found = []
    for batch in group:
        tokens, ids, positions, weights = (batch[f"decoder_{name}"] for name in names)
        assert ((ids > 0) == (tokens != PAD)).all() and not weights[ids == 0].any()
        for row in range(len(ids)):
            answers = batch["decoder_loss_tokens"][row]
            assert answers[answers > 0].tolist() == tokens[row][weights[row] > 0].tolist()
            for segment in range(1, ids[row].max() + 1):
                own = ids[row] == segment
                np.testing.assert_array_equal(positions[row][own], np.arange(own.sum()))
                assert (np.diff(weights[row][own]) >= 0).all()  # inputs, then targets
                parts = (tokens[row][own & (weights[row] == w)].tolist() for w in (0, 1))
                found.append(tuple(map(tuple, parts)))
    n = sum(count_fates(batch["fate"])["examples"] for batch in group)
    examples = encoded(SHORT["inputs_length"], SHORT["targets_length"])
    alone = [examples[i] for i in range(n)]
    assert Counter(found) == Counter(
        (tuple(e["inputs"].tolist()), tuple(e["targets"].tolist()))
        for e in alone
        if e["fate"][0] != DROPPED
    )
    assert all(inputs[-1] == targets[-1] == EOS for inputs, targets in found)


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


def test_more_than_one_long_prompt_in_a_hundred_is_said_once_with_an_example_and_counts():
    examples = encoded(64, 8)
    mixture, vocabulary = examples.prompts, examples.encode.vocabulary
    with pytest.warns(PromptTooLong) as caught:
        fates = np.concatenate([examples[i]["fate"] for i in range(400)])
    assert len(caught) == 1
    seen = next(n for n in range(1, 400) if (fates[:n] != KEPT).sum() == 11)
    named, counts = mixture[seen - 1], count_fates(fates[:seen])
    assert counts["shortened"] > 0
    inputs, targets = (len(vocabulary.encode(t)) + 1 for t in (named.inputs, named.targets))
    assert str(caught[0].message) == (
        f"training prompts are longer than the model's 64 input and 8 target tokens, e.g. that of "
        f"task '{named.task}', train record {named.record} ({named.setting}), which has {inputs} "
        f"and {targets}; so far 11 of {seen} prompts did not fit: {counts['shortened']} lost "
        f"exemplars ({counts['exemplars_dropped']} in all), {counts['truncated']} cut, "
        f"{counts['dropped']} left out; all are counted with the run: raise inputs_length or "
        "targets_length if the counts are too high"
    )


TALE = Template("tale", "{tale}\nWhat is told?", "{answer}")


def example_of(tale: str, answer: str, encode: Encode) -> dict:
    load = lambda split: [{"tale": tale, "answer": answer}]  # noqa: E731
    task = Task("tales", "flan2021", "tales", load, {"train": 1}, QUESTION)
    return encode(render(task, 0, template=TALE), task)


def test_a_few_long_prompts_are_only_counted():
    encode = Encode(load_vocabulary("pocket"), 60, 8)
    fates = [
        int(example_of("pig " * (100 if i < 10 else 3), "hen", encode)["fate"][0])
        for i in range(1000)
    ]
    assert (fates.count(TRUNCATED), fates.count(KEPT)) == (10, 990)


def ids_of(text: str) -> list[int]:
    return load_vocabulary("pocket").encode(text)


@pytest.mark.parametrize(
    ("inputs", "targets", "fate", "lengths"),
    [
        (29, 3, KEPT, (29 + 4 + 1, 4)),
        (35, 3, KEPT, (40, 4)),
        (36, 3, TRUNCATED, (40, 4)),
        (90, 3, TRUNCATED, (40, 4)),
        (34, 4, DROPPED, (0, 0)),
        (90, 30, DROPPED, (0, 0)),
    ],
)
def test_texts_are_cut_to_fit_with_eos_and_examples_with_long_targets_left_out(
    inputs, targets, fate, lengths
):
    tale, answer = "pig " * inputs, "hen " * targets
    end = ids_of("\nWhat is told?")
    assert len(end) == 4
    example = example_of(tale.strip(), answer.strip(), Encode(load_vocabulary("pocket"), 40, 4))
    assert example["fate"].tolist() == [fate]
    assert (len(example["inputs"]), len(example["targets"])) == lengths
    if fate != DROPPED:
        (pig,), (hen,) = ids_of("pig"), ids_of("hen")
        assert example["inputs"].tolist() == [pig] * (lengths[0] - 5) + [*end, EOS]
        assert example["targets"].tolist() == [hen] * 3 + [EOS]


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
sys.path[:0] = sys.argv[1:]
from test_packing import SHAPE, batches
def main():
    with contextlib.closing(batches(SHAPE, prefetch=4)) as stream:
        next(stream)
main()
"""


def test_a_process_that_closes_its_stream_ends_without_a_word():
    # Left open, Grain's thread aborts some processes ("terminate called without an active ...").
    folder = Path(__file__).parent  # this module's; what it imports from tests is one above
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-c", READ_ONE_BATCH, str(folder), str(folder.parent)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")


def test_prompts_that_fit_raise_no_warning():
    mixture = pocket_mixture()
    prompts = [mixture[i] for i in range(300)]
    longest = {
        f"{side}_length": max(len(ids_of(getattr(prompt, side))) + 1 for prompt in prompts)
        for side in ("inputs", "targets")
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        examples = encoded(**longest)
        assert all(examples[i]["fate"][0] == KEPT for i in range(len(prompts)))
