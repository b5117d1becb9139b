import dataclasses
import subprocess
import sys

import pytest

from flanrepro.model.network import param_count
from flanrepro.model.sizes import MODELS, t5_config

# emb_dim, heads, layers per stack, mlp_dim: T5X's gin files of T5.1.1.
T5X_SIZES = {
    "small": (512, 6, 8, 1024),
    "base": (768, 12, 12, 2048),
    "large": (1024, 16, 24, 2816),
    "xl": (2048, 32, 24, 5120),
    "xxl": (4096, 64, 24, 10240),
}


@pytest.mark.parametrize("size", T5X_SIZES)
def test_released_sizes_are_t5x_s(size):
    config = t5_config(size, vocab_size=32128)
    layers = config.num_encoder_layers
    assert config.num_decoder_layers == layers and config.head_dim == 64
    assert (config.emb_dim, config.num_heads, layers, config.mlp_dim) == T5X_SIZES[size]


@pytest.mark.parametrize(
    "size, vocab_size, low, high",
    [
        ("nano", 512, 0.22e6, 0.30e6),
        ("micro", 512, 0.4e6, 0.5e6),
        ("mini", 512, 6e6, 9e6),
        # Released checkpoints: 77 M (small), 248 M (base), 11.1 B (xxl).
        ("small", 32128, 76.9e6, 77.0e6),
        ("base", 32128, 247.5e6, 247.7e6),
        ("xxl", 32128, 11.13e9, 11.14e9),
    ],
)
def test_sizes_have_as_many_parameters_as_their_names_promise(size, vocab_size, low, high):
    config = t5_config(size, vocab_size)
    assert low <= param_count(config) <= high
    tied = dataclasses.replace(config, logits_via_embedding=True)
    assert [one.parameters for one in (config, tied)] == [param_count(config), param_count(tied)]


def test_unknown_size_is_an_error_that_lists_the_valid_ones():
    with pytest.raises(ValueError, match="'huge'") as error:
        t5_config("huge", 512)
    assert all(size in str(error.value) for size in MODELS)


def test_sizes_need_no_jax():
    code = "import sys, flanrepro.model.sizes; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
