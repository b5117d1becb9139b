"""Settings, a run's facts and losses, a prompt before and after: what notebooks show of runs."""

import dataclasses

import pandas as pd
import pytest

from flanrepro.experiments import results
from flanrepro.experiments.planned import EXAMPLES, example, measured, planned
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.shipped_scores import shipped_run, shipped_table
from flanrepro.report import before_after, idea, losses, mixtures, settings, traced
from flanrepro.sources import SAID

SHIPPED = Job(engine="shipped")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A job with the finished run of 5 steps of Table 1's Flan 2022, evaluated on CoT."""
    job = Job(profile="smoke", out=str(tmp_path_factory.mktemp("trained")))
    spec = dataclasses.replace(example(job, "ablations"), steps=5, batch_size=2)
    job.store.get(spec).scores("cot", 0, 1)
    return job, spec


def test_the_planned_runs_are_those_of_one_seed_each_once_as_they_are_trained_here():
    specs = planned(SHIPPED, "ablations", "leave_one_out")
    assert len(specs) == len(set(specs)) == 14
    assert {spec.seed for spec in specs} == {0} and {spec.engine for spec in specs} == {"local"}
    assert specs[0] == next(Job().specs(mixture="flan2022"))


@pytest.mark.parametrize("sweep", EXAMPLES)
def test_the_run_that_a_notebook_looks_at_is_of_its_sweep(sweep):
    spec = example(SHIPPED, sweep)
    assert spec in planned(SHIPPED, sweep)
    assert all(getattr(spec, name) == value for name, value in EXAMPLES[sweep].items())


def test_settings_say_what_runs_share_what_differs_and_what_a_run_took():
    specs = planned(SHIPPED, "few_shot")
    rows = settings.rows(SHIPPED, specs).set_index("setting")
    assert rows.loc["runs", "value"] == "5 per seed, at most 5 seeds"
    assert rows.loc["few_shot_fraction", "value"] == "different: 0, 0.1, 0.5, 0.9, 1"
    assert rows.loc["mixture", "value"] == "flan2021"
    assert rows.loc["steps", "meaning"] == "number of optimizer updates"
    assert "`" not in "".join(rows["meaning"]) and "data" not in rows.index
    seconds = [shipped_run("pocket", spec.run_id)["seconds"] for spec in specs]
    said = f"{round(min(seconds))} to {round(max(seconds))}"
    assert rows.loc["seconds per run", "value"] == said
    assert settings.page(SHIPPED, specs).text.endswith(SAID["pocket"])


def test_settings_of_runs_that_nobody_trained_have_no_seconds(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    specs = planned(job, "few_shot")
    assert measured(job, specs) == {}
    assert "seconds per run" not in set(settings.rows(job, specs)["setting"])


def test_a_run_is_shown_with_its_spec_and_its_first_answers(trained):
    job, spec = trained
    rows = traced.rows(job, spec.run_id)
    facts = dict(zip(rows["fact"], rows["value"], strict=True))
    assert facts["run"] == spec.run_id and "steps 5" in facts["spec"]
    assert facts["seconds"] > 0 and "jax " in facts["versions"]
    answers = rows[rows["fact"].str.startswith("answer, cot_0shot_1")]["value"]
    assert len(answers) == traced.ANSWERS
    assert answers.str.contains("is right, expected|is wrong, expected").all()
    assert repr(traced.page(job, f"{spec.run_id} other")).startswith("fact | value\nrun | ")


def test_a_run_that_ships_says_where_its_answers_would_be():
    run = results.scores(SHIPPED, "few_shot")["run"].iloc[0]
    assert f"runs/{run}/predictions" in traced.page(SHIPPED, run).text


def test_a_finished_run_has_its_losses_and_another_one_none(trained, capsys):
    job, spec = trained
    found = losses.table(job, spec)
    assert found["step"].iloc[-1] == 5 and (found["run"] == spec.run_id).all()
    assert found["loss"].tolist() == job.store.find(spec).metrics()["loss"].tolist()
    (ax,) = losses.draw(found).axes
    assert ax.lines[0].get_ydata().tolist() == found["loss"].tolist()
    assert losses.of_run(job, dataclasses.replace(spec, seed=7)) is None
    assert capsys.readouterr().out.startswith("no losses: ")


def test_the_losses_of_every_run_that_notebooks_look_at_ship_and_fall():
    shipped = shipped_table("pocket", "losses")
    wanted = {example(SHIPPED, sweep).run_id for sweep in EXAMPLES}
    assert set(shipped["run"]) == wanted
    for run, own in shipped.groupby("run"):
        assert own["step"].is_monotonic_increasing
        assert own["step"].max() == shipped_run("pocket", run)["spec"]["steps"]
        assert own["loss"].tail(20).mean() < 0.5 * own["loss"].iloc[0]


def test_a_prompt_is_answered_by_both_models(trained):
    job, spec = trained
    page = before_after.page(job, spec, "held_in", shots=1)
    said = page.text.splitlines()
    names = [line.split(" | ")[0] for line in said[-2:]]
    assert names == ["pocket-nano", spec.run_id]
    assert any(line.startswith("right: ") for line in said)
    assert "Options:" in page.text and page.html.count("<table") == 1


def test_each_mixtures_shares_are_a_row_of_a_hundred_per_cent():
    table = mixtures.shares(planned(SHIPPED, "ablations"))
    assert table.columns[-1] == "few-shot"
    assert table.drop(columns="few-shot").sum(axis=1).round(0).eq(100).all()
    assert table.loc["flan2022_without_few_shot", "few-shot"] == 0
    assert table.loc["equal"].drop("few-shot").nunique() == 1


def test_the_idea_has_prompts_of_every_kind_within_their_boxes():
    figure = idea.draw()
    (ax,) = figure.axes
    shown = [text.get_text() for text in ax.texts]
    for kind in ("zero-shot", "few-shot", "chain of thought", "input inverted", "held-out"):
        assert any(kind in text for text in shown)
    figure.draw_without_rendering()
    boxes = [patch.get_window_extent() for patch in ax.patches]
    # An arrow is a text without letters.
    lines = [t for t in ax.texts if t.get_text() and t.get_fontsize() == idea.POINTS]
    assert len(lines) > 25
    for line in lines:
        place = line.get_window_extent()
        assert any(box.x0 <= place.x0 and place.x1 <= box.x1 for box in boxes), line.get_text()


def test_no_tuned_model_is_one_sentence(monkeypatch):
    monkeypatch.setattr(before_after.pretrained, "tuned_name", lambda collection: "")
    page = before_after.page(SHIPPED, example(SHIPPED, "ablations"), "cot")
    assert page.text.startswith("no tuned model ships: ")
    assert isinstance(page.html, str) and pd.notna(page.html)
