"""From examples to packed batches, through Grain, with no TensorFlow on the way.

    mixture[i] -> tokens -> packed rows -> batch

A stream's position is Grain's own iterator state, a few integers, which a checkpoint holds.
"""

from dataclasses import dataclass

import grain
import numpy as np

from flanrepro.data.examples import Encode, EncodedPrompts, Example, Examples, Prompts
from flanrepro.data.vocabulary import Vocabulary

_NAMES = {
    "inputs": "encoder_input_tokens",
    "targets": "decoder_target_tokens",
    "inputs_segment_ids": "encoder_segment_ids",
    "targets_segment_ids": "decoder_segment_ids",
    "inputs_positions": "encoder_positions",
    "targets_positions": "decoder_positions",
    "fate": "fate",
    # Of a decoder-only model's rows: inputs and targets one after the other.
    "tokens": "decoder_target_tokens",
    "tokens_segment_ids": "decoder_segment_ids",
    "tokens_positions": "decoder_positions",
    "weights": "decoder_loss_weights",
    "answers": "decoder_loss_tokens",
}
"""Grain's names of packed features, and T5X's, which the model takes."""


@dataclass(frozen=True)
class _Endless:
    """Examples as Grain's random-access source, which must have a length: one never reached."""

    examples: Examples

    def __len__(self) -> int:
        return 1 << 62

    def __getitem__(self, i: int) -> Example:
        return self.examples[i]


def packed_batches(
    mixture: Prompts,
    vocabulary: Vocabulary,
    *,
    batch_size: int,
    inputs_length: int,
    targets_length: int,
    prefetch: int = 8,
    decoder_only: bool = False,
) -> grain.DatasetIterator:
    """Packs a mixture's prompts into batches, see `pack`.

    Args:
        mixture: prompts by index, from 0 on.
        vocabulary: vocabulary that gives the ids.
        batch_size, inputs_length, targets_length, prefetch, decoder_only: see `pack`.
    """
    encode = Encode(vocabulary, inputs_length, targets_length)
    return pack(
        EncodedPrompts(mixture, encode),
        batch_size=batch_size,
        inputs_length=inputs_length,
        targets_length=targets_length,
        prefetch=prefetch,
        decoder_only=decoder_only,
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
    decoder_only: bool = False,
) -> "grain.DatasetIterator | Shards":
    """Packs examples into batches, without end; the iterator has `get_state`, `set_state`, `close`.

    Args:
        examples: examples by index, from 0 on.
        batch_size: number of rows per batch.
        inputs_length, targets_length: number of tokens per row.
        prefetch: number of batches that a thread prepares ahead; 0: no thread.
        shards: number of streams; stream s packs `examples[s::shards]` into its equal part of a
            batch's rows.
        rows: slice of each batch's rows to give, on one host of several; only the shards that they
            are in are read. None: all.
        decoder_only: true for rows of `inputs_length + targets_length` tokens, in which an
            example's targets follow its inputs.

    Returns:
        dicts of int32 arrays under T5X's names: `encoder_input_tokens`, `encoder_segment_ids`,
        `encoder_positions` [batch, inputs_length]; `decoder_target_tokens`, `decoder_segment_ids`,
        `decoder_positions` [batch, targets_length]; and `fate` [batch, examples], see
        `flanrepro.data.fates`. Segments count from 1, padding is 0. Decoder-only ones have no
        arrays of an encoder; `decoder_loss_weights` is 1 at targets and 0 at inputs and padding,
        and `decoder_loss_tokens` [batch, targets_length] are the row's targets alone.
    """
    lengths = inputs_length, targets_length
    if shards == 1 and rows is None:
        return _pack(examples, batch_size, *lengths, prefetch, decoder_only)
    each = batch_size // shards
    taken = rows or slice(0, batch_size)
    # From the shard of the first row to that of the last, rounded up.
    own = range(taken.start // each, -(-taken.stop // each))
    streams = {
        s: _pack(_Shard(examples, s, shards), each, *lengths, prefetch, decoder_only) for s in own
    }
    first = own.start * each
    return Shards(streams, shards, slice(taken.start - first, taken.stop - first))


@dataclass(frozen=True)
class _Shard:
    """Every `of`-th example, from example `number` on."""

    examples: Examples
    number: int
    of: int

    def __getitem__(self, i: int) -> Example:
        return self.examples[i * self.of + self.number]


@dataclass(frozen=True)
class Shards:
    """Streams side by side, as `pack` gives them.

    Attributes:
        streams: iterators that are read here, by the number of their shard.
        shards: number of shards, here and on other hosts.
        rows: slice to give of these streams' rows together.
    """

    streams: dict[int, grain.DatasetIterator]
    shards: int
    rows: slice

    def __next__(self) -> dict[str, np.ndarray]:
        parts = [next(stream) for stream in self.streams.values()]
        return {name: np.concatenate([p[name] for p in parts])[self.rows] for name in parts[0]}

    def get_state(self) -> dict:
        """Gives the position of each stream, None for one that is read on another host."""
        # One shard has the state of a stream without shards, so that a run may go on on another
        # number of hosts.
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
    examples: Examples,
    batch_size: int,
    inputs_length: int,
    targets_length: int,
    prefetch: int,
    decoder_only: bool,
) -> grain.DatasetIterator:
    # Room for one fate per example, each of two input tokens; shorter ones open another row.
    lengths = {"inputs": inputs_length, "targets": targets_length, "fate": inputs_length // 2}
    source, meta = grain.MapDataset.source(_Endless(examples)), ("fate",)
    if decoder_only:
        whole = inputs_length + targets_length
        # No more targets than an encoder-decoder's row has: logits are computed of them alone.
        of_row = {"tokens": whole, "weights": whole, "answers": targets_length}
        lengths = of_row | {"fate": lengths["fate"]}
        source, meta = source.map(_in_one_row), ("fate", "weights", "answers")
    rows = grain.experimental.FirstFitPackIterDataset(
        source.to_iter_dataset(
            # Rendering is Python code, which one thread runs at a time: more of them gain nothing.
            grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        ),
        length_struct=lengths,
        # Rows that are open at a time: more of them leave less padding, and cost their memory.
        num_packing_bins=4 * batch_size,
        meta_features=meta,
    )
    batches = rows.batch(batch_size, drop_remainder=True).map(_rename)
    if prefetch:
        batches = grain.experimental.ThreadPrefetchIterDataset(
            batches, prefetch_buffer_size=prefetch
        )
    return iter(batches)


def _in_one_row(example: Example) -> Example:
    inputs, targets = example["inputs"], example["targets"]
    return {
        "tokens": np.concatenate([inputs, targets]),
        "weights": np.repeat(np.int32([0, 1]), [len(inputs), len(targets)]),
        "answers": targets,
        "fate": example["fate"],
    }


def _rename(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: batch[key] for key, name in _NAMES.items() if key in batch}
