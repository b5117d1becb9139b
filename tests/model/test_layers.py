import numpy as np
import pytest

from flanrepro.model.layers import MLP, RMSNorm, last_argmax, relative_buckets

# Key position less query position, and its bucket as T5X has it, at the edges of buckets.
DISTANCES = (-300, -128, -100, -64, -63, -46, -45, -31, -16, -15, -8, -7, -1, 0)
DISTANCES += (1, 7, 8, 9, 15, 16, 31, 32, 45, 46, 63, 64, 90, 91, 300)
BIDIRECTIONAL = (15, 15, 15, 14, 13, 13, 12, 11, 10, 9, 8, 7, 1, 0)
BIDIRECTIONAL += (17, 23, 24, 24, 25, 26, 27, 28, 28, 29, 29, 30, 30, 31, 31)
CAUSAL = (31, 31, 30, 26, 26, 24, 23, 21, 16, 15, 8, 7, 1, 0) + (0,) * 15


@pytest.mark.parametrize("bidirectional, expected", [(True, BIDIRECTIONAL), (False, CAUSAL)])
def test_distances_fall_into_t5x_s_buckets(bidirectional, expected):
    buckets = relative_buckets(301, 601, bidirectional)
    assert buckets.shape == (301, 601)
    assert tuple(buckets[300, 300 + distance] for distance in DISTANCES) == expected
    np.testing.assert_array_equal(buckets[:-1, :-1], buckets[1:, 1:])


def test_mlp_is_gated_by_the_tanh_approximation_of_gelu(config):
    identity = np.eye(config.emb_dim, config.mlp_dim, dtype=np.float32)
    kernels = {"wi_0": identity, "wi_1": 2 * identity, "wo": identity.T}
    params = {name: {"kernel": kernel} for name, kernel in kernels.items()}
    x = np.linspace(-3, 3, config.emb_dim, dtype=np.float32)[None, None]
    gelu = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    # The exact GELU is off by up to 5e-4 here.
    np.testing.assert_allclose(MLP(config).apply({"params": params}, x), gelu * 2 * x, atol=1e-5)


def test_norm_divides_by_the_root_mean_square_and_subtracts_nothing():
    x = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    scale = np.array([1.0, 2.0], np.float32)
    normed = RMSNorm("float32").apply({"params": {"scale": scale}}, x)
    np.testing.assert_allclose(normed, x / np.sqrt(12.5) * scale, rtol=1e-6)


def test_the_first_of_several_maxima_is_taken_as_by_numpy():
    x = np.random.default_rng(0).integers(0, 4, (64, 7, 11)).astype(np.float32)
    np.testing.assert_array_equal(last_argmax(x), x.argmax(axis=-1))
    assert last_argmax(np.full((1, 5), np.nan)).tolist() == [4]
