import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.training.optimizer import OPTIMIZERS, Falling, make_optimizer, make_schedule


def test_warm_up_rises_linearly_and_then_stays():
    schedule = make_schedule(0.4, warmup_steps=4)
    rates = [float(schedule(step)) for step in (0, 1, 2, 4, 5, 1000)]
    assert rates == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.4, 0.4])


def test_without_warm_up_the_rate_is_constant():
    schedule = make_schedule(0.4, warmup_steps=0)
    assert [float(schedule(step)) for step in (0, 1, 1000)] == pytest.approx([0.4] * 3)


def test_the_rate_falls_linearly_to_nothing_over_the_last_steps():
    schedule = make_schedule(Falling(0.4, steps=10, decay_steps=4), warmup_steps=2)
    rates = [float(schedule(step)) for step in range(11)]
    expected = [0.0, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1, 0.0]
    assert rates == pytest.approx(expected)


def test_an_optimizer_takes_a_falling_rate():
    optimizer = make_optimizer("adamw", Falling(0.1, steps=2, decay_steps=2))
    params, gradients = {"kernel": jnp.ones(2)}, {"kernel": jnp.ones(2)}
    state, moved = optimizer.init(params), []
    for _ in range(3):
        step, state = optimizer.update(gradients, state, params)
        moved.append(float(step["kernel"][0]))
    assert moved == pytest.approx([-0.1, -0.05, 0.0], rel=1e-4)


def test_an_unknown_optimizer_is_an_error_that_lists_the_known_ones():
    with pytest.raises(
        InputError, match="unknown optimizer 'sgd': choose one of adafactor, adamw, muon"
    ):
        make_optimizer("sgd", 0.1)


def updates(name: str, params: dict, gradients: dict) -> dict:
    optimizer = make_optimizer(name, 0.01)
    return optimizer.update(gradients, optimizer.init(params), params)[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_parameter_moves_against_its_gradient(name):
    params = {"kernel": jnp.ones((3, 4)), "scale": jnp.ones(4), "rel_embedding": jnp.ones((2, 5))}
    gradients = jax.tree.map(lambda p: jnp.linspace(-1, 1, p.size).reshape(p.shape) + 0.01, params)
    moved = updates(name, params, gradients)
    for part in params:
        if (name, part) == ("muon", "kernel"):
            # An orthogonal step goes against a kernel's gradient as a whole, not in every number.
            assert float(jnp.vdot(moved[part], gradients[part])) < 0
        else:
            np.testing.assert_array_equal(np.sign(moved[part]), -np.sign(gradients[part]))


def test_adamws_first_step_is_the_rate_and_some_parameters_move_further():
    params = {name: jnp.ones(3) for name in ("kernel", "rel_embedding", "embedding")}
    gradients = {name: jnp.array([1.0, -2.0, 3.0]) for name in params}
    moved = updates("adamw", params, gradients)
    np.testing.assert_allclose(moved["kernel"], [-0.01, 0.01, -0.01], rtol=1e-4)
    np.testing.assert_allclose(moved["rel_embedding"], 10 * moved["kernel"], rtol=1e-4)
    np.testing.assert_allclose(moved["embedding"], 8 * moved["kernel"], rtol=1e-4)


def test_adafactors_step_is_relative_to_the_parameters_scale():
    small, large = (
        updates("adafactor", {"w": jnp.full(4, scale)}, {"w": jnp.ones(4)})["w"]
        for scale in (1.0, 100.0)
    )
    np.testing.assert_allclose(large, 100 * small, rtol=1e-5)
    assert float(small[0]) == pytest.approx(-0.01, rel=1e-3)


def test_muons_step_is_orthogonal_for_kernels_and_adamws_for_the_rest():
    key = jax.random.key(0)
    params = {
        "mlp": {"kernel": jnp.ones((8, 16))},
        "logits_dense": {"kernel": jnp.ones((8, 16))},
        "token_embedder": {"embedding": jnp.ones((5, 8))},
    }
    gradients = jax.tree.map(lambda p: jax.random.normal(key, p.shape), params)
    moved = updates("muon", params, gradients)
    singular = np.linalg.svd(moved["mlp"]["kernel"], compute_uv=False)
    # Newton and Schulz's five steps bring all of them near the same value.
    assert singular.max() < 2 * singular.min()
    assert float(jnp.sqrt((moved["mlp"]["kernel"] ** 2).mean())) == pytest.approx(0.002, rel=0.3)
    inner = jnp.abs(moved["logits_dense"]["kernel"])
    np.testing.assert_allclose(inner, inner[0, 0], rtol=1e-3)
    np.testing.assert_allclose(
        jnp.abs(moved["token_embedder"]["embedding"]), 8 * inner[0, 0], rtol=1e-3
    )
