"""Every part of the benchmark, run at a tiny size."""

import csv
import dataclasses
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import nbformat
import pandas as pd
import pytest
from typer.testing import CliRunner

from ci.bench import prompts, step_profile, variants
from ci.bench.__main__ import app
from ci.bench.common import in_process
from ci.bench.variants import KEPT
from flanrepro.model.kernels import Kernels
from flanrepro.t5x.engine import missing_modules

ROOT = Path(__file__).resolve().parents[2]
TINY = ["train", "--model=nano", "--rows=2", "--rounds=2", "--seconds=0", "--batches=2"]
TINY += ["--inputs-length=64", "--targets-length=32"]


@pytest.fixture
def without(tmp_path, monkeypatch):
    """without(*names): processes from here on cannot import these packages."""

    def hide(*names: str) -> None:
        for name in names:
            folder = tmp_path / "hidden" / name
            folder.mkdir(parents=True)
            (folder / "__init__.py").write_text(f"raise ImportError('no {name} here')")
        monkeypatch.syspath_prepend(str(tmp_path / "hidden"))
        path = [str(tmp_path / "hidden"), os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))

    return hide


def bench(*arguments: object) -> str:
    """What a part prints, run in this process: measured engines have processes of their own."""
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.slow
@pytest.mark.usefixtures("transformers")
def test_hugging_face_is_measured_in_turn_on_the_same_examples(tmp_path):
    bench(*TINY, "--model=nano,lm-nano", "--optimizer=adamw", f"--out={tmp_path}")
    rounds = pd.read_csv(tmp_path / "train_rounds.csv")
    assert list(rounds["engine"]) == ["flanrepro", "hugging_face"] * 4
    assert list(rounds["model"]) == ["nano", "nano", "lm-nano", "lm-nano"] * 2
    assert set(rounds["optimizer"]) == {"adamw"}
    assert (rounds["page_faults"] >= 0).all() and (rounds["system_s"] >= 0).all()
    table = pd.read_csv(tmp_path / "train.csv").set_index(["model", "engine"])
    lengths = table[["rows", "inputs_length", "targets_length"]]
    assert (lengths == [2, 64, 32]).all(axis=None)
    for model in ("nano", "lm-nano"):
        ours, theirs = table.loc[model, "flanrepro"], table.loc[model, "hugging_face"]
        expected = ours["useful_tokens_per_s"] / theirs["useful_tokens_per_s"]
        assert ours["ratio"] == pytest.approx(expected, rel=1e-3) and theirs["ratio"] == 1
        assert ours["compiled_mib"] > 1
    assert table["padding"].between(0, 1, inclusive="neither").all()
    assert (table["peak_mib"] > 0).all() and ((table["loss"] > 0) & (table["loss"] < 15)).all()
    assert table["utilisation"].between(0, 1, inclusive="neither").all()
    assert table["matmul_gflops_per_s"].nunique() == 1  # one group of models, the same rounds
    assert {"jax", "torch", "transformers", "torch_threads", "cores", "device"} <= set(table)
    assert {"page_faults", "system_s"} <= set(table)
    assert (tmp_path / "train.png").exists() and (tmp_path / "train.svg").exists()


@pytest.mark.slow
def test_t5x_is_measured_on_the_same_rows(tmp_path):
    if missing := missing_modules():  # pytest makes a package of that name of tests/t5x
        pytest.skip(f"T5X is not installed: no {', '.join(missing)}")
    bench(*TINY, "--optimizer=adafactor", f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "train.csv").set_index("engine")
    assert list(table.index) == ["flanrepro", "t5x"]
    ours, theirs = table.loc["flanrepro"], table.loc["t5x"]
    assert ours["padding"] == theirs["padding"]
    # As many steps of the same optimizer from other random parameters of the same kind.
    assert theirs["loss"] == pytest.approx(ours["loss"], rel=0.1)


@pytest.mark.slow
def test_synthetic_rows_need_no_grain_and_what_is_not_installed_is_left_out(tmp_path, without):
    without("grain", "seqio", "sentencepiece", "tensorflow", "torch", "t5x")
    options = ["--data=synthetic", "--dtype=bfloat16", "--remat", "--optimizer=adafactor"]
    # A fresh process, since this one may have imported some of these.
    command = [sys.executable, "-m", "ci.bench", *TINY, *options, f"--out={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "t5x is left out, it is not installed: no seqio here" in done.stdout
    (row,) = pd.read_csv(tmp_path / "train.csv").to_dict("records")
    assert row["data"] == "synthetic" and row["dtype"] == "bfloat16" and row["remat"]
    assert row["useful_tokens_per_s"] > 0 and 5 < row["loss"] < 20
    assert pd.isna(row["ratio"])


def test_variants_are_compared_with_the_first_and_one_that_cannot_run_says_why(tmp_path):
    size = ["--rows=2", "--inputs-length=32", "--targets-length=16", "--batches=1", "--seconds=0"]
    said = bench("variants", *size, "--variant=plain,cudnn", f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "variants.csv").set_index("variant")
    plain, cudnn = table.loc["plain"], table.loc["cudnn"]
    assert plain["apart"] == 0 and plain["chosen"] and not cudnn["chosen"]
    assert plain["tokens_per_s"] > plain["useful_tokens_per_s"] > 0
    assert 0 < plain["utilisation"] < 1 and plain["compiled_mib"] > 1
    assert pd.isna(cudnn["tokens_per_s"]) and cudnn["error"].startswith("RuntimeError: cuDNN")
    (line,) = csv.DictReader(said.splitlines()[-1:], KEPT)
    assert {field.name for field in dataclasses.fields(Kernels)} < set(line)
    assert (line["model"], line["attention"], line["joined"]) == ("nano", "xla", "False")
    assert float(line["tokens_per_s"]) == pytest.approx(plain["tokens_per_s"], rel=1e-3)


def test_a_variant_with_other_losses_is_not_chosen_and_what_comes_too_late_is_not_begun(tmp_path):
    rows = pd.DataFrame({"model": "nano", "tokens_per_s": [1.0, 3, 2], "apart": [0, 0.5, 0.001]})
    assert list(variants._with_choice(rows)["chosen"]) == [False, False, True]
    bench("variants", "--minutes=0", "--variant=plain", "--batches=1", f"--out={tmp_path}")
    (row,) = pd.read_csv(tmp_path / "variants.csv").to_dict("records")
    assert row["error"] == "not begun: 0 minutes were over" and not row["chosen"]


def test_decoded_tokens_are_counted(tmp_path):
    bench("decode", "--rows=2", "--targets-length=4", "--rounds=1", f"--out={tmp_path}")
    (row,) = pd.read_csv(tmp_path / "decode.csv").to_dict("records")
    assert row["tokens_per_s"] > 0 and row["compile_s"] > 0


@pytest.fixture
def gsm8k(mirror, tmp_path, monkeypatch):
    """GSM8K is all the real data there is; the vocabulary is trained from it alone."""
    (tmp_path / "mirror" / "flan_cot").mkdir(parents=True)
    file = "flan_cot/gsm8k_train.tsv"
    (tmp_path / "mirror" / file).symlink_to(mirror / file)
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
@pytest.mark.usefixtures("gsm8k")
def test_the_way_to_tokens_is_measured_and_said_where_the_reference_s_rate_is_from(
    tmp_path, without
):
    without("flan", "t5")
    said = bench("data", "--rounds=1", "--seconds=0", "--draws=20", f"--out={tmp_path}")
    assert "the reference is not installed: no t5 here" in said
    values = pd.read_csv(tmp_path / "data.csv", index_col="what")["value"]
    name = "GSM8K zero_shot, tokenized"
    assert values[f"{name}, reference, published"] == 1731
    assert values[f"{name}, ratio"] == pytest.approx(values[name] / 1731)
    assert (values.drop("import flanrepro") > 0).all()
    assert values["flan2022: tasks"] > values["flan2022: of these by size only"] > 1000
    assert "flan2022: memory after 20 draws" in values and "mixture[i], 2000 tasks" in values
    assert "spiece.model: no rows on T5's" in said
    name = "GSM8K few_shot, own BPE"
    assert values[f"{name}, share of that"] == pytest.approx(
        values[f"{name}, a core"] / values[f"{name}, SentencePiece alone"]
    )
    assert not [what for what in values.index if "T5's SentencePiece" in what]
    one, *more = [
        value for what, value in values.items() if re.search("one worker|[0-9] workers", what)
    ]
    assert values[f"{name}, ratio of workers"] == pytest.approx((more or [one])[0] / one)


@pytest.mark.slow
def test_t5s_own_vocabulary_is_measured_where_the_mirror_has_it(t5, mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    assert list(prompts._vocabularies().values()) == ["t5", prompts.VOCABULARY]
    rows = in_process(prompts.beside_pieces, "T5's", "t5", 1, 0.0)
    values = {what.rpartition(", ")[2]: value for what, value, *_ in rows}
    share = values["a core"] / values["SentencePiece alone"]
    assert values["share of that"] == pytest.approx(share) and share < 1
    assert values["ratio to the published reference"] == pytest.approx(values["a core"] / 75)


@pytest.mark.usefixtures("gsm8k")
def test_prompts_that_do_not_fit_are_counted_and_none_is_read_without_its_question(tmp_path):
    given = "--vocabulary=pocket", "--inputs-length=512,2048", "--draws=60"
    bench("lengths", *given, f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "lengths.csv").set_index(["setting", "inputs"])
    assert list(table.index) == [(s, n) for s in ("few_shot", "zero_shot") for n in (512, 2048)]
    few = table.loc["few_shot", 512]
    assert few["cut"] == few["part"] + few["nothing"] == few["shortened"] + few["left_out"] > 5
    assert few["exemplars"] > few["shortened"] > 5
    assert (table["without_question"] == 0).all()
    assert (table.loc["zero_shot", ["cut", "shortened"]] == 0).all(axis=None)  # GSM8K is short


@pytest.mark.usefixtures("gsm8k")
def test_rendering_is_measured_in_turn_with_the_reference_s(capsys):
    if importlib.util.find_spec("flan") is None:
        pytest.skip("the reference implementation (google-research/FLAN) is not installed")
    values = {what: value for what, value, _ in prompts.tokenized("zero_shot", 1, 0.0)}
    name = "GSM8K zero_shot, tokenized"
    assert values[f"{name}, ratio"] == pytest.approx(values[name] / values[f"{name}, reference"])
    assert values[f"{name}, reference, first"] > 0 and not capsys.readouterr().out


@pytest.mark.slow
def test_every_way_to_read_is_measured(tmp_path):
    pytest.importorskip("seqio", reason="SeqIO is not installed: pip install -e '.[beam]'")
    bench("cache", "--collection=pocket", "--examples=200", "--steps=4", f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "cache.csv")
    assert list(table.columns) == ["what", "value", "unit"]
    assert (table["value"] > 0).all()
    read = table[table["what"].str.contains("read by SeqIO|read from packed|of 1,024 at a time")]
    assert list(read["unit"]) == ["examples/s"] * 3
    assert 5 < table.set_index("unit")["value"]["bytes/example"] < 500


@pytest.mark.slow
def test_rates_of_ranking_and_of_decoding_are_printed_and_written_as_csv(tmp_path):
    jax.clear_caches()  # an earlier test may have compiled what the first call is to compile
    said = bench(
        "eval", "--models=nano", "--items=8", "--rounds=2", "--no-opponents", f"--out={tmp_path}"
    )
    table = pd.read_csv(tmp_path / "eval.csv")
    assert list(table["method"]) == ["rank", "decode"] * 2
    assert list(table["suite"]) == ["held_in"] * 2 + ["mmlu"] * 2
    assert (table["prompts_per_s"] > table["first_call"]).all() and (table["first_call"] > 0).all()
    assert {"jax", "cores", "device"} <= set(table) and "held_in" in said


@pytest.mark.slow
@pytest.mark.usefixtures("transformers")
def test_opponents_give_the_same_answers(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed")
    bench("eval", "--models=nano", "--items=8", "--rounds=2", f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "eval.csv").set_index("engine")
    exact = table.loc[["harness", "ctranslate2, float32"]]
    assert (exact["agreement"] == 1).all() and (exact["difference"].dropna() < 1e-3).all()
    assert table["difference"].notna().sum() == 2  # of the harness's log-likelihoods
    ours, theirs = (table["prompts_per_s"][name].to_numpy() for name in ("flanrepro", "harness"))
    assert table["ratio"]["harness"].to_numpy() == pytest.approx(ours / theirs)
    assert {"torch", "lm_eval", "ctranslate2"} <= set(table)


@pytest.mark.slow
@pytest.mark.usefixtures("transformers")
def test_evaluations_are_measured_from_the_start_of_a_process(tmp_path):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    bench("cold", "--models=nano", "--items=4", "--rounds=1", f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "cold.csv").set_index("engine")
    assert set(table.index) == {"flanrepro", "flanrepro, compiled before", "harness"}
    assert (table["ready"] < table["seconds"]).all()
    compiling = (table["seconds"] - table["ready"]).groupby("engine").min()
    assert compiling["flanrepro, compiled before"] < compiling["flanrepro"]
    ours, theirs = (table["seconds"][name].to_numpy() for name in ("flanrepro", "harness"))
    assert table["ratio"]["flanrepro"].to_numpy() == pytest.approx(theirs / ours)


@pytest.mark.slow
def test_a_step_s_time_is_divided_into_parts(tmp_path):
    bench("profile", "--model=nano", f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "profile.csv").set_index("part")
    assert table["share"].sum() == pytest.approx(1, abs=1e-3)
    products, attention = "matrix products, with what is fused to them", step_profile.PARTS[1][1]
    assert (table.loc[[products, attention], "share"] > 0.1).all()
    assert (table["ms"] > 0).all() and step_profile.REST in table.index


def test_an_operation_is_of_one_part_by_its_own_name_and_its_origin():
    layer = "jit(train_step)/jvp(Transformer.states)/Transformer.encode/encoder/layers_0"
    for operation, name, part in (
        ("dot.3", f"{layer}/mlp/wo/transpose", 0),
        ("fusion.1", f"{layer}/mlp/wo/dot_general", 0),
        ("fusion.2", f"{layer}/attention/attention._attend/reduce_max", 1),
        ("fusion.4", "Transformer.encode/encoder/relpos_bias/convert_element_type", 2),
        ("fusion.5", f"{layer}/mlp/mlp._gated/mul", 4),
    ):
        assert step_profile._part(operation, name) == step_profile.PARTS[part][1], name
    assert step_profile._part("copy.1", "") == step_profile.REST


@pytest.mark.slow
def test_seconds_of_a_notebook_are_printed_and_written_as_csv(tmp_path):
    parameters = {"metadata": {"tags": ["parameters"]}}
    cell = nbformat.v4.new_code_cell
    notebook = nbformat.v4.new_notebook(
        cells=[
            cell("profile: str = ''\nout: str = ''", **parameters),
            cell("assert profile in ('smoke', 'quick'); import time; time.sleep(1)"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "3", "language": "python"}},
    )
    nbformat.write(notebook, tmp_path / "sleeps.ipynb")
    said = bench("notebooks", tmp_path / "sleeps.ipynb", f"--out={tmp_path}")
    (row,) = pd.read_csv(tmp_path / "notebooks.csv").to_dict("records")
    assert row["notebook"] == "sleeps" and row["notebook"] in said
    assert all(1 <= row[how] < 60 for how in ("cold", "warm", "quick"))
    assert {"jax", "cores", "device"} <= set(row)


@pytest.mark.slow
def test_runs_at_once_are_measured_beside_one_at_a_time(tmp_path):
    few = ["--model=nano", "--at-once=1,2", "--rounds=1", "--seconds=0.1", "--data=synthetic"]
    bench("many", *few, f"--out={tmp_path}")
    table = pd.read_csv(tmp_path / "many.csv")
    assert table["at_once"].tolist() == [1, 2]
    assert (table["run_steps_per_s"] > 0).all() and table["ratio"][0] == 1


def test_the_picture_of_the_committed_rates_is_drawn(tmp_path):
    shutil.copy(ROOT / "figures" / "bench" / "train.csv", tmp_path)
    drawn = [str(tmp_path / name) for name in ("train.png", "train.svg")]
    assert bench("draw", f"--out={tmp_path}").split() == drawn
