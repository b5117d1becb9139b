"""Every form of a train step's parts computes what the plain one does; cuDNN's needs a GPU."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ci.bench.rows import joined as in_one_row
from ci.bench.variants import KEPT, VARIANTS
from flanrepro.errors import InputError
from flanrepro.model import kernels as module
from flanrepro.model.kernels import PLAIN, Kernels, chosen
from flanrepro.model.network import init_params
from flanrepro.model.sizes import t5_config
from flanrepro.training.step import gradients

ON_A_CPU = [name for name in VARIANTS if name not in ("plain", "cudnn")]


def kernels(variant: str) -> Kernels:
    if "tokamax" in variant:
        pytest.importorskip("tokamax", reason="tokamax is not installed (extra `gpu`)")
    return Kernels(**VARIANTS[variant])


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    """Two rows of an encoder-decoder, with several segments each and padding behind."""
    rng = np.random.default_rng(0)
    lengths = {"encoder": [[5, 4, 2], [9, 3]], "decoder": [[3, 2, 2], [4, 3]]}
    names = {"encoder": "encoder_input_tokens", "decoder": "decoder_target_tokens"}
    arrays = {}
    for side, length in {"encoder": 14, "decoder": 9}.items():
        segments, positions = np.zeros((2, 2, length), np.int32)
        for row, of_row in enumerate(lengths[side]):
            filled = np.repeat(np.arange(1, len(of_row) + 1), of_row)
            segments[row, : len(filled)] = filled
            positions[row, : len(filled)] = np.concatenate([np.arange(n) for n in of_row])
        tokens = rng.integers(3, 128, (2, length)) * (segments > 0)
        arrays[names[side]] = tokens.astype(np.int32)
        arrays |= {f"{side}_segment_ids": segments, f"{side}_positions": positions}
    return arrays


@pytest.fixture(scope="module", params=["nano", "lm-nano"])
def model(request, rows):
    """A configuration, parameters whose position biases are wide, and a batch."""
    config = t5_config(request.param, 128)
    one_each = {"num_encoder_layers": min(1, config.num_encoder_layers), "num_decoder_layers": 1}
    config = dataclasses.replace(config, **one_each)  # to compile in less time
    params = init_params(config, 0)
    for stack in params.keys() & {"encoder", "decoder"}:
        table = params[stack]["relpos_bias"]
        table["rel_embedding"] = 20 * table["rel_embedding"]
    return config, params, in_one_row(rows) if config.decoder_only else rows


@functools.partial(jax.jit, static_argnames=("config", "kernels", "remat", "microbatches"))
def computed(params, batch, config, kernels, remat=False, microbatches=1):
    key = jax.random.key(1) if config.dropout_rate else None
    grads, sums = gradients(params, config, 1e-3, batch, key, microbatches, remat, kernels)
    return sums.loss, grads


def assert_equal(found, expected) -> None:
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    leaves = jax.tree.leaves_with_path(found[1])
    for (path, mine), other in zip(leaves, jax.tree.leaves(expected[1]), strict=True):
        scale = np.abs(other).max()
        assert scale > 0, path
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5 * scale, err_msg=str(path))


@pytest.mark.parametrize("variant", ON_A_CPU)
def test_a_variant_has_the_plain_loss_and_gradients_of_packed_rows(model, variant):
    config, params, batch = model
    plain = computed(params, batch, config, PLAIN)
    assert_equal(computed(params, batch, config, kernels(variant)), plain)


def test_with_dropout_rematerialisation_and_microbatches_it_is_the_same(model):
    config, params, batch = model
    config = dataclasses.replace(config, dropout_rate=0.1)
    how = {"remat": True, "microbatches": 2}
    plain = computed(params, batch, config, PLAIN, **how)
    assert_equal(computed(params, batch, config, Kernels("jax", joined=True), **how), plain)


@pytest.mark.parametrize("variant", ["jax", "tokamax_whole"])
def test_a_variant_in_bfloat16_stays_close_to_the_plain_one_in_float32(model, variant):
    config, params, batch = model
    halves = dataclasses.replace(config, dtype="bfloat16")
    (exact, _), (half, grads) = (
        computed(params, batch, config, PLAIN),
        computed(params, batch, halves, kernels(variant)),
    )
    assert half != exact
    np.testing.assert_allclose(half, exact, rtol=0.02)
    assert {leaf.dtype for leaf in jax.tree.leaves(grads)} == {jnp.dtype("float32")}


def test_an_unknown_form_is_a_sentence_that_lists_the_known_ones():
    with pytest.raises(InputError, match=r"^attention 'flash' is no form .* xla, jax, cudnn, tok"):
        Kernels(attention="flash")


def test_the_fastest_measured_forms_that_are_installed_are_chosen(tmp_path, monkeypatch):
    path, device = tmp_path / "kernels.csv", jax.devices()[0].device_kind
    lines = [
        f"{device},base,bfloat16,cudnn,True,xla,xla,300",
        f"{device},base,bfloat16,jax,False,xla,xla,200",
        f"{device},base,float32,xla,True,xla,xla,900",
        "another,base,bfloat16,xla,True,xla,xla,400",
    ]
    path.write_text("\n".join([",".join(KEPT[:8]), *lines]) + "\n")
    monkeypatch.setattr(module, "MEASURED", path)
    assert chosen("base", "bfloat16") == Kernels("cudnn", joined=True)
    assert chosen("base", "float32") == Kernels(joined=True)
    assert chosen("small", "bfloat16") == PLAIN

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with path.open("a") as file:
        file.write(f"{device},base,bfloat16,tokamax,True,xla,xla,500\n")
    assert chosen("base", "bfloat16") == Kernels("cudnn", joined=True)
    with pytest.raises(InputError, match=r"^kernels of tokamax are asked for, and it"):
        Kernels(norm="tokamax")


def test_the_table_that_ships_has_the_columns_that_are_measured():
    header, *lines = module.MEASURED.read_text(encoding="utf-8").splitlines()
    assert header == ",".join(KEPT)
    assert all(line.count(",") == header.count(",") for line in lines)
