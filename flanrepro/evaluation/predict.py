"""Two ways to an answer: greedy decoding, and the log-likelihood of each option."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from flanrepro.data.vocabulary import EOS
from flanrepro.errors import InputError
from flanrepro.evaluation.batches import batches, batches_at_once, padded
from flanrepro.model.model import Model
from flanrepro.model.soft_prompt import length_of, prompted


def decode(model: Model, inputs: Sequence[Sequence[int]], targets_length: int) -> list[str]:
    """Generates the greedy continuation of each input, in the inputs' order.

    Args:
        model: model whose parameters stay on the device as long as it lives.
        inputs: ids of each prompt, with EOS.
        targets_length: number of tokens generated at most.

    Raises:
        InputError: the model's logits are not finite.
    """
    # Here, so that scores are read and baselines answer without JAX's start.
    from flanrepro.model.decoding import greedy_decode

    texts, inputs = [""] * len(inputs), _prompted(model, inputs)
    made = batches(inputs, model.config, targets_length)
    answers = _called(greedy_decode, model, [(batch.tokens, length) for batch, length in made])
    for (batch, _), generated in zip(made, answers, strict=True):
        _check_finite(generated[: len(batch.index)].min(axis=1) >= 0, model)
        # Not strict: the last batch is filled up with rows of padding.
        for i, ids in zip(batch.index, generated, strict=False):
            texts[i] = model.vocabulary.decode(ids)
    return texts


def _called(function: Callable, model: Model, calls: Sequence[tuple]) -> Iterator[np.ndarray]:
    """Gives what a jitted function of a configuration, parameters and further arguments returns.

    A thread compiles the programs of all shapes, so that one is compiled while an earlier one runs.
    """
    shapes = [tuple(x if isinstance(x, int) else x.shape for x in call) for call in calls]
    of_shapes = dict(zip(shapes, calls, strict=True))  # one call of each
    compiler, runner = ThreadPoolExecutor(1), ThreadPoolExecutor(batches_at_once())
    try:
        ready = {
            shape: compiler.submit(_compile, function, model, call)
            for shape, call in of_shapes.items()
        }

        def run(shape: tuple, call: tuple) -> np.ndarray:
            ready[shape].result()
            return np.asarray(function(model.config, model.on_device, *call))

        yield from runner.map(run, shapes, calls)
    finally:
        compiler.shutdown(cancel_futures=True)
        runner.shutdown(cancel_futures=True)


def _compile(function: Callable, model: Model, call: tuple) -> None:
    # JAX keeps the program for the call itself, which compiles nothing then.
    function.lower(model.config, model.on_device, *call).compile()


def _prompted(model: Model, inputs: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
    """Puts the model's soft prompt, if it has one, before the inputs."""
    length = length_of(model.params)
    return [prompted(ids, length, model.config.vocab_size) for ids in inputs] if length else inputs


def _check_finite(finite: np.ndarray, model: Model) -> None:
    # NaN would be the most likely of all options, and the first option the answer of each item.
    if not finite.all():
        raise InputError(
            f"model '{model.name}' gives numbers that are not finite ({(~finite).sum()} of "
            f"{finite.size} in a batch), so it has no answers: its training diverged, or its file "
            f"is damaged; take another checkpoint, or dtype float32"
        )


@dataclass(frozen=True)
class Ranked:
    """An input's options.

    Attributes:
        log_likelihoods: nats per option.
        tokens: number of tokens per option, EOS included.
    """

    log_likelihoods: list[float]
    tokens: list[int]

    def best(self, per_token: bool = False) -> int:
        """Finds the likeliest option, in all or per token; the first of equals."""
        values = np.asarray(self.log_likelihoods)
        return int(np.argmax(values / self.tokens if per_token else values))


def rank(
    model: Model, inputs: Sequence[Sequence[int]], options: Sequence[Sequence[str]]
) -> list[Ranked]:
    """Scores each input's options, in the inputs' order.

    An input is encoded once, and its options are one row of the decoder, which keeps them apart.

    Args:
        model: model whose parameters stay on the device as long as it lives.
        inputs: ids of each prompt, with EOS.
        options: texts to choose from, at least one per input.

    Raises:
        InputError: the model's log-likelihoods are not finite.
    """
    from flanrepro.model.scoring import token_log_likelihoods

    inputs = _prompted(model, inputs)
    # Thousands of items share a few options: each text is encoded once.
    known = {text: [] for texts in options for text in texts}
    known = dict(zip(known, model.vocabulary.encode_batch(list(known)), strict=True))
    targets = [[[*known[text], EOS] for text in texts] for texts in options]
    totals, ranked = [sum(map(len, rows)) for rows in targets], [None] * len(inputs)
    made = batches(inputs, model.config, totals)
    calls = [
        (
            batch.tokens,
            *_option_rows([targets[i] for i in batch.index], (len(batch.tokens), length)),
        )
        for batch, length in made
    ]
    answers = _called(token_log_likelihoods, model, calls)
    for (batch, _), (*_, segments), scores in zip(made, calls, answers, strict=True):
        _check_finite(np.isfinite(scores[segments > 0]), model)
        for i, tokens in zip(batch.index, scores, strict=False):
            ranked[i] = _summed(tokens, [len(target) for target in targets[i]])
    return ranked


def _option_rows(rows: Sequence[Sequence[list[int]]], shape: tuple[int, int]) -> list[np.ndarray]:
    """Gives decoder inputs, targets and segments, int32 of `shape`: a row's options in a line."""
    # Each option's inputs begin with 0, as the decoder's of an example do.
    targets = padded([[i for option in row for i in option] for row in rows], shape)
    inputs = padded([[i for option in row for i in (0, *option[:-1])] for row in rows], shape)
    segments = [[n for n, option in enumerate(row, 1) for _ in option] for row in rows]
    return [inputs, targets, padded(segments, shape)]


def _summed(tokens: np.ndarray, lengths: list[int]) -> Ranked:
    starts = np.cumsum([0, *lengths[:-1]])
    totals = np.add.reduceat(tokens[: sum(lengths)].astype(np.float64), starts)
    # Rounding in float32 depends on the shape of a batch; what is equal is to stay equal.
    return Ranked([round(float(total), 4) for total in totals], lengths)
