"""SeqIO makes the rows of a decoder-only model that our packing makes; T5X is not needed."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from flanrepro.data.packing import pack
from flanrepro.training.step import Batch, _decoder_only_rows

LENGTHS = {"inputs": 7, "targets": 5}

LONG = {"inputs": [7, 8, 5, 9, 1], "targets": [3, 9, 1]}
SHORT = {"inputs": [4, 1], "targets": [6, 1]}
FULL = {"inputs": [7, 8, 5, 9, 6, 4, 1], "targets": [3, 9, 2, 2, 1]}


class Again:
    """The same examples again and again."""

    def __init__(self, *examples: dict):
        self.examples = examples

    def __getitem__(self, i: int) -> dict[str, np.ndarray]:
        example = self.examples[i % len(self.examples)]
        ids = {name: np.array(x, np.int32) for name, x in example.items()}
        return ids | {"fate": np.array([0], np.int32)}


@pytest.fixture(scope="module")
def seqio():
    return pytest.importorskip("seqio")


def theirs(seqio, *examples: dict) -> dict[str, np.ndarray]:
    """The first row that SeqIO packs, through the converter that T5X's decoder-only model names."""
    import tensorflow as tf

    def made() -> Iterator[dict]:
        # Twice, so that a row may hold more than is asked for: it would show.
        yield from itertools.chain(examples, examples)

    ids = tf.TensorSpec((None,), tf.int32)
    found = tf.data.Dataset.from_generator(made, output_signature={"inputs": ids, "targets": ids})
    converted = seqio.DecoderFeatureConverter(pack=True)(found, LENGTHS)
    return next(converted.as_numpy_iterator())


def ours(*examples: dict) -> Batch:
    """The first row that we pack."""
    lengths = {f"{name}_length": length for name, length in LENGTHS.items()}
    stream = pack(Again(*examples), batch_size=1, prefetch=0, decoder_only=True, **lengths)
    return {name: x[0] for name, x in next(stream).items()}


@pytest.mark.parametrize(
    "examples", [[LONG], [FULL], [LONG, SHORT]], ids=["one with padding", "one", "two packed"]
)
def test_rows_are_seqio_s_prefix_lm_rows(seqio, examples):
    expected, row = theirs(seqio, *examples), ours(*examples)
    names = ("target_tokens", "segment_ids", "positions", "loss_weights")
    for name in (f"decoder_{name}" for name in names):
        np.testing.assert_array_equal(row[name], expected[name], name)
    batch = {name: x[None] for name, x in row.items()}
    arguments = (np.asarray(x)[0] for x in _decoder_only_rows(batch))
    read, targets, segments, prefix, chosen = arguments
    np.testing.assert_array_equal(read[targets > 0], expected["decoder_input_tokens"][targets > 0])
    np.testing.assert_array_equal(segments, expected["decoder_segment_ids"])
    # Padding, which neither attends nor is attended to, is in no prefix there, and in one here.
    assert (prefix * (targets > 0)).tolist() == expected["decoder_causal_attention"].tolist()
    # One place per target, in order: those that the loss is of.
    places = np.flatnonzero(expected["decoder_loss_weights"])
    assert [np.flatnonzero(row).tolist() for row in chosen if row.any()] == [[i] for i in places]


def test_a_row_s_prefix_ends_with_the_position_that_reads_the_inputs_last_token(seqio):
    row = theirs(seqio, LONG)
    assert row["decoder_target_tokens"].tolist() == [7, 8, 5, 9, 1, 3, 9, 1, 0, 0, 0, 0]
    assert row["decoder_input_tokens"].tolist()[:8] == [0, 7, 8, 5, 9, 1, 3, 9]
    assert row["decoder_causal_attention"].tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert row["decoder_loss_weights"].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
