"""From examples to packed batches, through Grain, with no TensorFlow on the way.

    mixture[i] -> tokens -> packed rows -> batch

A stream's position is Grain's own iterator state, a few integers that fit into a checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import grain
import numpy as np

from flanrepro.collection.prompt import Prompt
from flanrepro.data.examples import Encode, EncodedPrompts, Example, Examples
from flanrepro.data.vocabulary import Vocabulary

_NAMES = {
    "inputs": "encoder_input_tokens",
    "targets": "decoder_target_tokens",
    "inputs_segment_ids": "encoder_segment_ids",
    "targets_segment_ids": "decoder_segment_ids",
    "inputs_positions": "encoder_positions",
    "targets_positions": "decoder_positions",
    "fate": "fate",
}
"""Grain's names of packed features, and T5X's, which the model uses."""


@dataclass(frozen=True)
class _Endless:
    """Examples as Grain's random-access source: without end, to Grain's eye."""

    examples: Examples

    def __len__(self) -> int:
        return 1 << 62

    def __getitem__(self, i: int) -> Example:
        return self.examples[i]


def packed_batches(
    mixture: Sequence[Prompt],
    vocabulary: Vocabulary,
    *,
    batch_size: int,
    inputs_length: int,
    targets_length: int,
    prefetch: int = 8,
) -> grain.DatasetIterator:
    """A mixture's packed batches, see `pack`.

    Args:
        mixture: gives the prompts, by index from 0 on.
        vocabulary: gives the ids.
        batch_size, inputs_length, targets_length, prefetch: see `pack`.
    """
    encode = Encode(vocabulary, inputs_length, targets_length)
    return pack(
        EncodedPrompts(mixture, encode),
        batch_size=batch_size,
        inputs_length=inputs_length,
        targets_length=targets_length,
        prefetch=prefetch,
    )


def pack(
    examples: Examples,
    *,
    batch_size: int,
    inputs_length: int,
    targets_length: int,
    prefetch: int = 8,
    shards: int = 1,
    rows: slice | None = None,
) -> "grain.DatasetIterator | Shards":
    """An endless iterator of packed batches; it has `get_state`, `set_state` and `close`.

    Args:
        examples: by index from 0 on.
        batch_size: rows per batch.
        inputs_length, targets_length: of a row, in tokens.
        prefetch: batches that a thread prepares ahead; 0: none.
        shards: streams, of `examples[s::shards]`, that fill their equal parts of a batch's rows.
        rows: give these of each batch alone, as a host of several does; only the shards that they
            are in are read. None: all.

    Returns:
        dicts of int32 arrays under T5X's names: `encoder_input_tokens`, `encoder_segment_ids`,
        `encoder_positions` [batch, inputs_length]; `decoder_target_tokens`, `decoder_segment_ids`,
        `decoder_positions` [batch, targets_length]; and `fate` [batch, examples] with what became
        of each example (see `flanrepro.data.examples`). Segments count from 1, padding is 0.
    """
    if shards == 1 and rows is None:
        return _pack(examples, batch_size, inputs_length, targets_length, prefetch)
    each = batch_size // shards
    taken = rows or slice(0, batch_size)
    own = range(taken.start // each, -(-taken.stop // each))
    streams = {
        s: _pack(_Shard(examples, s, shards), each, inputs_length, targets_length, prefetch)
        for s in own
    }
    first = own.start * each
    return Shards(streams, shards, slice(taken.start - first, taken.stop - first))


@dataclass(frozen=True)
class _Shard:
    """Every `of`-th example."""

    examples: Examples
    number: int
    of: int

    def __getitem__(self, i: int) -> Example:
        return self.examples[i * self.of + self.number]


@dataclass(frozen=True)
class Shards:
    """Streams side by side, as `pack` gives them.

    Attributes:
        streams: by their number, those that are read here.
        shards: how many there are, here and elsewhere.
        rows: of these streams' rows together.
    """

    streams: dict[int, grain.DatasetIterator]
    shards: int
    rows: slice

    def __next__(self) -> dict[str, np.ndarray]:
        parts = [next(stream) for stream in self.streams.values()]
        return {name: np.concatenate([p[name] for p in parts])[self.rows] for name in parts[0]}

    def get_state(self) -> dict:
        """The position of each stream; of those that are not read here, None."""
        states = {s: stream.get_state() for s, stream in self.streams.items()}
        return states[0] if self.shards == 1 else {"shards": [*map(states.get, range(self.shards))]}

    def set_state(self, state: dict) -> None:
        states = [state] if self.shards == 1 else state["shards"]
        for s, stream in self.streams.items():
            stream.set_state(states[s])

    def close(self) -> None:
        for stream in self.streams.values():
            stream.close()


def _pack(
    examples: Examples, batch_size: int, inputs_length: int, targets_length: int, prefetch: int
) -> grain.DatasetIterator:
    lengths = {"inputs": inputs_length, "targets": targets_length, "fate": inputs_length // 2}
    rows = grain.experimental.FirstFitPackIterDataset(
        grain.MapDataset.source(_Endless(examples)).to_iter_dataset(
            grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        ),
        length_struct=lengths,
        # More open rows waste less, and cost memory for as many rows only.
        num_packing_bins=4 * batch_size,
        meta_features=("fate",),
    )
    batches = rows.batch(batch_size, drop_remainder=True).map(_rename)
    if prefetch:
        batches = grain.experimental.ThreadPrefetchIterDataset(
            batches, prefetch_buffer_size=prefetch
        )
    return iter(batches)


def _rename(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: batch[key] for key, name in _NAMES.items()}
