"""Counts of a train step are linear in rows and layers, and the committed ones are these."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from ci.bench import roofline, roofline_picture
from ci.bench.common import OUT
from ci.bench.lowered import paper_run
from flanrepro.model.sizes import t5_config


def count(rows: int, layers: int, remat: bool = True) -> roofline.Counted:
    """A narrow model on short rows."""
    shape = {"batch_size": rows, "inputs_length": 48, "targets_length": 24}
    spec = paper_run("nano", **shape, microbatches=1, remat=remat)
    config = t5_config("nano", 384, spec.dropout_rate, spec.dtype)
    layered = dataclasses.replace(config, num_encoder_layers=layers, num_decoder_layers=layers)
    return roofline.counted(spec, layered)


@pytest.mark.slow
@pytest.mark.parametrize("remat", [False, True])
def test_a_step_is_linear_in_rows_and_layers(remat):
    wanted = roofline.linear(functools.partial(count, remat=remat), rows=5, layers=4)
    found = count(5, 4, remat)
    assert tuple(found[1:3]) == tuple(wanted[1:3])
    # XLA's own counts are it to about a millionth.
    assert tuple(found) == pytest.approx(tuple(wanted), rel=1e-4)
    assert wanted.on_chip < wanted.fused < wanted.unfused


def test_products_read_their_operands_and_write_their_results():
    def program(x, w):
        pairs = jax.checkpoint(lambda a: a @ jnp.swapaxes(a, 1, 2))(x @ w)
        return jnp.sin(pairs) + 1

    x, w = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((2, 6, 8), (8, 16)))
    first = 4 * (2 * 6 * 8 + 8 * 16 + 2 * 6 * 16)
    second, of_pairs = 4 * 2 * (2 * 6 * 16), 4 * 2 * 6 * 6
    found = roofline.bytes_of_products(jax.make_jaxpr(program)(x, w).jaxpr, {6})
    assert found == (first + second + of_pairs, of_pairs)


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return pd.read_csv(OUT / "roofline.csv")


@pytest.mark.slow
def test_the_committed_counts_are_these(committed):
    made = roofline.table(["nano"])
    own = committed[committed["model"] == "nano"][made.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, made, rtol=1e-4, check_dtype=False)


def test_without_rematerialisation_xla_counts_what_the_formula_has(committed):
    # Norms, softmax and the optimizer come on top: the less, the wider a model is.
    wide = committed.query("rows == 64 and model != 'nano'")
    assert wide["ratio_kept"].between(1.0, 1.03).all()
    # A forward pass once more is a third, and less since the last product of a layer is not.
    assert wide["ratio"].between(1.2, 1.4).all()


def test_a_bound_is_what_takes_longer(committed):
    computing = committed["flops_xla"] / (committed["intensity_fused"] * committed["bytes_fused"])
    assert computing.to_numpy() == pytest.approx(1, rel=1e-4)
    by_memory = committed["intensity_fused"] < committed["ridge"]
    assert (by_memory == (committed["bound_fused"] == "memory")).all()
    columns = [f"utilisation_{way}" for way in roofline.WAYS]
    assert (committed[columns].diff(axis=1).iloc[:, 1:] <= 1e-9).all(axis=None)


def test_the_picture_has_a_panel_per_number_of_rows_and_every_size(committed):
    fig = roofline_picture.figure(committed)
    assert [ax.get_title() for ax in fig.axes] == ["64 rows on one device", "a row per device"]
    names = {text.get_text() for text in fig.legends[0].get_texts()}
    assert names == {"H100", "A100", "TPU v5e", *roofline.SIZES} - {"nano"}
    plt.close(fig)
