"""The arithmetic, the data, the engines and the picture of the benchmarks."""

import dataclasses
import io
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ci.bench import costs, engines, picture, rows, train_step
from ci.gpu.packed_writer import write_packed
from flanrepro.errors import InputError
from flanrepro.model.network import init_params, network, param_count, param_shapes
from flanrepro.model.sizes import DecoderOnlyConfig, T5Config, t5_config
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import loss_fn

ROOT = Path(__file__).resolve().parents[2]

# --- rows ---


def test_synthetic_segments_are_whole_and_fill_most_of_a_row():
    (batch,), size = rows.packed_rows("synthetic", 1, 32, 512, 128)
    for side, tokens in (("encoder", "encoder_input_tokens"), ("decoder", "decoder_target_tokens")):
        segments, positions = batch[f"{side}_segment_ids"], batch[f"{side}_positions"]
        assert ((batch[tokens] > 0) == (segments > 0)).all() and batch[tokens].max() < size
        starts = np.diff(segments, axis=1, prepend=0) > 0
        assert ((positions == 0) == (starts | (segments == 0))).all()
        assert (segments.max(axis=1) == batch["encoder_segment_ids"].max(axis=1)).all()
    assert (batch["encoder_segment_ids"] > 0).mean() > 0.75


def test_packed_files_of_a_run_are_data_too_with_its_rows_and_lengths(tmp_path):
    spec = RunSpec("pocket", "nano", "pocket", 3, 2, 64, 32, 1e-3)
    folder = tmp_path / spec.run_id
    write_packed(spec, folder, first=1)
    batches, size = rows.packed_rows(str(folder), 2, 16, 256, 64)
    (_, *expected), of_pocket = rows.packed_rows("pocket", 3, 2, 64, 32)
    assert size == of_pocket
    for batch, same in zip(batches, expected, strict=True):
        assert {name: array.tolist() for name, array in batch.items()} == {
            name: array.tolist() for name, array in same.items()
        }
    with pytest.raises(InputError, match="no packed files in"):
        rows.packed_rows(str(tmp_path), 1, 16, 256, 64)


def as_lists(batch: rows.Batch) -> list[tuple[list[int], list[int]]]:
    return [(inputs.tolist(), targets.tolist()) for inputs, targets in rows.examples(batch)]


def test_joined_rows_hold_the_examples_of_each_row_in_order_and_no_more_padding():
    (batch,), size = rows.packed_rows("synthetic", 1, 8, 256, 64)
    (joined,), same = rows.packed_rows("synthetic", 1, 8, 256, 64, decoder_only=True)
    assert same == size and rows.shape(joined) == dict(rows=8, inputs_length=256, targets_length=64)
    assert as_lists(joined) == as_lists(batch)
    assert rows.useful_tokens(joined) == rows.useful_tokens(batch)
    names = ("target_tokens", "segment_ids", "positions", "loss_weights")
    assert set(joined) == {f"decoder_{name}" for name in (*names, "loss_tokens")}
    for tokens, segments, positions, weights in zip(
        *(joined[f"decoder_{name}"] for name in names), strict=True
    ):
        used = int((tokens > 0).sum())
        assert not any(array[used:].any() for array in (tokens, segments, positions, weights))
        for segment in range(1, segments.max() + 1):
            at = np.flatnonzero(segments == segment)
            np.testing.assert_array_equal(positions[at], at - at[0])
            assert (np.diff(at) == 1).all() and (np.diff(weights[at]) >= 0).all()


@pytest.mark.slow  # a step is compiled for each of the two shapes
def test_a_decoder_only_model_s_loss_is_the_same_of_packed_and_of_padded_rows():
    (packed,), size = rows.packed_rows("pocket", 1, 2, 128, 32, decoder_only=True)
    examples = rows.examples(packed)
    length = max(len(inputs) + len(targets) for inputs, targets in examples)
    names = packed.keys() - {"decoder_loss_tokens", "fate"}
    padded = {name: np.zeros((len(examples), length), np.int32) for name in names}
    for row, (inputs, targets) in enumerate(examples):
        n = len(inputs) + len(targets)
        padded["decoder_target_tokens"][row, :n] = np.concatenate([inputs, targets])
        padded["decoder_segment_ids"][row, :n] = 1
        padded["decoder_positions"][row, :n] = np.arange(n)
        padded["decoder_loss_weights"][row, len(inputs) : n] = 1
    config = dataclasses.replace(t5_config("lm-nano", size), num_decoder_layers=1)
    params, loss_of = init_params(config, seed=0), jax.jit(loss_fn, static_argnums=(1, 2))
    (loss, sums), (other, others) = (
        loss_of(params, config, 0.0, batch, None) for batch in (packed, padded)
    )
    assert len(examples) > 4 and 2 < float(loss) < 15
    assert float(other) == pytest.approx(float(loss), rel=1e-5)
    assert float(others.useful_tokens) == float(sums.useful_tokens) == rows.useful_tokens(packed)


@pytest.mark.usefixtures("transformers")
def test_llama_has_the_same_examples_one_to_a_row_and_learns_their_targets_alone():
    (batch,), size = rows.packed_rows("pocket", 1, 4, 128, 32, decoder_only=True)
    padded = {name: tensor.numpy() for name, tensor in engines.padded(batch, "cpu").items()}
    assert padded["attention_mask"].sum() == rows.useful_tokens(batch)
    found = [
        (ids[(ids > 0) & (labels < 0)].tolist(), labels[labels >= 0].tolist())
        for ids, labels in zip(padded["input_ids"], padded["labels"], strict=True)
    ]
    assert found == as_lists(batch)
    learnt = padded["labels"] >= 0
    assert (padded["labels"] == padded["input_ids"])[learnt].all()
    config = t5_config("lm-nano", size)
    theirs = engines.hugging_face_model(config).parameters()
    distances = 32 * config.num_heads  # the relative positions' table, which rotary ones lack
    assert sum(p.numel() for p in theirs) + distances == param_count(config)


@pytest.mark.usefixtures("transformers")
def test_hugging_face_has_the_examples_that_lie_in_a_batch_and_as_many_parameters():
    (batch,), size = rows.packed_rows("pocket", 1, 4, 128, 32)
    padded = engines.padded(batch, "cpu")
    useful = int(padded["attention_mask"].sum() + (padded["labels"] >= 0).sum())
    assert useful == rows.useful_tokens(batch)
    assert len(padded["labels"]) == batch["decoder_segment_ids"].max(axis=1).sum()
    # Row by row the tokens are in the order that they have in the packed rows.
    packed = batch["encoder_input_tokens"]
    assert padded["input_ids"][padded["input_ids"] > 0].tolist() == packed[packed > 0].tolist()
    config = t5_config("nano", size)
    theirs = engines.hugging_face_model(config).parameters()
    assert sum(p.numel() for p in theirs) == param_count(config)


# --- turns ---


def test_each_engine_has_its_turns_and_the_first_steps_do_not_count():
    config = t5_config("nano", 128)
    calls = []

    def engine(name: str):
        def steps(numbers):
            calls.append((name, numbers))
            return float(len(calls))

        shapes = [(1, 30, 10), (2, 30, 10)]
        return engines.Engine(steps, shapes, "cpu", lambda: 1.0, float("nan"), {})

    running = {
        ("nano", "adamw", name): train_step.turns(engine(name), [10, 20], config) for name in "ab"
    }
    rounds = train_step.alternate(running, lambda seconds: 5e9, rounds=2, seconds=0)
    assert list(rounds["matmul_flops_per_s"]) == [5e9] * 4
    assert [name for name, _ in calls] == [*"aabb", *"abab"]
    assert [numbers for name, numbers in calls if name == "a"] == [[0], [1, 0], [1], [0]]
    assert list(rounds["model"]) == ["nano"] * 4 and list(rounds["engine"]) == [*"abab"]
    assert list(rounds["useful_tokens"]) == [50, 50, 65, 65]
    assert list(rounds["useful_fraction"]) == [0.25] * 4
    assert list(rounds["loss"]) == [5, 6, 7, 8]


def test_losses_are_compared_after_as_many_tokens_and_rates_under_one_optimizer():
    measured = [
        ("adamw", "flanrepro", 300.0, 100, 3.0),
        ("adamw", "hugging_face", 100.0, 50, 4.0),
        ("adafactor", "flanrepro", 200.0, 500, 1.0),
        ("adamw", "flanrepro", 300.0, 200, 2.0),
        ("adamw", "hugging_face", 100.0, 150, 2.5),
        ("adafactor", "flanrepro", 200.0, 600, 0.5),
    ]
    names = ["optimizer", "engine", "useful_tokens_per_s", "useful_tokens", "loss"]
    same = {"model": "nano", "useful_fraction": 0.5, "ms_per_step": 1.0, "peak_mib": 1.0}
    same |= {"useful_tokens_per_cpu_s": 1.0, "page_faults": 7, "system_s": 0.5}
    rates = {"model_flops_per_s": 1e9, "matmul_flops_per_s": [1e10, 1e10, 5e9, 2e10, 1e10, 5e9]}
    rounds = pd.DataFrame(measured, columns=names).assign(**same, **rates)
    table = train_step.summary(rounds)
    assert list(table["loss_at"]) == [150, 150, 600]
    assert list(table["loss"]) == [2.5, 2.5, 0.5]
    assert table["ratio"].tolist()[:2] == [3, 1] and pd.isna(table["ratio"][2])
    assert set(table["page_faults"]) == {7} and set(table["system_s"]) == {0.5}
    assert table["utilisation"].tolist() == pytest.approx([0.075, 0.1, 0.2])


# --- the picture ---

MEASURED = """\
model,optimizer,engine,useful_tokens_per_s,slowest,fastest,ratio,jax,python
nano,adamw,flanrepro,300.0,200.0,310.0,3.0,0.10.2,3.12
nano,adamw,hugging_face,100.0,90.0,110.0,1.0,0.10.2,3.12
nano,adafactor,flanrepro,250.0,200.0,260.0,,0.10.2,3.12
small,adafactor,flanrepro,20.0,19.0,21.0,1.25,0.10.2,3.12
small,adafactor,t5x,16.0,15.0,17.0,1.0,0.10.2,3.12
"""


def test_the_picture_is_drawn_from_the_table_alone_which_stays_as_it_is(tmp_path):
    (tmp_path / "train.csv").write_text(MEASURED)
    assert [path.name for path in picture.draw(tmp_path)] == ["train.png", "train.svg"]
    assert (tmp_path / "train.csv").read_text() == MEASURED  # 3.12 is no 3.1200
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("train.png", "train.svg"))


def test_the_picture_has_a_panel_per_model_and_says_the_ratios():
    fig = picture.figure(pd.read_csv(io.StringIO(MEASURED)))
    nano, small = fig.axes
    assert [ax.get_title() for ax in fig.axes] == ["nano", "small"]
    assert [text.get_text() for text in nano.texts] == ["3.0x"]
    assert [text.get_text() for text in small.texts] == ["1.2x"]
    assert sorted(bar.get_height() for bar in nano.patches) == [100, 250, 300]
    names = {text.get_text() for text in fig.legends[0].get_texts()}
    assert names == {"flanrepro", "Hugging Face (PyTorch)", "T5X"}
    plt.close(fig)


# --- costs ---


@pytest.mark.parametrize("kind, encoder_layers", [(T5Config, 2), (DecoderOnlyConfig, 0)])
def test_flops_by_formula_are_xla_s_of_the_matrix_products(kind, encoder_layers):
    # All dimensions differ, so that none can stand for another; wide, since XLA counts norms and
    # softmax too, which are the less the wider a model is.
    config = kind(
        vocab_size=2048,
        emb_dim=512,
        num_heads=6,
        head_dim=64,
        num_encoder_layers=encoder_layers,
        num_decoder_layers=3,
        mlp_dim=1280,
    )
    lengths = (416, 416) if config.decoder_only else (320, 96, 96)
    tokens = [jax.ShapeDtypeStruct((2, n), jnp.int32) for n in lengths]
    if config.decoder_only:  # logits of 96 positions
        tokens += [None, None, jax.ShapeDtypeStruct((2, 96, 416), bool)]

    def forward(params, *tokens):
        return network(config).apply({"params": params}, *tokens)

    lowered = jax.jit(forward).lower(param_shapes(config), *tokens)
    counted = lowered.cost_analysis()["flops"]
    assert costs.forward_flops(config, 2, 320, 96) == pytest.approx(counted, rel=0.02)
    assert costs.train_flops(config, 2, 320, 96) == 3 * costs.forward_flops(config, 2, 320, 96)


def test_utilisation_is_known_for_bfloat16_on_devices_of_the_table_alone():
    peak = costs.peak
    assert peak("NVIDIA H200", "bfloat16") == peak("NVIDIA H100 80GB HBM3", "bfloat16") == 989.4e12
    assert peak("NVIDIA H100 PCIe", "bfloat16") < 989.4e12
    assert peak("TPU v5 lite", "bfloat16") < peak("TPU v5", "bfloat16") == 459e12
    assert np.isnan(peak("NVIDIA H200", "float32")) and np.isnan(peak("cpu", "bfloat16"))


def test_the_page_has_the_counts_of_prompts_that_do_not_fit_and_none_lacks_its_question():
    table = pd.read_csv(ROOT / "figures" / "bench" / "lengths.csv").set_index("setting")
    assert (table["without_question"] == 0).all()
    assert (table["draws"] == 100_000).all()
    lines = (ROOT / "ci" / "SCALING.md").read_text().splitlines()
    assert set(table["inputs"]) == {512, 1024, 2048}
    for (_, few), (_, zero) in zip(
        table.loc["few_shot"].iterrows(), table.loc["zero_shot"].iterrows(), strict=True
    ):
        lost = f"{few['shortened']:,} ({few['exemplars']:,})"
        names = ("nothing", "part", "without_question")
        wanted = [f"{few[name]:,}" for name in names] + [lost]
        wanted += [f"{few[name]:,}" for name in ("left_out", "long_targets")]
        wanted += [f"{zero[name]:,}" for name in ("truncated", "left_out")]
        start = f"| `{few['vocabulary']}` | {few['inputs']:,} and {few['inputs'] // 4:,} | "
        (line,) = [line for line in lines if line.startswith(start)]
        assert [cell.strip() for cell in line.strip("|").split("|")][2:] == wanted
