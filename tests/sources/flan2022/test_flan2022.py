"""The collection `flan2022`: what can be named, mixed and evaluated."""

import csv
import dataclasses
import pickle
from collections import Counter

import pytest

from flanrepro.collection import load_templates
from flanrepro.collection.named import mixture_names, named_mixture
from flanrepro.collection.suites import HELD_IN, at_hand
from flanrepro.collection.templates import fields_of, load_wordings
from flanrepro.sources import load_collection

SOURCES = {
    "CoT": "cot",
    "T0": "t0_sf",
    "NIv2": "niv2",
    "FLAN": "flan2021",
    "FLAN/T0": "flan2021",
    "Dialog": "dialog",
    "Program Synthesis": "program_synthesis",
}
RENAMED = {
    "cot_esnli",
    "cot_qed",
    "cot_aqua",
    "cot_creak",
    "cot_ecqa",
    "cot_qasc",
    "cot_sensemaking",
}
OURS = {"qrecc_rewriting", "trec_cast", "trec_cast_2019", "mbpp", "conala", "apps"}


@pytest.fixture(scope="module")
def collection():
    return load_collection("flan2022")


@pytest.fixture
def here(mirror, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path_factory.getbasetemp() / "flan2022"))


def test_its_tasks_are_those_of_the_references_list_and_six_of_ours(collection, mirror):
    text = (mirror / "flan_collection" / "flan_collection_info.csv").read_text("utf-8")
    listed = {source: set() for source in SOURCES.values()}
    for row in csv.DictReader(text.splitlines()):
        rendered = row["Source"] in ("T0", "NIv2")
        name = row["Specific Task Category" if rendered else "Dataset"]
        listed[SOURCES[row["Source"]]].add(name.replace("stream_", "cot_"))
    listed["flan2021"] = listed["flan2021"] - {"mnli"} | {"mnli_matched", "mnli_mismatched"}
    for source, names in listed.items():
        ours = {task.name for task in collection.tasks.values() if task.source == source}
        assert ours - OURS == names
    assert len(collection.tasks) == 72 + 193 + 1556 + 9 + 3 + 5 + len(OURS) == 1844


def test_its_suites_are_the_papers(collection):
    sizes = {name: len(suite.tasks) for name, suite in collection.suites.items()}
    expected = {"held_in": 8, "cot": 5, "mmlu": 57, "bbh": 27, "bbh_cot": 27, "single_task": 15}
    assert sizes == expected
    assert [task.name for task in collection.suites["cot"].tasks] == [
        "gsm8k",
        "strategyqa",
        "svamp",
        "asdiv",
        "commonsenseqa",
    ]
    assert collection.held_in == HELD_IN


def test_nothing_evaluated_alone_is_trained_on(collection):
    sources = {task.source for task in collection.tasks.values()}
    assert "evaluation" not in sources
    for name in ("mmlu", "bbh", "cot"):
        for task in collection.suites[name].tasks:
            assert task.source == "evaluation"
            assert task.name not in collection.tasks
    assert not [name for name in collection.tasks if "mmmlu" in name]


def test_every_task_has_its_facts_and_templates_that_fit_its_kind(collection):
    for task in collection.every_task.values():
        assert task.licence and task.citation and task.cluster, task.name
        templates = load_templates(task.templates)
        assert len(templates) >= (1 if task.templates in ("rendered", "bbh_cot") else 10), (
            task.templates
        )
        assert "answer" in fields_of(templates[0].targets)


def test_what_is_at_hand_is_mixed_and_the_rest_reported(collection, here):
    made = named_mixture("flan2022", collection)
    tasks = Counter(task.source for task in made.mixture.tasks)
    assert tasks == {"flan2021": 20, "niv2": 16, "cot": 8, "dialog": 3, "program_synthesis": 2}
    assert len(made.missing) + len(made.mixture.tasks) == 1844
    assert sum(made.shares.values()) == pytest.approx(1)
    assert "t0_sf: 0 of 193 tasks" in made.report()


def test_every_mixture_draws_its_first_prompts(collection, here):
    for name in mixture_names():
        if name == "p3++":  # nothing of P3 is in the mirror
            continue
        mixture = named_mixture(name, collection, seed=1).mixture
        prompts = [mixture[i] for i in range(200)]
        assert all(prompt.inputs.strip() and prompt.targets.strip() for prompt in prompts)


def test_a_mixture_goes_to_another_process(collection, here):
    mixture = named_mixture("flan2022", collection, seed=3).mixture
    copy = pickle.loads(pickle.dumps(mixture))
    assert [copy[i] for i in range(50)] == [mixture[i] for i in range(50)]


def test_suites_leave_out_what_is_not_at_hand(collection, here):
    held_in, missing = at_hand(collection.suites["held_in"], 3)
    assert set(missing) == {"anli_r1", "anli_r2", "anli_r3"}  # no training split for exemplars
    assert len(held_in.tasks) == 5
    assert not at_hand(collection.suites["held_in"], 0)[1]
    for name in ("cot", "mmlu", "bbh", "bbh_cot"):
        assert not at_hand(collection.suites[name], collection.suites[name].protocol.shots)[1]
    _, missing = at_hand(collection.suites["single_task"], 0)
    tested_elsewhere = {"anli_r1", "anli_r2", "anli_r3", "unified_qa_science_inst", "wanli"}
    assert set(missing) == {*tested_elsewhere, "mednli", "cxc"}


class Sized(list):
    """Records of a task that is not at hand: their number."""

    def __init__(self, n: int):
        self.n = n

    def __len__(self) -> int:
        return self.n


def by_size_only(task):
    n = task.splits.get("train") or 1000
    return dataclasses.replace(
        task,
        load=lambda split: Sized(n),
        splits={"train": n},
        approximate=False,
        find_missing=None,
    )


# Tasks that are not at hand have no records to compare.
@pytest.mark.parametrize("name", sorted({*mixture_names()} - {"flan2022_decontaminated"}))
def test_a_million_draws_of_all_tasks_have_the_stated_rates(collection, name):
    groups = (collection.tasks, collection.other)
    tasks, other = ({n: by_size_only(t) for n, t in group.items()} for group in groups)
    whole = dataclasses.replace(collection, tasks=tasks, other=other)
    made = named_mixture(name, whole)
    small = [of for of, why in made.missing.values() if "too few" not in why]
    assert not small
    frame = made.table(1_000_000)
    assert (frame["rate"] - frame["share"]).abs().max() < 0.1
    shares = frame.groupby("source")["share"].sum()
    for source, stated in made.stated.items():
        assert shares[source] == pytest.approx(100 * stated, abs=0.1)


@pytest.mark.parametrize("draws", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_exemplar_repeats_its_query_or_is_of_another_task_in_many_few_shot_draws(
    collection, here, draws
):
    mixture = named_mixture("flan2022", collection, few_shot_fraction=1.0).mixture
    tasks = {task.name: task for task in mixture.tasks}
    few_shot = 0
    for i in range(draws):
        prompt = mixture[i]
        task = tasks[prompt.task]
        query = dict(task.records(prompt.split)[prompt.record])
        pool = task.records(task.exemplar_split)
        few_shot += bool(prompt.exemplars)
        assert len(set(prompt.exemplars)) == len(prompt.exemplars)
        wordings = load_wordings(task.templates)
        template = (*wordings.templates, *wordings.few_shot)[prompt.template_idx]
        beside = prompt.asked.beside or (template,)
        asked = [query.get(name) for name in template.essential]
        for n, index in enumerate(prompt.exemplars):
            shown = pool[index]  # an index of the task's own pool, whatever it says
            assert shown != query
            assert [shown.get(name) for name in template.essential] != asked
            assert all(
                shown[name] in prompt.inputs
                for name in fields_of(beside[n % len(beside)].inputs)
                if name not in ("options", "answer")
            )
    assert few_shot > 0.99 * draws


def test_the_rendered_collection_has_the_same_names():
    rendered, real = load_collection("flan2022_rendered"), load_collection("flan2022")
    published = {n for n, task in real.tasks.items() if task.source != "program_synthesis"}
    assert set(rendered.tasks) == published
    assert all(task.rendered for task in rendered.tasks.values())
