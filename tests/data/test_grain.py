import contextlib
import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import pytest

from flanrepro.collection import Mixture, load_collection
from flanrepro.data.grain import DROPPED, KEPT, Encode, PromptTooLong, count_fates, packed_batches
from flanrepro.data.vocabulary import EOS, load_vocabulary

SHAPE = {"batch_size": 4, "inputs_length": 288, "targets_length": 32}
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


@pytest.mark.filterwarnings("ignore::flanrepro.data.grain.PromptTooLong")
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


def test_positions_count_from_0_in_every_segment():
    batch = next(batches(SHAPE))
    for side, tokens in (("encoder", "encoder_input_tokens"), ("decoder", "decoder_target_tokens")):
        ids, positions = batch[f"{side}_segment_ids"], batch[f"{side}_positions"]
        assert ((ids > 0) == (batch[tokens] > 0)).all()
        for row in range(SHAPE["batch_size"]):
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


def test_the_first_long_prompt_is_named_and_the_others_only_counted():
    encode = Encode(load_vocabulary("pocket"), 20, 8)
    mixture = pocket_mixture()
    with pytest.warns(PromptTooLong) as caught:
        for i in range(50):
            encode(mixture[i])
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.startswith("task '")
    assert "the model's lengths are 20 and 8" in message
    assert "raise inputs_length" in message


def test_little_is_padding():
    stream = batches(SHAPE)
    filled = [np.mean(next(stream)["encoder_input_tokens"] > 0) for _ in range(8)]
    assert np.mean(filled) > 0.85


def test_a_closed_stream_leaves_no_thread_that_aborts_the_interpreter():
    code = (
        "import sys; sys.path.insert(0, 'tests/data');"
        "from test_grain import batches, SHAPE;"
        "stream = batches(SHAPE, prefetch=4); next(stream); stream.close()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr


def test_short_prompts_raise_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode = Encode(load_vocabulary("pocket"), 256, 32)
        assert all(encode(pocket_mixture()[i])["fate"][0] == KEPT for i in range(300))
