"""A model whose parameters are no numbers answers nothing, wherever they come from."""

import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.evaluation.predict import decode, rank
from flanrepro.experiments.load import load
from flanrepro.model.finite import not_finite
from flanrepro.model.tree import as_float32, flat, nested


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [np.asarray, jax.numpy.asarray])
def test_one_number_that_is_none_is_named_before_anything_is_answered(number, where):
    model = load("pocket-nano")
    leaves = {name: np.array(leaf) for name, leaf in flat(model.params).items()}
    assert not_finite(leaves) == ""
    leaves["encoder/relpos_bias/rel_embedding"][2, 31] = number
    params = nested({name: where(leaf) for name, leaf in leaves.items()})
    odd = dataclasses.replace(model, params=params)
    said = r"the parameter 'encoder/relpos_bias/rel_embedding' has numbers that are infinite or NaN"
    for answer in (
        lambda: decode(odd, [model.vocabulary.encode("the red cup")], 4),
        lambda: rank(odd, [model.vocabulary.encode("the red cup")], [["yes", "no"]]),
    ):
        with pytest.raises(InputError, match=said):
            answer()


def test_numbers_beyond_float32_are_counted_and_the_first_is_told():
    array = np.ones((2, 3))
    array[1] = 1e39, 2.0, np.nan
    with pytest.raises(InputError, match=r"^a.bin: tensor 'x' has 2 numbers .* first is 1e\+39: "):
        as_float32("x", array, "a.bin")
    largest = np.full(4, np.finfo(np.float32).max)  # their sum is beyond it
    assert as_float32("x", largest, "a.bin") is largest
    assert as_float32("x", np.ones((0, 3)), "a.bin").shape == (0, 3)
