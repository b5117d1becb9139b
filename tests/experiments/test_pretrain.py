import dataclasses
import re
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest

from flanrepro.cli.app import app
from flanrepro.errors import InputError
from flanrepro.experiments import pretrain as module
from flanrepro.experiments.pretrain import (
    check,
    loss_curve,
    phase_names,
    pretrain,
    pretraining_specs,
)
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.shipped_scores import shipped_run
from flanrepro.experiments.start import start_params, vocabulary_digest
from flanrepro.experiments.store import RunStore
from flanrepro.model import pretrained
from flanrepro.model.sizes import DECODER_ONLY_SIZES, MODELS
from flanrepro.training.spec import RunSpec

# --- specs ---


def test_every_listed_recipe_makes_specs_each_starting_from_the_one_before():
    recipes = module._recipes()
    assert "nano" in recipes["pocket"] and set(recipes["pocket"]) <= set(MODELS)
    for collection, models in recipes.items():
        for model in models:
            specs = pretraining_specs(collection, model, seed=3)
            objectives = [spec.objective for spec in specs]
            # A decoder-only model's text is read from left to right alone.
            first = [] if model in DECODER_ONLY_SIZES else ["span_corruption"]
            assert objectives == first + ["prefix_lm"] * (len(specs) - len(first))
            assert [spec.start for spec in specs] == ["", *(spec.run_id for spec in specs[:-1])]
            assert {(spec.seed, spec.model, spec.vocabulary) for spec in specs} == {
                (3, model, collection)
            }
            first = specs[0]
            for steps in (1, 30, first.steps):
                shorter = pretraining_specs(collection, model, steps=steps)
                assert [spec.steps for spec in shorter] == [
                    max(1, round(spec.steps * steps / first.steps)) for spec in specs
                ]


def test_a_phase_of_an_objective_that_comes_again_has_its_number():
    specs = pretraining_specs("pocket", "nano")
    assert phase_names(specs) == ["span_corruption", "prefix_lm", "prefix_lm_2"]
    # It goes on behind the documents that the phase before has read, by the checkpoint's card.
    card = (pretrained.FOLDER / "pocket-nano.md").read_text("utf-8")
    read = re.search(r"^\| texts \| [\d,]+ \| ([\d,]+) \|", card, re.MULTILINE)[1]
    assert specs[2].first_text >= int(read.replace(",", ""))


def test_what_ships_was_made_as_listed_and_is_small():
    every = list(pretrained.index().values())
    shipped = [row for row in every if not row.tuned_from]
    assert [(row.collection, row.model) for row in shipped] == [
        ("pocket", "lm-nano"),
        ("pocket", "micro"),
        ("pocket", "nano"),
    ]
    for row in shipped:
        specs = tuple(RunSpec(**run) for run in row.runs)
        assert specs == pretraining_specs(row.collection, row.model)
        assert row.vocabulary_sha256 == vocabulary_digest(specs[0])
    assert sum((pretrained.FOLDER / row.file).stat().st_size for row in every) < 8e6


def test_the_tuned_model_that_ships_is_the_first_run_of_table_1():
    (row,) = [row for row in pretrained.index().values() if row.tuned_from]
    (run,) = row.runs
    spec = RunSpec(**run)
    assert spec == next(Job(engine="shipped").specs(mixture="flan2022"))
    assert shipped_run("pocket", spec.run_id)["spec"]["mixture"] == "flan2022"
    assert row.tuned_from == spec.start == pretrained.full_name("pocket", "nano")
    assert row.vocabulary_sha256 == vocabulary_digest(spec)
    assert row.short_name == "pocket-nano-tuned"


def test_fewer_steps_shorten_both_phases_in_proportion(texts):
    first, second = pretraining_specs("pocket", "nano", steps=25)
    assert (first.steps, first.warmup_steps) == (25, 2)
    assert (second.steps, second.warmup_steps, second.decay_steps) == (5, 1, 3)
    for steps in range(1, 60):
        first, second = pretraining_specs("pocket", "nano", steps=steps)
        assert first.steps == steps
        assert second.steps >= 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pocket", "xl", 0), "for collection 'pocket' and model 'xl': choose one of pocket nano"),
        (("flan2022", "nano", 0), "for collection 'flan2022' and model 'nano': choose one of pock"),
        (("pocket", "nano", -1), "steps is -1: expected 0 .as listed. or a whole"),
        (("pocket", "nano", 1.5), "steps is 1.5: expected 0 .as listed. or a whole number"),
    ],
)
def test_what_is_not_listed_is_one_sentence(arguments, sentence):
    collection, model, steps = arguments
    with pytest.raises(InputError, match=sentence):
        pretraining_specs(collection, model, steps=steps)


# --- runs ---


def test_the_second_phase_starts_from_the_firsts_parameters(runs, texts):
    first, second = runs
    seen, store = [], RunStore(first.folder.parent)
    each = lambda step, params: seen.append(jax.tree.map(np.array, params))  # noqa: E731
    store.get(dataclasses.replace(second.spec, seed=1), each=each, every=100)
    assert len(seen) == 1
    jax.tree.map(np.testing.assert_array_equal, seen[0], first.params())
    assert first.manifest["start"] == "random"
    assert second.manifest["start"] == first.spec.run_id
    same = jax.tree.map(lambda a, b: bool((a == b).all()), first.params(), second.params())
    assert not all(jax.tree.leaves(same))


def test_a_stopped_pretraining_ends_as_an_uninterrupted_one(runs, texts, tmp_path):
    store, specs = RunStore(tmp_path), pretraining_specs("pocket", "nano")
    progress = store.advance(specs[0], 30)
    assert [row["step"] for row in progress.history] == [25]
    assert store.find(specs[0]) is None
    again = pretrain(store, specs)
    for one, other in zip(again, runs, strict=True):
        jax.tree.map(np.testing.assert_array_equal, one.params(), other.params())
    one, other = (loss_curve(group).drop(columns="seconds") for group in (again, runs))
    pd.testing.assert_frame_equal(one, other)


def test_a_start_that_is_not_finished_or_of_another_model_is_one_sentence(runs, texts, tmp_path):
    second = runs[1].spec
    with pytest.raises(InputError, match=f"starts from run {second.start}, which is not finished"):
        RunStore(tmp_path / "empty").get(second)
    assert not (tmp_path / "empty").exists()
    for changes in ({"model": "micro"}, {"vocabulary": "t5"}):
        with pytest.raises(InputError, match="is of model 'nano' with vocabulary 'pocket', and th"):
            RunStore(runs[1].folder.parent).get(dataclasses.replace(second, **changes))


def test_a_start_with_an_unreadable_spec_is_one_sentence(runs, tmp_path):
    folder = tmp_path / runs[0].spec.run_id
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    for content in ("", "[]", "{}"):
        (folder / "spec.json").write_text(content)
        with pytest.raises(InputError, match=r"spec.json cannot be read \(.*\): move the folder"):
            start_params(runs[1].spec, tmp_path)


def test_the_curve_has_both_phases_in_order(runs):
    curve = loss_curve(runs)
    assert list(curve.columns) == ["phase", "step", "loss", "accuracy", "seconds"]
    rows = list(zip(curve["phase"], curve["step"], strict=True))
    assert rows == [("span_corruption", 25), ("span_corruption", 50), ("prefix_lm", 10)]
    assert curve["loss"].iloc[1] < curve["loss"].iloc[0] - 0.3


# --- check ---


def test_the_beginning_trained_again_is_the_shipped_one(exported, texts, capsys):
    with pytest.raises(SystemExit) as ended:
        app(["pretrain", "--model", "nano", "--check", "25"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    # The curve that ships has six digits.
    assert re.search(rf"^{exported.name}: largest difference 0\.00000\d nats", said, re.MULTILINE)
    assert said.rstrip().endswith(": the same")


def test_another_curve_is_not_the_same_and_ends_in_status_1(exported, texts, capsys):
    path = pretrained.FOLDER / "pocket-nano.csv"
    curve = pd.read_csv(path)
    curve.loc[0, "loss"] += 1.1 * module.TOLERANCE
    curve.to_csv(path, index=False)
    with pytest.raises(SystemExit) as ended:
        app(["pretrain", "--check", "25"])
    assert ended.value.code == 1
    assert capsys.readouterr().out.rstrip().endswith(": NOT the same")


@pytest.mark.parametrize("loss", [float("nan"), None])
def test_a_loss_that_is_none_is_not_the_same(exported, runs, loss):
    history = [{"step": 25, "loss": loss}] if loss is not None else [{"step": 24, "loss": 1.0}]
    compared = module.compare(exported.name, runs[0].spec, 25, history)
    assert np.isnan(compared.difference)
    assert not compared.same


def test_a_check_without_a_row_to_compare_is_one_sentence(exported):
    with pytest.raises(InputError, match="has no row up to step 24: check at least 10 steps"):
        check("pocket", "nano", 24)
    with pytest.raises(
        InputError, match="no checkpoint ships for collection 'pocket' and model 'm"
    ):
        check("pocket", "micro", 25)
    (pretrained.FOLDER / "pocket-nano.csv").unlink()
    with pytest.raises(
        InputError, match=r"its loss curve .* cannot be read .*: install the package"
    ):
        check("pocket", "nano", 25)


# --- the command ---


def command(*arguments: str) -> None:
    app(["pretrain", *map(str, arguments)], standalone_mode=False)


def test_the_command_stops_goes_on_and_exports(texts, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "none")
    command("--out", tmp_path, "--steps", 30, "--stop-at", 25)
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["step", "loss", "accuracy", "seconds"]
    assert [line.split()[0] for line in said[1:]] == ["25"]
    command("--out", tmp_path, "--steps", 30, "--export", tmp_path / "export")
    said = capsys.readouterr().out
    assert "nano span corruption, seed 0, loss " in said
    assert "nano prefix lm, seed 0, loss " in said
    assert len(list((tmp_path / "runs").glob("*/manifest.json"))) == 2
    (name,) = pretrained.index(tmp_path / "export")
    assert f"{tmp_path / 'export'}: {name}" in said


def test_the_command_compares_a_beginning_with_the_shipped_curve(exported, texts, tmp_path, capsys):
    command("--out", tmp_path, "--stop-at", 25)
    assert "largest difference 0.00000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--check", 25, "--seed", 1), "--check trains what is shipped: leave out --steps, --seed"),
        (("--stop-at", 5, "--export", "x"), "--export needs whole runs: leave out --stop-at"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        command(*arguments)


def test_the_command_line_loads_no_jax_to_say_what_it_knows():
    program = "import sys, flanrepro.cli.app; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
