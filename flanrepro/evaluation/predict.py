"""Two ways to an answer: greedy decoding, and the log-likelihood of each option."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flanrepro.data.vocabulary import EOS
from flanrepro.evaluation.batches import batches, padded
from flanrepro.model.model import Model


def decode(model: Model, inputs: Sequence[Sequence[int]], targets_length: int) -> list[str]:
    """The greedy continuation of each input, in the inputs' order.

    Args:
        model: its parameters stay on the device as long as it lives.
        inputs: ids of each prompt, with EOS.
        targets_length: tokens generated at most.
    """
    from flanrepro.model.decoding import greedy_decode

    params, texts = model.on_device, [""] * len(inputs)
    for batch, length in batches(inputs, model.config, targets_length):
        generated = np.asarray(greedy_decode(model.config, params, batch.tokens, length))
        for i, ids in zip(batch.index, generated, strict=False):
            texts[i] = model.vocabulary.decode(ids)
    return texts


@dataclass(frozen=True)
class Ranked:
    """An input's options: their log-likelihoods, in nats, and their tokens, EOS included."""

    log_likelihoods: list[float]
    tokens: list[int]

    def best(self, per_token: bool = False) -> int:
        """The position of the likeliest option, or of the likeliest per token; first of equals."""
        values = np.asarray(self.log_likelihoods)
        return int(np.argmax(values / self.tokens if per_token else values))


def rank(
    model: Model, inputs: Sequence[Sequence[int]], options: Sequence[Sequence[str]]
) -> list[Ranked]:
    """The log-likelihood of each input's options, in the inputs' order.

    An input is encoded once, and its options are one row of the decoder, which keeps them apart.

    Args:
        model: its parameters stay on the device as long as it lives.
        inputs: ids of each prompt, with EOS.
        options: the texts to choose from, at least one per input.
    """
    from flanrepro.model.scoring import token_log_likelihoods

    params = model.on_device
    known = {text: [] for texts in options for text in texts}
    known = dict(zip(known, model.vocabulary.encode_batch(list(known)), strict=True))
    targets = [[[*known[text], EOS] for text in texts] for texts in options]
    totals, ranked = [sum(map(len, rows)) for rows in targets], [None] * len(inputs)
    for batch, length in batches(inputs, model.config, totals):
        rows = _option_rows([targets[i] for i in batch.index], (len(batch.tokens), length))
        scores = np.asarray(token_log_likelihoods(model.config, params, batch.tokens, *rows))
        for i, tokens in zip(batch.index, scores, strict=False):
            ranked[i] = _summed(tokens, [len(target) for target in targets[i]])
    return ranked


def _option_rows(rows: Sequence[Sequence[list[int]]], shape: tuple[int, int]) -> list[np.ndarray]:
    """Decoder inputs, targets and segments int32 of `shape`: each row's options in a line."""
    targets = padded([[i for option in row for i in option] for row in rows], shape)
    inputs = padded([[i for option in row for i in (0, *option[:-1])] for row in rows], shape)
    segments = [[n for n, option in enumerate(row, 1) for _ in option] for row in rows]
    return [inputs, targets, padded(segments, shape)]


def _summed(tokens: np.ndarray, lengths: list[int]) -> Ranked:
    starts = np.cumsum([0, *lengths[:-1]])
    totals = np.add.reduceat(tokens[: sum(lengths)].astype(np.float64), starts)
    # Rounding in float32 depends on the shape of a batch; what is equal is to stay equal.
    return Ranked([round(float(total), 4) for total in totals], lengths)
