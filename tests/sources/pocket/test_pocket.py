"""The pocket collection's shape: its tasks, their wording, and what is held out."""

from collections import Counter, defaultdict

import pytest

from flanrepro.collection import load_templates, suite_prompts
from flanrepro.collection.suites import HELD_IN
from flanrepro.collection.templates import load_by_direction
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")
FLAN2022 = load_collection("flan2022")
SUITES = {name: suite.tasks for name, suite in POCKET.suites.items()}
EVERY_TASK = POCKET.every_task


def test_it_has_as_many_tasks_as_the_papers_mixture_in_its_six_sources():
    per_source = Counter(task.source for task in POCKET.tasks.values())
    assert len(POCKET.tasks) >= 1836
    assert set(per_source) == {"flan2021", "t0_sf", "niv2", "cot", "dialog", "program_synthesis"}
    assert per_source["niv2"] == 1560
    assert per_source["flan2021"] == 63
    assert per_source["t0_sf"] >= 193
    assert per_source["cot"] == 9


def test_flan_2021_has_its_twelve_clusters():
    clusters = Counter(t.cluster for t in POCKET.tasks.values() if t.source == "flan2021")
    assert clusters == {
        "nli": 10,
        "reading_comprehension": 6,
        "closed_book_qa": 6,
        "commonsense": 4,
        "sentiment": 4,
        "paraphrase": 5,
        "coreference": 3,
        "reading_with_commonsense": 2,
        "struct_to_text": 4,
        "translation": 8,
        "summarization": 6,
        "misc": 5,
    }


def test_twins_of_flan_2021_have_its_names():
    names = {name for name, task in FLAN2022.tasks.items() if task.source == "flan2021"}
    assert {n for n, task in POCKET.tasks.items() if task.source == "flan2021"} <= names


def test_suites_are_those_of_the_paper():
    assert {name: len(tasks) for name, tasks in SUITES.items()} == {
        "held_in": 8,
        "cot": 5,
        "mmlu": 57,
        "bbh": 23,
        "bbh_cot": 23,
        "single_task": 5,
    }
    for name in ("held_in", "cot", "mmlu"):
        twins = {task.name for task in FLAN2022.suites[name].tasks}
        assert {task.name for task in SUITES[name]} == twins


def test_every_task_is_found_by_its_own_name():
    tasks = [*POCKET.tasks.values(), *POCKET.other.values()]
    tasks += [task for name in ("cot", "mmlu", "bbh", "bbh_cot") for task in SUITES[name]]
    assert len({task.name for task in tasks}) == len(tasks) == len(EVERY_TASK)


def test_held_in_tasks_are_trained_and_held_out_tasks_are_not():
    assert tuple(task.name for task in SUITES["held_in"]) == HELD_IN
    assert set(HELD_IN) <= set(POCKET.tasks)
    for name in ("mmlu", "bbh", "bbh_cot"):
        assert not {task.name for task in SUITES[name]} & set(POCKET.tasks)
        assert {task.source for task in SUITES[name]} == {"evaluation"}
    assert not set(POCKET.other) & set(POCKET.tasks)


def test_of_the_cot_suite_svamp_and_asdiv_are_not_trained():
    trained = {
        tuple(record.items())
        for task in POCKET.tasks.values()
        if task.source == "cot"
        for record in task.records("train")
    }
    of_trained = {"gsm8k": "cot_gsm8k", "strategyqa": "cot_strategyqa", "commonsenseqa": "cot_ecqa"}
    for task in SUITES["cot"]:
        assert not {tuple(record.items()) for record in task.records("validation")} & trained
        if task.name in of_trained:
            twin = POCKET.tasks[of_trained[task.name]]
            assert task.records("validation") == twin.records("validation")
        else:
            assert "train" not in task.splits


def test_both_forms_of_a_problem_ask_the_same_records():
    for direct, cot in zip(SUITES["bbh"], SUITES["bbh_cot"], strict=True):
        assert cot.name == direct.name.replace("bbh_", "bbh_cot_")
        assert cot.templates != direct.templates
        assert cot.records("validation") == direct.records("validation")


def test_single_task_targets_come_large_and_small():
    targets = ("wanli", "mednli", "condaqa", "pubmedqa", "cxc")
    assert set(POCKET.other) == {name + end for name in targets for end in ("", "_small")}
    for name in targets:
        large, small = POCKET.other[name], POCKET.other[f"{name}_small"]
        assert small.records("train") == large.records("train")[: small.size("train")]
        assert small.size("train") == 128
        for split in ("validation", "test"):
            assert small.records(split) == large.records(split)


def test_no_record_is_in_two_splits_or_twice_in_one():
    for task in EVERY_TASK.values():
        records = [tuple(r.items()) for split in task.splits for r in task.records(split)]
        assert len(set(records)) == len(records) == sum(task.splits.values())


def test_the_answer_is_among_the_options_once():
    for task in EVERY_TASK.values():
        for record in (r for split in task.splits for r in task.records(split)):
            if "options" in record:
                options = record["options"].split("\n")
                assert len(set(options)) == len(options) > 1
                if task.name.endswith("_whole"):  # which are answered in a sentence
                    assert sum(record["answer"].endswith(f" {o}") for o in options) == 1
                else:
                    assert options.count(record["answer"]) == 1


def test_held_out_answers_are_answers_that_training_uses():
    trained = {
        record["answer"]
        for task in POCKET.tasks.values()
        if task.cluster == "closed_book_qa"
        for record in task.records("train")
    }
    for task in SUITES["mmlu"]:
        assert {record["answer"] for record in task.records("validation")} <= trained


def test_templates_are_about_ten_per_cluster_and_at_most_three_are_inverted():
    wordings = defaultdict(set)
    for task in POCKET.tasks.values():
        if task.source == "flan2021":
            regular, inverted = load_by_direction(task.templates)
            wordings[task.cluster].add(len(regular) + len(inverted))
            assert 5 <= len(regular) <= 7
            assert 1 <= len(inverted) <= 3
    for cluster, counts in wordings.items():
        assert max(counts) in ((8,) if cluster == "misc" else (9, 10)), cluster


@pytest.mark.parametrize("source", ["cot", "dialog", "program_synthesis"])
def test_sources_that_are_inverted_at_a_rate_have_both_directions(source):
    for task in POCKET.tasks.values():
        if task.source == source:
            assert all(load_by_direction(task.templates))


def test_a_definition_is_asked_for_in_turn_with_and_without_an_example():
    templates = load_templates("pocket_niv2")
    shown = [t.name for t in templates if "{definition}" in t.instruction + t.inputs]
    examples = [t.name for t in templates if "{example}" in t.instruction]
    assert len(shown) >= 6
    assert len(examples) >= 3
    assert set(shown) - set(examples) and set(shown) & set(examples)


@pytest.mark.parametrize("name", ["held_in", "cot"])
def test_few_shot_prompts_of_a_suite_have_as_many_exemplars_as_asked_for(name):
    for prompt in suite_prompts(POCKET.suites[name], 3, 20):
        assert len(set(prompt.exemplars)) == 3
