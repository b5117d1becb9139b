"""Packed batches to measure train steps on, and the same examples one by one."""

from pathlib import Path

import numpy as np

from flanrepro.errors import InputError

T5_VOCABULARY = 32_128
SIDES = {"encoder": "encoder_input_tokens", "decoder": "decoder_target_tokens"}
Batch = dict[str, np.ndarray]
"""int32 arrays by T5X's names, as `flanrepro.data.packing.pack` gives them; a decoder-only model's
have no encoder's, and inputs and targets one after the other."""


def packed_rows(
    data: str,
    n: int,
    rows: int,
    inputs_length: int,
    targets_length: int,
    decoder_only: bool = False,
) -> tuple[list[Batch], int]:
    """`n` batches of packed rows, without `fate`; and the vocabulary's size.

    Args:
        data: `pocket`: its prompts, as in a run on them (needs Grain); `synthetic`: random tokens
            in segments as long as prompts of Flan 2022 are; or the folder of a run with packed
            files of an encoder-decoder, see `ci.gpu.packed_files`, whose rows and lengths are its
            own.
        n, rows, inputs_length, targets_length: number and shape of the batches.
        decoder_only: True: rows of `inputs_length + targets_length` tokens for a decoder-only
            model; pocket's are packed as such, others are `joined`.

    Raises:
        InputError: there are no such files, or fewer batches.
    """
    if data == "pocket":
        stream, vocabulary_size = _pocket(rows, inputs_length, targets_length, decoder_only)
    elif data == "synthetic":
        rng, vocabulary_size = np.random.default_rng(0), T5_VOCABULARY
        stream = (_synthetic(rng, rows, inputs_length, targets_length) for _ in range(n))
    else:
        stream, vocabulary_size = _packed_files(Path(data))
    batches = [next(stream) for _ in range(n)]
    if decoder_only and data != "pocket":
        batches = [joined(batch) for batch in batches]
    for batch in batches:
        batch.pop("fate", None)
    return batches, vocabulary_size


def shape(batch: Batch) -> dict[str, int]:
    """Rows of a batch, and their lengths; a decoder-only row has both of them together."""
    rows, targets = batch["decoder_target_tokens"].shape
    if "decoder_loss_tokens" in batch:
        whole, targets = targets, batch["decoder_loss_tokens"].shape[1]
        return {"rows": rows, "inputs_length": whole - targets, "targets_length": targets}
    inputs = batch["encoder_input_tokens"].shape[1]
    return {"rows": rows, "inputs_length": inputs, "targets_length": targets}


def joined(batch: Batch) -> Batch:
    """A decoder-only model's rows with the examples that an encoder-decoder's rows hold, row by
    row, so that all of them fit."""
    segments = np.concatenate([batch[f"{side}_segment_ids"] for side in SIDES], axis=1)
    # A stable order by segment: inputs, which come first here, stay before their targets.
    order = np.argsort(np.where(segments > 0, segments, segments.max() + 1), kind="stable")
    tokens = np.concatenate([batch[name] for name in SIDES.values()], axis=1)
    weights = (tokens > 0) & (np.arange(tokens.shape[1]) >= batch["encoder_input_tokens"].shape[1])
    found = {"segment_ids": segments, "target_tokens": tokens, "loss_weights": weights}
    row = {name: np.take_along_axis(array, order, axis=1) for name, array in found.items()}
    starts = np.diff(row["segment_ids"], axis=1, prepend=0) > 0
    index = np.arange(tokens.shape[1])
    since = index - np.maximum.accumulate(np.where(starts, index, 0), axis=1)
    row["positions"] = np.where(row["segment_ids"] > 0, since, 0)
    # An encoder-decoder's targets are packed in the order of their segments already.
    row["loss_tokens"] = batch["decoder_target_tokens"]
    return {f"decoder_{name}": array.astype(np.int32) for name, array in row.items()}


def useful_tokens(batch: Batch) -> int:
    """Input and target tokens that are no padding."""
    return sum(int((segments > 0).sum()) for _, segments in _inputs_and_targets(batch))


def examples(batch: Batch) -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets of the examples that lie packed in a batch."""
    (inputs, of_input), (targets, of_target) = _inputs_and_targets(batch)
    return [
        (inputs[row][of_input[row] == segment], targets[row][of_target[row] == segment])
        for row in range(len(targets))
        for segment in range(1, of_target[row].max() + 1)
    ]


def _inputs_and_targets(batch: Batch) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Tokens of the inputs and of the targets, each with the segments that hold them."""
    tokens, segments = batch["decoder_target_tokens"], batch["decoder_segment_ids"]
    if "encoder_input_tokens" in batch:
        return (batch["encoder_input_tokens"], batch["encoder_segment_ids"]), (tokens, segments)
    is_target = batch["decoder_loss_weights"] > 0
    return (tokens, segments * ~is_target), (tokens, segments * is_target)


def _pocket(rows: int, inputs_length: int, targets_length: int, decoder_only: bool):
    from flanrepro.data.packing import packed_batches
    from flanrepro.training.spec import RunSpec

    spec = RunSpec("pocket", "nano", "pocket", 1, 1, inputs_length, targets_length, 1.0)
    vocabulary = spec.load_vocabulary()
    how = {"inputs_length": inputs_length, "targets_length": targets_length, "prefetch": 0}
    how |= {"batch_size": rows, "decoder_only": decoder_only}
    return packed_batches(spec.load_mixture(), vocabulary, **how), vocabulary.size


def _packed_files(folder: Path):
    from ci.gpu.packed_files import open_packed

    packed = open_packed(folder)
    if packed is None:
        raise InputError(
            f"no packed files in {folder}: give pocket, synthetic, or the folder of a run that "
            "`ci.gpu.packed_writer.write_packed` wrote batches for"
        )
    stream = packed.batches()
    stream.set_state({"next": packed.first})
    return stream, packed.config.vocab_size


LENGTHS = {"encoder": (5.25, 1.14), "decoder": (2.20, 1.46)}
"""Mean and deviation of the logarithm of a prompt's tokens, its inputs and its targets, over 4,000
prompts of the mixture flan2022, half of them few-shot, in the vocabulary flan2022-4096."""

TRIES = 8


def _synthetic(rng: np.random.Generator, rows: int, inputs_length: int, targets_length: int):
    """A batch of rows, each with examples until `TRIES` in a row find no room in it."""
    length = {"encoder": inputs_length, "decoder": targets_length}
    batch = {}
    for side, n in length.items():
        for name in (SIDES[side], f"{side}_segment_ids", f"{side}_positions"):
            batch[name] = np.zeros((rows, n), np.int32)
    for row in range(rows):
        used, segment, missed = dict.fromkeys(length, 0), 0, 0
        while missed < TRIES:
            # Inputs are cut to a row, as in training; an example with longer targets is dropped.
            drawn = {side: int(np.exp(rng.normal(*LENGTHS[side]))) + 1 for side in length}
            drawn["encoder"] = min(drawn["encoder"], inputs_length)
            if any(used[side] + drawn[side] > length[side] for side in length):
                missed += 1
                continue
            missed, segment = 0, segment + 1
            for side, n in drawn.items():
                at = slice(used[side], used[side] + n)
                batch[SIDES[side]][row, at] = rng.integers(3, T5_VOCABULARY - 100, n)
                batch[f"{side}_segment_ids"][row, at] = segment
                batch[f"{side}_positions"][row, at] = np.arange(n)
                used[side] += n
    return batch
