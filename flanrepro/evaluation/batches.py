"""From a suite's items to padded batches of tokens: shortened prompts, buckets, batch sizes."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flanrepro.collection.prompt import Prompt, shorten
from flanrepro.collection.suites import Item, instruction
from flanrepro.collection.task import Suite
from flanrepro.data.vocabulary import EOS, Vocabulary
from flanrepro.errors import InputError
from flanrepro.model.sizes import T5Config
from flanrepro.workers import cores

LENGTH_STEP = 16
"""Number of tokens of whose multiples inputs are padded to one."""

SHORTEST = 32
"""Number of tokens of the shortest of the lengths that evaluations share."""

BATCH_TOKENS, CPU_BATCH_TOKENS, CPU_ROW_WIDTH = 65536, 2048, 16
"""Number of input tokens per batch at most, padding included. An accelerator wants many. On a CPU
the keys and values of a small batch stay in the caches, from where every token of the output reads
them; but every token reads all weights, too, so a batch has at least a row per `CPU_ROW_WIDTH` of
the model's width. With both, batches of `nano` and `small` were the quickest of 8 to 96 rows on two
cores."""

COMPILE_WORK, CPU_COMPILE_WORK, TOKEN_WORK = 1.5e12, 4.5e9, 1e5
"""Times as numbers of multiplications per layer: to compile a layer, about a quarter of a second, a
tenth of it, since programs are kept and serve some ten evaluations; and to read a token, besides
its products with weights and keys. The CPU's were measured on two cores, where `nano` reads 250,000
tokens/s and `small` 10,000."""

MEMORY_SHARE = 0.3
"""Share of the free memory that a batch may take, by the estimate of `rows_per_batch`; on a CPU two
batches are computed at once."""


class PromptCut(UserWarning):
    """Evaluation prompts were longer than the model's length even without exemplars."""


@dataclass(frozen=True)
class Asked:
    """A prompt as it is put to the model.

    Attributes:
        prompt: prompt with as many of its exemplars as fit.
        ids: ids of its inputs, with EOS.
        shortened: number of exemplars that it lost.
        cut: number of tokens that were cut out, behind the instruction.
    """

    prompt: Prompt
    ids: list[int]
    shortened: int = 0
    cut: int = 0


def encode_items(
    items: Sequence[Item], suite: Suite, vocabulary: Vocabulary, inputs_length: int
) -> list[Asked]:
    """Encodes the items' prompts in at most `inputs_length` tokens.

    A prompt that is too long loses exemplars, whole, until it fits. One that is too long without
    exemplars keeps its instruction and its end, which holds the question; a warning counts these.

    Raises:
        InputError: an instruction alone is too long.
    """
    # In one call, which is faster: few prompts are too long and encoded again.
    encoded = vocabulary.encode_batch([item.prompt.inputs for item in items])
    tasks = {task.name: task for task in suite.tasks}

    def fits(prompt: Prompt) -> bool:
        return len(vocabulary.encode(prompt.inputs)) < inputs_length

    asked = []
    for item, ids in zip(items, encoded, strict=True):
        prompt, cut = item.prompt, 0
        if len(ids) >= inputs_length:
            prompt = shorten(prompt, tasks[prompt.task], fits)
            ids = vocabulary.encode(prompt.inputs)
            cut = max(0, len(ids) + 1 - inputs_length)
        if cut:
            said = vocabulary.encode(instruction(tasks[prompt.task], prompt).strip())
            ids = _cut(ids, len(said), cut, prompt)
        lost = len(item.prompt.exemplars) - len(prompt.exemplars)
        asked.append(Asked(prompt, [*ids, EOS], lost, cut))
    _warn(asked, inputs_length)
    return asked


def _cut(ids: list[int], said: int, cut: int, prompt: Prompt) -> list[int]:
    """Takes `cut` ids out behind the `said` ids of the instruction."""
    if said + cut >= len(ids):
        raise InputError(
            f"task '{prompt.task}', {prompt.split} record {prompt.record}: the instruction alone "
            f"has {said} tokens, and {len(ids) + 1 - cut} is the longest input: raise inputs_length"
        )
    return ids[:said] + ids[said + cut :]


def _warn(asked: Sequence[Asked], inputs_length: int) -> None:
    cut = [one for one in asked if one.cut]
    if cut:
        worst = max(cut, key=lambda one: one.cut)
        warnings.warn(
            f"{len(cut)} of {len(asked)} prompts have more than {inputs_length} tokens without any "
            f"exemplar; what follows their instruction was cut off, {worst.cut} tokens of task "
            f"'{worst.prompt.task}', {worst.prompt.split} record {worst.prompt.record}, at most: "
            f"raise inputs_length",
            PromptCut,
            stacklevel=4,
        )


@dataclass(frozen=True)
class Batch:
    """Inputs of like length.

    Attributes:
        tokens: int32 [batch, length], padded with 0.
        index: position of each row in the inputs; the last rows may be padding alone, without one.
    """

    tokens: np.ndarray
    index: list[int]


def batches(
    encoded: Sequence[Sequence[int]], config: T5Config, targets: Sequence[int] | int
) -> list[tuple[Batch, int]]:
    """Groups inputs of like length with targets of like length.

    All batches of a length have one shape, so that the model is compiled once for it; there are as
    many lengths as save more time in padding than they cost in compilation. For the same reason
    evaluations share shapes: a batch is as long and as full as others are wherever that padding
    costs less than a compilation.

    Args:
        encoded: ids of each input.
        config: dimensions of the model, for the time and the memory that a row takes.
        targets: number of tokens of each input's targets; or the most that are generated, for all.

    Returns:
        batches, each with the length of its targets.
    """
    groups: dict[int, list[int]] = {}
    for i in range(len(encoded)):
        behind = targets if isinstance(targets, int) else _bucket(targets[i])
        groups.setdefault(behind, []).append(i)
    made, lengths = [], [len(ids) for ids in encoded]
    for behind, rows in sorted(groups.items()):
        for length, same in _by_length(rows, lengths, config, behind).items():
            most, work = rows_per_batch(config, length, behind), _work(config, length, behind)
            size = _rows(len(same), most, work)
            for start in range(0, len(same), size):
                index = same[start : start + size]
                tokens = padded([encoded[i] for i in index], (size, length))
                made.append((Batch(tokens, index), behind))
    return made


def _rows(count: int, most: int, work: float) -> int:
    """Gives the rows of each batch: `most`, or eighths of it, if the padding costs less than
    compiling another program; else the fewest for the number of batches."""
    number = -(-count // most)
    even, eighth = -(-count // number), -(-most // 8)
    for rows in (most, min(most, -(-even // eighth) * eighth)):
        if (number * rows - count) * work < _compiling():
            return rows
    return even


def _by_length(
    rows: Sequence[int], lengths: Sequence[int], config: T5Config, behind: int
) -> dict[int, list[int]]:
    """Groups rows by the length that they are padded to, for the least time in all.

    A group more costs a compilation and saves padding. The best grouping of sorted lengths follows
    from those of fewer lengths (dynamic programming).
    """
    members: dict[int, list[int]] = {}
    for i in rows:
        members.setdefault(-(-lengths[i] // LENGTH_STEP) * LENGTH_STEP, []).append(i)
    steps = sorted(members)
    # best[n] is the least work for the n shortest steps, and where the last group of them begins.
    best, compiling = [(0.0, 0)], _compiling()
    for end, length in enumerate(steps, 1):
        options, count, work = [], 0, _work(config, length, behind)
        for start in reversed(range(end)):
            count += len(members[steps[start]])
            options.append((best[start][0] + compiling + count * work, start))
        best.append(min(options))
    # Backwards, from each group to the one before it.
    grouped, end = {}, len(steps)
    while end:
        start, length = best[end][1], steps[end - 1]
        same = [i for step in steps[start:end] for i in members[step]]
        shared = _shared_length(length)
        more = _work(config, shared, behind) - _work(config, length, behind)
        if len(same) * more < compiling:
            length = shared
        grouped[length] = same + grouped.get(length, [])
        end = start
    return grouped


def _shared_length(length: int) -> int:
    """Rounds up to a length that evaluations share: a quarter, from half on, of a power of two."""
    power = max(SHORTEST, 1 << (length - 1).bit_length())
    step = max(LENGTH_STEP, power // 8)
    return max(SHORTEST, -(-length // step) * step)


def _compiling() -> float:
    return CPU_COMPILE_WORK if _on_cpu() else COMPILE_WORK


def _work(config: T5Config, length: int, behind: int) -> float:
    """Estimates a row's cost in a layer, in multiplications of matrix products.

    Args:
        config: dimensions of the model.
        length: number of tokens of the inputs.
        behind: number of tokens of the targets.
    """
    joined = config.num_heads * config.head_dim
    weights = config.emb_dim * (4 * joined + 3 * config.mlp_dim)
    # Attention's two products with keys and values, and a softmax that takes as long as both.
    inputs = weights + TOKEN_WORK + 4 * joined * length
    targets = weights + TOKEN_WORK + config.emb_dim * config.vocab_size / config.num_decoder_layers
    # Decoding has a step per token, whose products of few rows take three times as long a row as
    # those of many tokens. Ranking has no steps, but its targets are few, and are counted alike.
    return length * inputs + 3 * behind * targets


def padded(rows: Sequence[Sequence[int]], shape: tuple[int, int]) -> np.ndarray:
    """Pads rows with 0, behind and below, to an int32 array of `shape`."""
    array = np.zeros(shape, np.int32)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def _bucket(length: int) -> int:
    """Rounds up to a power of two, at least 8: few lengths are few programs to compile."""
    return max(8, 1 << (length - 1).bit_length())


def rows_per_batch(config: T5Config, inputs_length: int, targets_length: int) -> int:
    """Estimates how many inputs a batch may have, by the free memory and by `BATCH_TOKENS`."""
    # Numbers per input in a layer's attention and states, in the cache and in the logits.
    heads, joined = config.num_heads, config.num_heads * config.head_dim
    whole = inputs_length + targets_length
    # A decoder-only model has inputs and targets in one row.
    attention = 3 * heads * (whole if config.decoder_only else inputs_length) * whole
    states = inputs_length * (8 * config.emb_dim + 3 * config.mlp_dim)
    cache = 2 * config.num_decoder_layers * joined * whole
    logits = 2 * targets_length * config.vocab_size
    # 4 bytes each, as float32 has them.
    fitting = MEMORY_SHARE * _free_memory() / (4 * (attention + states + cache + logits))
    return max(1, int(min(fitting, _wanted_rows(config, inputs_length))))


def _wanted_rows(config: T5Config, inputs_length: int) -> int:
    if not _on_cpu():
        return BATCH_TOKENS // inputs_length
    return max(CPU_BATCH_TOKENS // inputs_length, config.emb_dim // CPU_ROW_WIDTH)


def batches_at_once() -> int:
    """Gives the number of batches that a device computes at a time.

    A small model's operations are too short for all of a CPU's cores: two batches use them better.
    """
    return min(2, len(cores())) if _on_cpu() else 1


def _on_cpu() -> bool:
    import jax

    return jax.default_backend() == "cpu"


def _free_memory() -> float:
    """Gives the free bytes of this process's device; a guess where it does not say."""
    import jax

    stats = None if _on_cpu() else jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # macOS and Windows have no such number
        return 4e9
