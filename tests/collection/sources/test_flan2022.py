"""The collection `flan2022` as far as it goes: what can be named, mixed and evaluated."""

import pickle

from flanrepro.collection import Mixture, load_collection, load_templates
from flanrepro.collection.sources import flan2022


def test_it_has_seven_training_tasks_and_the_suite_cot():
    collection = load_collection("flan2022")
    assert collection.name == "flan2022"
    assert collection.vocabulary == "flan2022-4096"
    assert sorted(collection.tasks) == [
        "cot_aqua",
        "cot_creak",
        "cot_ecqa",
        "cot_gsm8k",
        "cot_qasc",
        "cot_sensemaking",
        "cot_strategyqa",
    ]
    assert {task.source for task in collection.tasks.values()} == {"cot"}
    assert list(collection.suites) == ["cot"]
    assert [task.name for task in collection.suites["cot"].tasks] == [
        "gsm8k",
        "strategyqa",
        "svamp",
        "commonsenseqa",
    ]
    assert collection.task("gsm8k").source == "evaluation"


def test_every_task_states_its_licence_and_citation_and_has_three_templates():
    collection = flan2022.collection()
    for task in (*collection.tasks.values(), *collection.suites["cot"].tasks):
        assert task.licence and task.citation
        templates = load_templates(task.templates)
        assert len(templates) >= 3
        assert len({template.name for template in templates}) == len(templates)
        for template in templates:
            assert template.targets.startswith("{rationale}")
            assert template.targets.endswith("the answer is {answer}.")


def test_a_mixture_of_it_goes_to_another_process(mirror, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    mixture = Mixture(tuple(flan2022.collection().tasks.values()), seed=3)
    copy = pickle.loads(pickle.dumps(mixture))
    assert [copy[i] for i in range(20)] == [mixture[i] for i in range(20)]
    drawn = [mixture[i] for i in range(200)]
    assert {prompt.task for prompt in drawn} == set(flan2022.collection().tasks)
    assert {len(prompt.exemplars) for prompt in drawn} == {0, 2, 3, 5}
