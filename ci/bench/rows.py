"""Packed batches to measure train steps on, and the same examples one by one."""

from pathlib import Path

import numpy as np

from flanrepro.errors import InputError

T5_VOCABULARY = 32_128
Batch = dict[str, np.ndarray]
"""int32 arrays by T5X's names, as `flanrepro.data.packing.pack` gives them."""


def packed_rows(
    data: str, n: int, rows: int, inputs_length: int, targets_length: int
) -> tuple[list[Batch], int]:
    """`n` batches of packed rows, without `fate`; and the vocabulary's size.

    Args:
        data: `pocket`: its prompts, as in a run on them (needs Grain); `synthetic`: random tokens
            in segments as long as prompts of Flan 2022 are; or the folder of a run with packed
            files, see `ci.gpu.packed_files`, whose rows and lengths are its own.
        n, rows, inputs_length, targets_length: number and shape of the batches.

    Raises:
        InputError: there are no such files, or fewer batches.
    """
    if data == "pocket":
        stream, vocabulary_size = _pocket(rows, inputs_length, targets_length)
    elif data == "synthetic":
        rng, vocabulary_size = np.random.default_rng(0), T5_VOCABULARY
        stream = (_synthetic(rng, rows, inputs_length, targets_length) for _ in range(n))
    else:
        stream, vocabulary_size = _packed_files(Path(data))
    batches = [next(stream) for _ in range(n)]
    for batch in batches:
        batch.pop("fate", None)
    return batches, vocabulary_size


def shape(batch: Batch) -> dict[str, int]:
    """Rows of a batch, and their lengths."""
    rows, inputs = batch["encoder_input_tokens"].shape
    targets = batch["decoder_target_tokens"].shape[1]
    return {"rows": rows, "inputs_length": inputs, "targets_length": targets}


def useful_tokens(batch: Batch) -> int:
    """Input and target tokens that are no padding."""
    return sum(int((batch[f"{side}_segment_ids"] > 0).sum()) for side in ("encoder", "decoder"))


def examples(batch: Batch) -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets of the examples that lie packed in a batch."""
    inputs, targets = batch["encoder_segment_ids"], batch["decoder_segment_ids"]
    return [
        (
            batch["encoder_input_tokens"][row][inputs[row] == segment],
            batch["decoder_target_tokens"][row][targets[row] == segment],
        )
        for row in range(len(targets))
        for segment in range(1, targets[row].max() + 1)
    ]


def _pocket(rows: int, inputs_length: int, targets_length: int):
    from flanrepro.data.packing import packed_batches
    from flanrepro.training.spec import RunSpec

    spec = RunSpec("pocket", "nano", "pocket", 1, 1, inputs_length, targets_length, 1.0)
    vocabulary = spec.load_vocabulary()
    lengths = {"inputs_length": inputs_length, "targets_length": targets_length}
    stream = packed_batches(spec.load_mixture(), vocabulary, batch_size=rows, **lengths, prefetch=0)
    return stream, vocabulary.size


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
    tokens = {"encoder": "encoder_input_tokens", "decoder": "decoder_target_tokens"}
    batch = {}
    for side, n in length.items():
        for name in (tokens[side], f"{side}_segment_ids", f"{side}_positions"):
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
                batch[tokens[side]][row, at] = rng.integers(3, T5_VOCABULARY - 100, n)
                batch[f"{side}_segment_ids"][row, at] = segment
                batch[f"{side}_positions"][row, at] = np.arange(n)
                used[side] += n
    return batch
