import importlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest

from flanrepro.errors import InputError
from flanrepro.t5x.engine import missing_modules

BENCH = Path(__file__).resolve().parents[2] / "ci" / "bench.py"
PARAMETERS = {"tags": ["parameters"]}


@pytest.fixture
def bench(monkeypatch):
    """bench(name): a module of ci/."""
    monkeypatch.syspath_prepend(str(BENCH.parent))
    return importlib.import_module


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip(
        "transformers.models.t5.modeling_t5",
        reason="transformers, or what it needs of PyTorch, is not installed (extra `interop`)",
        exc_type=ImportError,
    )


@pytest.fixture
def without(tmp_path, monkeypatch):
    """without(*names): processes from here on cannot import these packages."""

    def hide(*names: str) -> None:
        for name in names:
            folder = tmp_path / "hidden" / name
            folder.mkdir(parents=True)
            (folder / "__init__.py").write_text(f"raise ImportError('no {name} here')")
        path = [str(tmp_path / "hidden"), os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))

    return hide


def run(*arguments):
    few = ["--model=nano", "--rows=2", "--rounds=2", "--seconds=0", "--batches=2"]
    few += ["--inputs-length=64", "--targets-length=32"]
    command = [sys.executable, str(BENCH), "train", *few, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.usefixtures("transformers")
def test_hugging_face_is_measured_in_turn_on_the_same_examples(tmp_path):
    done = run("--optimizer=adamw", f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    rounds = pd.read_csv(tmp_path / "train_rounds.csv")
    assert list(rounds["engine"]) == ["flanrepro", "hugging_face"] * 2
    assert set(rounds["model"]) == {"nano"} and set(rounds["optimizer"]) == {"adamw"}
    table = pd.read_csv(tmp_path / "train.csv").set_index("engine")
    ours, theirs = table.loc["flanrepro"], table.loc["hugging_face"]
    expected = ours["useful_tokens_per_s"] / theirs["useful_tokens_per_s"]
    assert ours["ratio"] == pytest.approx(expected, rel=1e-3) and theirs["ratio"] == 1
    assert table["padding"].between(0, 1, inclusive="neither").all()
    assert (table["peak_mib"] > 0).all() and ((table["loss"] > 0) & (table["loss"] < 15)).all()
    assert ours["compiled_mib"] > 1 and table["utilisation"].isna().all()
    assert {"jax", "torch", "transformers", "torch_threads", "cores", "device"} <= set(table)
    assert (tmp_path / "train.png").exists() and (tmp_path / "train.svg").exists()


def test_t5x_is_measured_on_the_same_rows(tmp_path):
    if missing := missing_modules():  # pytest makes a package of that name of tests/t5x
        pytest.skip(f"T5X is not installed: no {', '.join(missing)}")
    done = run("--optimizer=adafactor", f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "train.csv").set_index("engine")
    assert list(table.index) == ["flanrepro", "t5x"]
    ours, theirs = table.loc["flanrepro"], table.loc["t5x"]
    assert ours["padding"] == theirs["padding"]
    # As many steps of the same optimizer from other random parameters of the same kind.
    assert theirs["loss"] == pytest.approx(ours["loss"], rel=0.1)


def test_synthetic_rows_need_no_grain_and_what_is_not_installed_is_left_out(tmp_path, without):
    without("grain", "seqio", "sentencepiece", "tensorflow", "torch", "t5x")
    options = ["--data=synthetic", "--dtype=bfloat16", "--remat", "--optimizer=adafactor"]
    done = run(*options, f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "t5x is left out, it is not installed: no seqio here" in done.stdout
    (row,) = pd.read_csv(tmp_path / "train.csv").to_dict("records")
    assert row["data"] == "synthetic" and row["dtype"] == "bfloat16" and row["remat"]
    assert row["useful_tokens_per_s"] > 0 and 5 < row["loss"] < 20
    assert pd.isna(row["ratio"])


def test_synthetic_segments_are_whole_and_fill_most_of_a_row(bench):
    (batch,), size = bench("bench_rows").packed_rows("synthetic", 1, 32, 512, 128)
    for side, tokens in (("encoder", "encoder_input_tokens"), ("decoder", "decoder_target_tokens")):
        segments, positions = batch[f"{side}_segment_ids"], batch[f"{side}_positions"]
        assert ((batch[tokens] > 0) == (segments > 0)).all() and batch[tokens].max() < size
        starts = np.diff(segments, axis=1, prepend=0) > 0
        assert ((positions == 0) == (starts | (segments == 0))).all()
        assert (segments.max(axis=1) == batch["encoder_segment_ids"].max(axis=1)).all()
    assert (batch["encoder_segment_ids"] > 0).mean() > 0.75


def test_packed_files_of_a_run_are_data_too_with_its_rows_and_lengths(bench, tmp_path):
    from ci.gpu.packed_writer import write_packed
    from flanrepro.training.spec import RunSpec

    spec = RunSpec("pocket", "nano", "pocket", 3, 2, 64, 32, 1e-3)
    rows, folder = bench("bench_rows"), tmp_path / spec.run_id
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


@pytest.mark.usefixtures("transformers")
def test_hugging_face_has_the_examples_that_lie_in_a_batch_and_as_many_parameters(bench):
    from flanrepro.model.sizes import t5_config
    from flanrepro.model.t5 import param_count

    rows, engines = bench("bench_rows"), bench("bench_engines")
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


def test_flops_by_formula_are_xla_s_of_the_matrix_products(bench):
    import jax
    import jax.numpy as jnp

    from flanrepro.model.sizes import T5Config
    from flanrepro.model.t5 import Transformer, param_shapes

    # All dimensions differ, so that none can stand for another; wide, since XLA counts norms and
    # softmax too, which are the less the wider a model is.
    config = T5Config(
        vocab_size=2048,
        emb_dim=512,
        num_heads=6,
        head_dim=64,
        num_encoder_layers=2,
        num_decoder_layers=3,
        mlp_dim=1280,
    )
    inputs, targets = (jax.ShapeDtypeStruct((2, n), jnp.int32) for n in (320, 96))

    def forward(params, inputs, targets):
        return Transformer(config).apply({"params": params}, inputs, targets, targets)

    lowered = jax.jit(forward).lower(param_shapes(config), inputs, targets)
    flops = bench("bench_flops")
    counted = lowered.cost_analysis()["flops"]
    assert flops.forward_flops(config, 2, 320, 96) == pytest.approx(counted, rel=0.02)
    assert flops.train_flops(config, 2, 320, 96) == 3 * flops.forward_flops(config, 2, 320, 96)


def test_utilisation_is_known_for_bfloat16_on_devices_of_the_table_alone(bench):
    peak = bench("bench_flops").peak
    assert peak("NVIDIA H200", "bfloat16") == peak("NVIDIA H100 80GB HBM3", "bfloat16") == 989.4e12
    assert peak("NVIDIA H100 PCIe", "bfloat16") < 989.4e12
    assert peak("TPU v5 lite", "bfloat16") < peak("TPU v5", "bfloat16") == 459e12
    assert np.isnan(peak("NVIDIA H200", "float32")) and np.isnan(peak("cpu", "bfloat16"))


def test_each_engine_has_its_turns_and_the_first_steps_do_not_count(bench):
    train, engines = bench("bench_train"), bench("bench_engines")
    config = bench("flanrepro.model.sizes").t5_config("nano", 128)
    calls = []

    def engine(name: str):
        def steps(numbers):
            calls.append((name, numbers))
            return float(len(calls))

        shapes = [(1, 30, 10), (2, 30, 10)]
        return engines.Engine(steps, shapes, "cpu", lambda: 1.0, float("nan"), {})

    running = {("adamw", name): train.turns(engine(name), [10, 20], config) for name in "ab"}
    rounds = train.alternate(running, rounds=2, seconds=0)
    assert [name for name, _ in calls] == [*"aabb", *"abab"]
    assert [numbers for name, numbers in calls if name == "a"] == [[0], [1, 0], [1], [0]]
    assert list(rounds["useful_tokens"]) == [50, 50, 65, 65]
    assert list(rounds["useful_fraction"]) == [0.25] * 4
    assert list(rounds["loss"]) == [5, 6, 7, 8]


def test_losses_are_compared_after_as_many_tokens_and_rates_under_one_optimizer(bench):
    rows = [
        ("adamw", "flanrepro", 300.0, 100, 3.0),
        ("adamw", "hugging_face", 100.0, 50, 4.0),
        ("adafactor", "flanrepro", 200.0, 500, 1.0),
        ("adamw", "flanrepro", 300.0, 200, 2.0),
        ("adamw", "hugging_face", 100.0, 150, 2.5),
        ("adafactor", "flanrepro", 200.0, 600, 0.5),
    ]
    names = ["optimizer", "engine", "useful_tokens_per_s", "useful_tokens", "loss"]
    same = {"model": "nano", "useful_fraction": 0.5, "ms_per_step": 1.0, "peak_mib": 1.0}
    same["useful_tokens_per_cpu_s"] = 1.0
    rounds = pd.DataFrame(rows, columns=names).assign(**same, model_flops_per_s=98.94e12)
    table = bench("bench_train").summary(rounds, "NVIDIA H200", "bfloat16")
    assert list(table["loss_at"]) == [150, 150, 600]
    assert list(table["loss"]) == [2.5, 2.5, 0.5]
    assert table["ratio"].tolist()[:2] == [3, 1] and pd.isna(table["ratio"][2])
    assert table["utilisation"].tolist() == pytest.approx([0.1] * 3)


MEASURED = """\
model,optimizer,engine,useful_tokens_per_s,slowest,fastest,ratio,jax,python
nano,adamw,flanrepro,300.0,200.0,310.0,3.0,0.10.2,3.12
nano,adamw,hugging_face,100.0,90.0,110.0,1.0,0.10.2,3.12
nano,adafactor,flanrepro,250.0,200.0,260.0,,0.10.2,3.12
small,adafactor,flanrepro,20.0,19.0,21.0,1.25,0.10.2,3.12
small,adafactor,t5x,16.0,15.0,17.0,1.0,0.10.2,3.12
"""


def test_the_picture_is_drawn_from_the_table_alone_which_stays_as_it_is(bench, tmp_path):
    (tmp_path / "train.csv").write_text(MEASURED)
    assert [path.name for path in bench("bench_draw").draw(tmp_path)] == ["train.png", "train.svg"]
    assert (tmp_path / "train.csv").read_text() == MEASURED  # 3.12 is no 3.1200
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("train.png", "train.svg"))


def test_the_picture_has_a_panel_per_model_and_says_the_ratios(bench):
    fig = bench("bench_draw").figure(pd.read_csv(io.StringIO(MEASURED)))
    nano, small = fig.axes
    assert [ax.get_title() for ax in fig.axes] == ["nano", "small"]
    assert [text.get_text() for text in nano.texts] == ["3.0x"]
    assert [text.get_text() for text in small.texts] == ["1.2x"]
    assert sorted(bar.get_height() for bar in nano.patches) == [100, 250, 300]
    names = {text.get_text() for text in fig.legends[0].get_texts()}
    assert names == {"flanrepro", "Hugging Face (PyTorch)", "T5X"}
    plt.close(fig)


def rendered(mirror):
    """Rates on GSM8K, by what they are of; and what was printed."""
    code = "import bench_render as b, json; print(json.dumps(b.measure('zero_shot', 1, 0.0)))"
    path = [os.environ.get("PYTHONPATH", ""), str(BENCH.parent)]
    env = os.environ | {"FLANREPRO_MIRROR": str(mirror), "PYTHONPATH": os.pathsep.join(path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    *said, rows = done.stdout.splitlines()
    return {row["what"]: row["value"] for row in json.loads(rows)}, said


def test_rendering_says_where_the_reference_s_rate_is_from_if_it_is_not_installed(mirror, without):
    without("flan", "t5")
    values, said = rendered(mirror)
    name = "GSM8K zero_shot, tokenized"
    assert values[f"{name}, reference, published"] == 1731
    assert values[f"{name}, ratio"] == pytest.approx(values[name] / 1731)
    assert "the reference is not installed: no t5 here" in said[0]


def test_rendering_is_measured_in_turn_with_the_reference_s(mirror):
    if importlib.util.find_spec("flan") is None:
        pytest.skip("the reference implementation (google-research/FLAN) is not installed")
    values, said = rendered(mirror)
    name = "GSM8K zero_shot, tokenized"
    assert values[f"{name}, ratio"] == pytest.approx(values[name] / values[f"{name}, reference"])
    assert values[f"{name}, reference, first"] > 0 and not said


def evaluate(*arguments):
    command = [sys.executable, str(BENCH), "eval", "--models=nano", "--items=8", "--rounds=2"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True)


def test_rates_of_ranking_and_of_decoding_are_printed_and_written_as_csv(tmp_path):
    done = evaluate("--no-harness", f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "eval.csv")
    assert list(table["method"]) == ["rank", "decode"] * 2
    assert list(table["suite"]) == ["held_in"] * 2 + ["mmlu"] * 2
    assert (table["prompts_per_s"] > table["first_call"]).all() and (table["first_call"] > 0).all()
    assert {"jax", "cores", "device"} <= set(table) and "held_in" in done.stdout


@pytest.mark.usefixtures("transformers")
def test_the_harness_gives_the_same_answers(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    done = evaluate(f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "eval.csv").set_index("engine")
    ours = table.loc["flanrepro"]
    assert (ours["agreement"] == 1).all() and (ours["difference"].dropna() < 1e-3).all()
    expected = ours["prompts_per_s"].to_numpy() / table["prompts_per_s"]["harness"].to_numpy()
    assert ours["ratio"].to_numpy() == pytest.approx(expected)
    assert {"torch", "lm_eval"} <= set(table)


def test_seconds_of_a_notebook_are_printed_and_written_as_csv(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("profile: str = ''\nout: str = ''", metadata=PARAMETERS),
            nbformat.v4.new_code_cell("assert profile == 'smoke'; import time; time.sleep(1)"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "3", "language": "python"}},
    )
    nbformat.write(notebook, tmp_path / "sleeps.ipynb")
    command = [sys.executable, str(BENCH), "notebooks", tmp_path / "sleeps.ipynb"]
    done = subprocess.run([*command, f"--out={tmp_path}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = pd.read_csv(tmp_path / "notebooks.csv").to_dict("records")
    assert row["notebook"] == "sleeps" and row["notebook"] in done.stdout
    assert 1 <= row["cold"] < 60 and 1 <= row["warm"] < 60
    assert {"jax", "cores", "device"} <= set(row)


def test_runs_at_once_are_measured_beside_one_at_a_time(tmp_path):
    few = ["--model=nano", "--at-once=1,2", "--rounds=1", "--seconds=0.1", "--data=synthetic"]
    command = [sys.executable, str(BENCH), "many", *few, f"--out={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "many.csv")
    assert table["at_once"].tolist() == [1, 2]
    assert (table["run_steps_per_s"] > 0).all() and table["ratio"][0] == 1
