import dataclasses
import math
from itertools import chain

import pytest

from flanrepro.collection.templates import load_wordings
from flanrepro.errors import InputError
from flanrepro.experiments import condition_scores as scores
from flanrepro.experiments.condition_cost import Pace, core_seconds
from flanrepro.experiments.condition_runs import tuned_runs, untuned_runs
from flanrepro.experiments.condition_wordings import HELD_OUT as SUITES
from flanrepro.experiments.condition_wordings import overlaps
from flanrepro.experiments.conditions import CONDITIONS, measure
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import read_items
from flanrepro.experiments.single_task import single_task_specs
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.sources import load_collection
from flanrepro.sources.pocket.world import HELD_OUT, KNOWN, fact

POCKET = load_collection("pocket")


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Job:
    return Job(model="nano", profile="smoke", seeds=2, out=str(tmp_path_factory.mktemp("out")))


@pytest.fixture(scope="module")
def measured(job) -> list:
    """Every condition on two seeds of real runs of 20 steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLANREPRO_WORKERS", "1")  # two more processes would take 1.5 GB
        return [*chain.from_iterable(measure(job, list(CONDITIONS), ["nano"]))]


def of(measured, condition: str, quantity: str) -> list:
    return [one for one in measured if (one.condition, one.quantity) == (condition, quantity)]


# --- what is asked ---


def test_every_fact_of_the_exam_is_a_statement_to_be_completed():
    tasks = POCKET.suites["completion"].tasks
    said = [
        (record["inputs"], record["answer"])
        for task in tasks
        for split in ("exemplars", "validation")
        for record in task.records(split)
    ]
    assert len(tasks) == 57
    assert sorted(said) == sorted(
        (f"the {attribute} of the {thing} is", fact(attribute, thing))
        for attribute in HELD_OUT
        for thing in KNOWN
    )
    # Each subject's last two are left for exemplars.
    assert {task.size("validation") for task in tasks} == {len(KNOWN) - 2}


def test_the_sample_of_training_tasks_takes_from_every_source_in_turn():
    sample = scores.validation_of_training(POCKET).tasks
    assert len(sample) == len({task.name for task in sample}) == 200
    assert all(POCKET.tasks[task.name] is task for task in sample)
    number = {name: sum(task.source == name for task in sample) for name in
              ("flan2021", "t0_sf", "niv2", "cot", "dialog", "program_synthesis")}  # fmt: skip
    # Small sources give all of their tasks, and large ones share the rest.
    assert (number["cot"], number["dialog"], number["program_synthesis"]) == (9, 6, 8)
    assert number["flan2021"] == number["t0_sf"] == number["niv2"] == (200 - 9 - 6 - 8) / 3
    assert scores.validation_of_training(POCKET, 20).tasks == sample[:20]


def test_templates_that_a_held_out_suite_shares_with_held_in_are_counted():
    def found(collection) -> dict:
        every = overlaps(collection, prompts=0, texts=0)
        return {(quantity, what): (value, n) for quantity, what, value, n in every}

    own = found(POCKET)
    names = [("same_template", f"{suite} in templates of Held-In") for suite in SUITES]
    templates = [load_wordings(POCKET.tasks[name].templates) for name in POCKET.held_in]
    number = sum(len(file.templates) + len(file.few_shot) for file in templates)
    assert [own[name] for name in names] == [(0, number)] * 3
    files = ("same_wording", "template files of tuning")
    assert own[files][0] == 0
    # Two of Held-In's tasks that ask for steps as BBH does: two templates, in one file.
    asks = POCKET.suites["bbh_cot"].tasks[0].templates
    changed = {
        name: dataclasses.replace(POCKET.tasks[name], templates=asks) for name in POCKET.held_in[:2]
    }
    shared = found(dataclasses.replace(POCKET, tasks={**POCKET.tasks, **changed}))
    assert [shared[name][0] for name in names] == [0, 0, 2]
    assert shared[files][0] == 1


@pytest.mark.parametrize(
    ("prediction", "completed"),
    [
        ("red.", True),
        ("red. the sun is old.", True),
        ("red", True),
        ("reddish.", False),
        ("", False),
    ],
)
def test_what_follows_the_first_sentence_does_not_count(prediction, completed):
    assert scores.is_completed({"prediction": prediction, "targets": "red"}) == completed


# --- what is measured ---


@pytest.mark.slow
def test_a_completion_is_the_first_sentence_of_what_is_decoded(measured, job):
    (known,) = of(measured, "C1", "completion")
    (run,) = untuned_runs(job)
    items = read_items(run.folder, "completion_0shot_all_decode.jsonl")
    begins = [item["prediction"].startswith(f"{item['targets']}.") for item in items]
    assert known.value == pytest.approx(100 * sum(begins) / len(begins))
    assert known.n == len(items) == 57 * 6


@pytest.mark.slow
def test_the_exam_is_asked_zero_and_few_shot_decoded_and_ranked(measured, job):
    (run,) = untuned_runs(job)
    rows = of(measured, "C1", "exam")
    expected = []
    for shots, said in ((0, "zero-shot"), (3, "3-shot")):
        for method, how in (("decode", "decoded"), ("rank", "ranked")):
            score = run.scores("mmlu", shots, 1, method)[-1]
            expected.append((f"mmlu {said} {how}, untuned", score["value"] - score["chance"]))
    assert [(one.what, one.value) for one in rows] == expected


@pytest.mark.slow
def test_room_is_the_mean_over_seeds_above_chance_and_above_the_most_frequent_answer(measured, job):
    runs = tuned_runs(job)
    value = sum(run.scores("held_in", 0, 8)[-1]["value"] for run in runs) / 2
    chance = runs[0].scores("held_in", 0, 8)[-1]["chance"]
    found = {
        name: of(measured, "C3", name)[0] for name in ("score", "above_chance", "above_majority")
    }
    assert {one.what for one in found.values()} == {"held_in zero-shot"}
    assert found["score"].value == pytest.approx(value)
    assert found["above_chance"].value == pytest.approx(value - chance)
    # The most frequent answer of all items is right more often than one that is drawn.
    assert value - 60 < found["above_majority"].value < value - chance
    assert found["score"].runs.split() == [run.spec.run_id for run in runs]
    assert found["score"].seeds == 2
    assert len(of(measured, "C3", "score")) == 5 * 2


@pytest.mark.slow
def test_kept_knowledge_is_completion_after_tuning_over_before(measured, job):
    suite = POCKET.suites["completion"]
    after, before = (scores.completed(runs, suite) for runs in (tuned_runs(job), untuned_runs(job)))
    (kept,) = of(measured, "C2", "kept")
    assert kept.value == after.value / before.value
    assert len(after.values) == 2


@pytest.mark.slow
def test_two_seeds_have_a_spread_and_what_is_too_small_to_be_seen_follows(measured, job):
    values = [run.scores("cot", 3, 8)[-1]["value"] for run in tuned_runs(job)]
    spread = abs(values[0] - values[1]) / math.sqrt(2)
    (seeds,) = (one for one in of(measured, "C7", "seed_spread") if one.what == "cot 3-shot")
    assert seeds.value == pytest.approx(spread)
    (small,) = (
        one for one in of(measured, "C7", "smallest_difference") if one.what.startswith("cot 3")
    )
    assert small.value == pytest.approx(math.sqrt(2) * spread)
    assert small.what == "cot 3-shot, 5 seeds"  # as many as `full` has


@pytest.mark.slow
def test_transfer_is_the_score_on_new_operations_over_that_on_trained_ones(measured, job):
    rows = of(measured, "C5", "new_operations")
    assert len(rows) == 2
    for row, shots in zip(rows, (0, 3), strict=True):
        old, new = (
            scores.asked(tuned_runs(job), POCKET.suites[name], shots)
            for name in ("operations", "new_operations")
        )
        assert row.value == new.value / old.value
        assert (row.n, row.seeds) == (new.n, 2) == (100 * 6, 2)


@pytest.mark.slow
def test_exemplars_gain_what_few_shot_is_above_zero_shot(measured, job):
    suite = POCKET.suites["by_example"]
    none, some = (scores.asked(tuned_runs(job), suite, shots) for shots in (0, 3))
    (gain,) = of(measured, "C6", "gain")
    assert gain.value == some.value - none.value
    (share,) = of(measured, "C6", "by_example")
    assert (share.value, share.n) == (156 / 1560, 1560)


@pytest.mark.slow
def test_what_one_size_lacks_is_said(measured):
    needs = {(one.condition, one.quantity): one.needs for one in measured if one.needs}
    assert set(needs) == {("C8", "gain_by_size"), ("C8", "sizes"), ("C9", "core_hours")}
    assert all(math.isnan(one.value) for one in measured if one.needs)
    assert {one.condition for one in measured} == set(CONDITIONS)


@pytest.mark.slow
def test_a_second_check_reads_what_the_first_one_kept(measured, job):
    def written():
        paths = [*job.store.root.glob("*/scores/*"), *job.store.root.glob("*/manifest.json")]
        return {path: path.stat().st_mtime_ns for path in paths}

    before = written()
    names = [name for name in CONDITIONS if name not in ("C4", "C9")]  # these keep nothing
    again = chain.from_iterable(measure(job, names, ["nano"]))
    assert [repr(one) for one in again] == [repr(one) for one in measured if one.condition in names]
    assert written() == before


@pytest.mark.slow
def test_only_the_untuned_model_and_flan_2022s_are_trained(measured, job):
    specs = {run.spec for run in (*tuned_runs(job), *untuned_runs(job))}
    assert {folder.name for folder in job.store.root.iterdir()} == {s.run_id for s in specs}
    assert {spec.mixture for spec in specs} == {"flan2022"}


@pytest.mark.slow
def test_the_cost_counts_every_run_once(measured, job):
    (minutes,) = of(measured, "C9", "minutes")
    one = dataclasses.replace(job, seeds=1)
    specs = {spec for sweep in SWEEPS.values() for spec in sweep.specs(one)}
    single = {spec for _, spec in single_task_specs(one)}
    assert minutes.n == len(specs) + len(single)
    assert minutes.value > 0
    # Training alone: tokens by seconds per token.
    asked = {pair for sweep in SWEEPS.values() for pair in sweep.evaluated(one)}
    pace = Pace(2.0, dict.fromkeys(asked, 0.0), 0.0)
    tokens = [s.steps * s.batch_size * (s.inputs_length + s.targets_length) for s in specs | single]
    assert core_seconds(one, pace) == (2.0 * sum(tokens), minutes.n)


# --- bad input ---


@pytest.mark.parametrize(
    ("changes", "conditions", "said"),
    [
        ({"collection": "flan2022"}, ["C1"], "choose pocket"),
        ({}, ["C1", "C10"], "unknown condition 'C10': choose among C1, C2"),
        ({"model": "mini"}, ["C2"], "no checkpoint of model 'mini' ships for collection 'pocket'"),
        ({"model": "mini"}, ["C1"], "no checkpoint of model 'mini' ships for collection 'pocket'"),
    ],
)
@pytest.mark.filterwarnings("ignore::flanrepro.experiments.profiles.NoBase")
def test_what_cannot_be_checked_is_said_before_anything_is_trained(
    changes, conditions, said, tmp_path
):
    job = Job(**{"profile": "smoke", "out": str(tmp_path), **changes})
    with pytest.raises(InputError, match=said):
        list(measure(job, conditions))
    assert not (tmp_path / "runs").exists()
