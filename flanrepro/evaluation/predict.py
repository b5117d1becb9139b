"""From prompts to generated text: greedy decoding in length buckets."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flanrepro.collection.prompt import Prompt
from flanrepro.data.vocabulary import EOS, Vocabulary

BUCKETS = (32, 64, 128, 256, 512, 1024, 2048)
"""Padded lengths of inputs, in tokens: the decoder is compiled once for each that occurs."""

BATCH_TOKENS, CPU_BATCH_TOKENS = 8192, 2048
"""Input tokens per decoded batch, padding included: an accelerator wants many; on a CPU each token
of the output reads the keys and values of the whole batch, and fewer of them stay in its caches."""


class PromptCut(UserWarning):
    """An evaluation prompt was longer than the model's length."""


@dataclass(frozen=True)
class Inputs:
    """Encoded prompts in one bucket: `tokens` int32 [batch, length], `index` into the prompts."""

    tokens: np.ndarray
    index: list[int]


def encode_prompt(prompt: Prompt, vocabulary: Vocabulary, inputs_length: int) -> list[int]:
    """Ids with EOS, at most `inputs_length`; the front of a longer prompt is cut off.

    The end is kept, since it holds the question; a warning says which prompt was cut.
    """
    ids = [*vocabulary.encode(prompt.inputs), EOS]
    if len(ids) > inputs_length:
        warnings.warn(
            f"task '{prompt.task}', {prompt.split} record {prompt.record} ({prompt.setting}): the "
            f"prompt has {len(ids)} tokens and the model's length is {inputs_length}, so its front "
            "is cut off: raise inputs_length or take fewer shots",
            PromptCut,
            stacklevel=2,
        )
        ids = ids[-inputs_length:]
    return ids


def batch_tokens() -> int:
    """Input tokens per decoded batch on this process's device."""
    import jax

    return CPU_BATCH_TOKENS if jax.default_backend() == "cpu" else BATCH_TOKENS


def in_buckets(encoded: Sequence[Sequence[int]], inputs_length: int) -> list[Inputs]:
    """Batches of prompts of like length, each padded to its bucket's length and batch size."""
    lengths = [b for b in BUCKETS if b < inputs_length] + [inputs_length]
    members: dict[int, list[int]] = {length: [] for length in lengths}
    for i, ids in enumerate(encoded):
        members[next(length for length in lengths if len(ids) <= length)].append(i)
    batches = []
    for length, rows in members.items():
        size = max(1, batch_tokens() // length)
        for start in range(0, len(rows), size):
            index = rows[start : start + size]
            tokens = np.zeros((size, length), np.int32)
            for row, i in enumerate(index):
                tokens[row, : len(encoded[i])] = encoded[i]
            batches.append(Inputs(tokens, index))
    return batches


def predict(
    config,
    params: dict,
    vocabulary: Vocabulary,
    prompts: Sequence[Prompt],
    *,
    inputs_length: int,
    targets_length: int,
) -> list[str]:
    """The greedy continuation of each prompt, in the prompts' order.

    Args:
        config: the model's `T5Config`.
        params: its parameters.
        vocabulary: the one that it was trained with.
        prompts: any number of them.
        inputs_length: longest input, in tokens.
        targets_length: tokens generated at most.
    """
    from flanrepro.model.decoding import greedy_decode

    encoded = [encode_prompt(prompt, vocabulary, inputs_length) for prompt in prompts]
    texts = [""] * len(prompts)
    for batch in in_buckets(encoded, inputs_length):
        generated = np.asarray(greedy_decode(config, params, batch.tokens, targets_length))
        for i, ids in zip(batch.index, generated, strict=False):
            texts[i] = vocabulary.decode(ids)
    return texts
