"""FLAN 2021's sweeps: what each run has not seen, and how it is asked."""

import dataclasses

import pytest

from flanrepro.collection.clusters import cluster_of, held_out
from flanrepro.experiments import results
from flanrepro.experiments.flan2021 import (
    ADDED,
    CLUSTERS,
    FLAN2021,
    MIXTURE,
    OF_INSTRUCTIONS,
    UNSEEN,
    WITHOUT_OPTIONS,
)
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.sweep import untuned
from flanrepro.report.paper import published
from flanrepro.sources import load_collection

JOB = Job(profile="quick", seeds=2)


def asked(name: str, job: Job = JOB) -> dict:
    return FLAN2021[f"flan2021_{name}"].asked(job)


@pytest.mark.parametrize("name", [name for name in FLAN2021 if "prompt" not in name])
def test_no_run_is_trained_on_a_cluster_that_it_is_asked_for(name):
    for spec, evaluations in FLAN2021[name].asked(JOB).items():
        if spec.steps == 0:
            continue
        trained = {cluster_of(task) for task in spec.load_mixture().tasks}
        seen = {one.suite for one in evaluations} & trained
        assert seen <= (set(ADDED) if name == "flan2021_scale" else set())


def test_every_cluster_of_the_tables_is_held_out_with_what_goes_with_it():
    found = asked("clusters")
    tuned = {spec: of for spec, of in found.items() if spec.steps}
    by_cluster = {}
    for spec, evaluations in tuned.items():
        for one in evaluations:
            by_cluster.setdefault(one.suite, set()).add(spec)
            assert one.suite in held_out(spec.without_clusters)
            assert one.asking.template == "each"
        assert {one.shots for one in evaluations} == {0, 16}
    assert set(by_cluster) == set(CLUSTERS)
    assert all({spec.seed for spec in specs} == {0, 1} for specs in by_cluster.values())
    # Each of the two takes the other with it, so that they are one run.
    assert by_cluster["nli"] == by_cluster["paraphrase"]
    assert len(tuned) == 2 * 9
    assert len({tuple(sorted(held_out(spec.without_clusters))) for spec in tuned}) == 9


def test_the_model_that_is_not_tuned_is_one_run_and_asked_in_two_ways():
    (spec,) = [spec for spec in asked("clusters") if spec.steps == 0]
    assert spec == untuned(JOB)
    labels = {one.asking.label for one in asked("clusters")[spec]}
    assert labels == {"each", "none"}


def test_clusters_are_added_in_figure_6_s_order():
    rows = published("flan2021_figures").query("place == 'Figure 6'")
    printed = [given.partition("added=")[2] for given in rows["given"]]
    names = {"reading_comprehension": "reading comprehension", "struct_to_text": "data to text"}
    names |= {"miscellaneous": "conversational QA"}
    assert [names.get(name, name) for name in ADDED] == printed
    found = [spec for spec in asked("numbers") if spec.seed == 0]
    trained = [{cluster_of(task) for task in spec.load_mixture().tasks} for spec in found]
    assert trained == [set(ADDED[:n]) for n in range(1, 8)]
    assert {one.suite for of in asked("numbers").values() for one in of} == set(UNSEEN)


def test_the_ablations_share_the_run_on_all_seven_clusters():
    seven = [spec for spec in asked("numbers") if "miscellaneous" not in spec.without_clusters]
    assert [spec.seed for spec in seven] == [0, 1]
    for name in ("scale", "templates", "options"):
        assert set(seven) < set(asked(name))
    assert {spec.templates for spec in asked("templates")} == {1, 4, None}
    assert {spec.mixture for spec in asked("options")} == {MIXTURE, WITHOUT_OPTIONS}


def test_without_options_no_prompt_shows_them_and_all_else_is_equal():
    two = {spec.mixture: spec for spec in asked("options") if spec.seed == 0}
    with_options, without = (two[name].load_mixture() for name in (MIXTURE, WITHOUT_OPTIONS))
    for i in range(200):
        one, other = with_options[i], without[i]
        assert (one.task, one.record, one.targets) == (other.task, other.record, other.targets)
        assert "Options:" not in other.inputs
    assert any("Options:" in with_options[i].inputs for i in range(200))


def test_models_without_templates_are_asked_in_instructions_and_by_name():
    found = asked("instructions")
    ways = {(spec.instructions, one.asking.label) for spec, of in found.items() for one in of}
    assert ways == {("", "each"), ("none", "each"), ("name", "each"), ("name", "name")}
    assert {spec.without_clusters for spec in found} == {OF_INSTRUCTIONS}


def test_soft_prompts_start_from_a_model_that_has_not_seen_the_target_s_cluster():
    found = asked("prompt_tuning")
    starts = {spec.run_id: spec for spec in asked("clusters") if spec.steps}
    loaded = load_collection("pocket")
    assert {spec.tasks for spec in found} == {("rte",), ("cb",), ("bool_q",), ("copa",)}
    assert {spec.max_examples for spec in found} == {32, None}
    for spec, (one,) in found.items():
        assert (spec.prompt_length, spec.options_fraction) == (10, 1.0)
        cluster = cluster_of(loaded.task(*spec.tasks))
        assert one.suite == f"{cluster}.{spec.tasks[0]}"
        if start := starts.get(spec.start):
            assert cluster in held_out(start.without_clusters) and start.seed == spec.seed
        else:
            assert spec.start == untuned(JOB).start
    tuned = [spec for spec in found if spec.start in starts]
    assert len(tuned) == len(found) / 2 == 4 * 2 * 2


def test_a_size_without_a_base_has_soft_prompts_for_what_was_tuned_alone():
    with pytest.warns(UserWarning, match="no checkpoint of model 'mini' ships"):
        found = asked("prompt_tuning", dataclasses.replace(JOB, model="mini"))
    assert found and all(len(spec.start) == 12 for spec in found)


def test_the_paper_s_profile_has_section_2_4_s_values():
    profile = Job("flan2022", profile="paper").settings
    run, stated = (
        profile.run | profile.flan2021,
        published("flan2021_text").set_index("id")["value"],
    )
    names = {"steps": "steps", "learning_rate": "learning_rate"}
    names |= {"inputs_length": "input_length", "targets_length": "target_length"}
    for ours, theirs in names.items():
        assert float(run[ours]) == float(stated[theirs])
    tokens = run["batch_size"] * (run["inputs_length"] + run["targets_length"])
    assert abs(tokens - float(stated["batch"])) < run["inputs_length"] + run["targets_length"]
    assert profile.prompt_tuning["prompt_length"] == int(stated["prompt_length"])
    assert profile.prompt_tuning["examples"] == [int(stated["prompt_examples"]), None]


@pytest.mark.parametrize("name", FLAN2021)
def test_of_a_profile_of_which_nothing_ships_there_is_no_run(name):
    assert FLAN2021[name].asked(Job(profile="smoke", engine="shipped")) == {}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Job, dict]:
    job = Job(profile="smoke", out=str(tmp_path_factory.mktemp("flan2021")))
    names = ("flan2021_prompt_tuning", "flan2021_options")
    return job, {name: results.scores(job, name) for name in names}


@pytest.mark.slow
def test_soft_prompts_train_what_they_start_from_first(trained):
    job, found = trained
    table = found["flan2021_prompt_tuning"]
    assert set(table["state"]) == {"tuned", "untuned"}
    assert set(table["suite"]) == {"nli.rte"} and set(table["metric"]) == {"accuracy"}
    assert set(table["examples"]) == {32}
    assert all(job.store.find(spec) for spec in asked("clusters", job))


@pytest.mark.slow
def test_scores_say_how_they_were_asked_and_are_read_the_second_time(trained):
    job, found = trained
    table = found["flan2021_options"]
    assert set(table["asking"]) == {"each", "each_nooptions"}
    assert set(table["clusters"]) == {7} and set(table["state"]) == {"tuned"}
    again = results.scores(job, "flan2021_options", train=False)
    assert again.equals(table)
