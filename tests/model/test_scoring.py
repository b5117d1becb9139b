import jax
import numpy as np
import pytest

from flanrepro.model.scoring import token_log_likelihoods
from flanrepro.model.t5 import Transformer

LENGTHS = ((3, 2, 3), (2, 5))
"""Tokens of the targets of two inputs; lengths that repeat save a compilation each."""


@pytest.fixture
def inputs(tokens):
    inputs = tokens(2, 12)
    inputs[1, 7:] = 0
    return inputs


@pytest.fixture
def rows(tokens):
    """Decoder inputs, targets and segments [2, 10], the last two and three of them padding."""
    inputs, targets, segments = (np.zeros((2, 10), np.int32) for _ in range(3))
    for i, lengths in enumerate(LENGTHS):
        start = 0
        for segment, length in enumerate(lengths, 1):
            end = start + length
            targets[i, start:end] = tokens(length)
            inputs[i, start + 1 : end] = targets[i, start : end - 1]
            segments[i, start:end] = segment
            start = end
    return inputs, targets, segments


def test_each_target_has_the_log_likelihoods_that_it_has_alone(config, params, inputs, rows):
    scores = np.asarray(token_log_likelihoods(config, params, inputs, *rows))
    assert scores.shape == (2, 10) and scores.dtype == np.float32
    _, targets, segments = rows
    for i, lengths in enumerate(LENGTHS):
        for segment in range(1, len(lengths) + 1):
            target = targets[i, segments[i] == segment]
            shifted = np.pad(target, (1, 0))[:-1]
            logits = jax.jit(Transformer(config).apply)(
                {"params": params}, inputs[i : i + 1], shifted[None], target[None]
            )
            expected = np.asarray(jax.nn.log_softmax(logits[0]))[np.arange(len(target)), target]
            np.testing.assert_allclose(scores[i, segments[i] == segment], expected, atol=2e-4)


def test_padding_and_other_targets_change_no_log_likelihood(config, params, inputs, rows):
    scores = np.asarray(token_log_likelihoods(config, params, inputs, *rows))
    longer = np.pad(inputs, ((0, 1), (0, 5)))
    decoder = [np.pad(row, ((0, 1), (0, 3))) for row in rows]
    decoder[1][0, 3:8] = 7  # the targets behind the first
    padded = np.asarray(token_log_likelihoods(config, params, longer, *decoder))
    np.testing.assert_allclose(padded[0, :3], scores[0, :3], atol=2e-4)
    np.testing.assert_allclose(padded[1, :7], scores[1, :7], atol=2e-4)
