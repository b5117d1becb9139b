import importlib.util
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

BENCH = Path(__file__).resolve().parents[2] / "ci" / "bench.py"
PARAMETERS = {"tags": ["parameters"]}


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip(
        "transformers.models.t5.modeling_t5",
        reason="transformers, or what it needs of PyTorch, is not installed (extra `interop`)",
        exc_type=ImportError,
    )


def run(*arguments):
    command = [sys.executable, str(BENCH), "train", "--rows=2", "--seconds=0", "--batches=2"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True)


def test_our_rate_is_printed_and_written_as_csv(tmp_path):
    done = run("--rounds=2", "--no-hugging-face", f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "train.csv")
    assert list(table["engine"]) == ["flanrepro"] and "flanrepro" in done.stdout
    assert table["useful_tokens_per_s"][0] > 0 and 0 < table["loss"][0] < 10
    assert {"jax", "cores", "device"} <= set(table)
    assert len(pd.read_csv(tmp_path / "train_rounds.csv")) == 2


@pytest.mark.usefixtures("transformers")
def test_hugging_face_is_measured_in_turn_on_the_same_examples(tmp_path):
    done = run("--rounds=2", f"--out={tmp_path}")
    assert done.returncode == 0, done.stderr
    rounds = pd.read_csv(tmp_path / "train_rounds.csv")
    assert list(rounds["engine"]) == ["flanrepro", "hugging_face"] * 2
    table = pd.read_csv(tmp_path / "train.csv").set_index("engine")
    ours, theirs = table["useful_tokens_per_s"]
    assert table["ratio"]["flanrepro"] == pytest.approx(ours / theirs)
    assert {"torch", "transformers", "torch_threads"} <= set(table)


@pytest.mark.usefixtures("transformers")
def test_both_engines_have_as_many_parameters(bench):
    from flanrepro.model.t5 import param_count

    config = bench.t5_config("nano", 256)
    theirs = bench.hugging_face_model(config).parameters()
    assert sum(p.numel() for p in theirs) == param_count(config)


def test_each_engine_has_its_turns_and_the_first_steps_do_not_count(bench):
    calls = []

    def engine(name, tokens):
        def step():
            calls.append(name)
            return float(len(calls)), tokens, 40

        return step

    rounds = bench.alternate({"a": engine("a", 10), "b": engine("b", 20)}, rounds=2, seconds=0)
    assert "".join(calls) == "aaabbb" + "abab"
    assert list(rounds["useful_tokens"]) == [35, 70, 45, 90]
    assert list(rounds["useful_fraction"]) == [0.25, 0.5, 0.25, 0.5]
    assert list(rounds["loss"]) == [7, 8, 9, 10]


def test_losses_are_compared_after_as_many_tokens(bench):
    rows = [("a", 100, 3.0), ("b", 50, 4.0), ("a", 200, 2.0), ("b", 150, 2.5)]
    rounds = pd.DataFrame(rows, columns=["engine", "useful_tokens", "loss"])
    table = bench.summary(rounds.assign(useful_tokens_per_s=1.0, useful_fraction=1.0))
    assert list(table["loss_at"]) == [150, 150]
    assert list(table["loss"]) == [2.5, 2.5]


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
