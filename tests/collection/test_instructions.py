"""A task is asked in its first templates, in none, or behind its data set's name."""

import pickle

import pytest

from flanrepro.collection import Mixture, Task, load_templates, render
from flanrepro.collection.instructions import INSTRUCTIONS, templates_of
from flanrepro.collection.named import named_mixture
from flanrepro.collection.suites import item_of
from flanrepro.collection.templates import fields_of
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")
REAL = load_collection("flan2022")
FLAN2021 = [
    (collection, task.name)
    for collection in (POCKET, REAL)
    for task in collection.tasks.values()
    if task.source == "flan2021"
]


def asked(task, instructions: str, record: int = 0) -> str:
    return render(task, record, template=templates_of(task, instructions)[0]).inputs


# --- templates ---


@pytest.mark.parametrize("number", [1, 4, 10])
def test_templates_are_the_files_first_ones(number):
    for collection, name in FLAN2021:
        task = collection.task(name)
        found = templates_of(task, number=number)
        assert found == load_templates(task.templates)[:number]
        assert len(found) == number
        assert not found[0].inverted


def test_a_mixtures_prompts_have_these_templates_and_are_the_same_records():
    mixtures = {n: named_mixture("flan2021_original", POCKET, templates=n) for n in (1, 4, None)}
    prompts = {n: [made.mixture[i] for i in range(3000)] for n, made in mixtures.items()}
    assert {p.template_idx for p in prompts[1]} == {0}
    assert {p.template_idx for p in prompts[4]} == {0, 1, 2, 3}
    assert {p.template_idx for p in prompts[None]} == set(range(10))
    for one, all_of_them in zip(prompts[1], prompts[None], strict=True):
        assert (one.task, one.record) == (all_of_them.task, all_of_them.record)


def test_few_shot_prompts_have_them_as_well():
    records = [{"premise": f"p{i}", "hypothesis": f"h{i}", "answer": "yes"} for i in range(50)]
    rte = Task("rte", "flan2021", "nli", lambda split: records, {"train": 50}, "flan2021/rte")
    mixture = Mixture((rte,), way="reference", few_shot_fraction=0.5, templates=4)
    prompts = [mixture[i] for i in range(200)]
    for setting in ("zero_shot", "few_shot"):
        names = {prompt.template for prompt in prompts if prompt.setting == setting}
        assert names == {template.name for template in load_templates(rte.templates)[:4]}


# --- no template, or a name ---


def test_golden_forms_of_pocket():
    rte, translated = POCKET.task("rte"), POCKET.task("wmt14_enfr")
    record, sentence = rte.records("train")[0], translated.records("train")[0]
    bare = f"{record['premise']}\n{record['hypothesis']}\nOptions:\n- yes\n- no"
    assert asked(rte, "none") == bare
    assert asked(rte, "name") == f"[Natural language inference: rte] {bare}"
    assert asked(translated, "none") == sentence["text"]
    assert asked(translated, "name") == f"[Translation: wmt14 enfr] {sentence['text']}"


@pytest.mark.parametrize(("collection", "name"), FLAN2021, ids=lambda x: getattr(x, "name", x))
def test_inputs_without_a_template_have_fields_and_nothing_else(collection, name):
    task = collection.task(name)
    (bare,) = templates_of(task, "none")
    (named,) = templates_of(task, "name")
    fields = fields_of(bare.inputs)
    assert set(fields) - {"options"}
    assert set(fields) <= set(fields_of(load_templates(task.templates)[0].inputs))
    assert not {"answer", "language", "target_language"} & set(fields)
    left = bare.inputs
    for field in fields:
        left = left.replace(f"{{{field}}}", "")
    assert left.strip() == ""
    assert (bare.targets, bare.instruction, bare.inverted) == ("{answer}", "", False)
    assert named.inputs.endswith(f": {name.replace('_', ' ')}] {bare.inputs}")


@pytest.mark.parametrize("instructions", INSTRUCTIONS[1:])
def test_a_mixtures_prompts_have_the_form(instructions):
    made = named_mixture("flan2021_original", POCKET, instructions=instructions)
    for i in range(1000):
        prompt = made.mixture[i]
        assert (prompt.template, prompt.template_idx, prompt.inverted) == (instructions, -1, False)
        assert prompt.inputs.startswith("[") is (instructions == "name")
        assert prompt.exemplars == ()
    again = pickle.loads(pickle.dumps(made.mixture))
    assert again[7] == made.mixture[7]


def test_the_forms_hold_for_real_records(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    rte, record = REAL.task("rte"), REAL.task("rte").records("train")[0]
    bare = f"{record['premise']}\n{record['hypothesis']}\nOptions:\n- yes\n- no"
    assert asked(rte, "none") == bare
    assert asked(rte, "name") == f"[Natural language inference: rte] {bare}"
    here = [
        task for task in REAL.tasks.values() if task.source == "flan2021" and not task.missing()
    ]
    assert len(here) >= 20
    for task in here:
        for instructions in INSTRUCTIONS:
            prompt = render(task, 0, template=templates_of(task, instructions)[0])
            assert prompt.inputs
            assert prompt.targets


def test_options_are_shown_only_where_prompts_show_them():
    mixture = Mixture((POCKET.task("sst2"),), instructions="none", options_fraction=0.5)
    prompts = [mixture[i] for i in range(200)]
    shown = [p for p in prompts if "Options:" in p.inputs]
    assert len(shown) == 100
    assert {p.format.options for p in shown} == {"prompt"}


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_an_items_choices_are_the_same_in_every_form(instructions):
    task = POCKET.task("anli_r1")
    template = templates_of(task, instructions)[0]
    prompt = render(task, 3, split="validation", template=template)
    record = task.records("validation")[3]
    item = item_of(task, prompt)
    assert item.choices == tuple(record["options"].split("\n"))
    assert item.choices[item.right] == record["answer"] == prompt.targets


# --- bad input ---


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"templates": 0}, "templates is 0: expected 1 to 10, or None for all"),
        ({"templates": 11}, "templates is 11: expected 1 to 10, or None for all"),
        ({"instructions": "nome"}, "unknown instructions 'nome': choose one of none, name, or not"),
        (
            {"instructions": "none", "templates": 4},
            "templates is 4, and instructions 'none' use no template: leave one of the two out",
        ),
    ],
)
def test_forms_that_make_no_sense_are_one_sentence(fields, sentence):
    with pytest.raises(InputError, match=f"^{sentence}"):
        Mixture((POCKET.task("sst2"),), **fields)
    with pytest.raises(InputError, match=f"^{sentence}"):
        named_mixture("flan2021_original", POCKET, **fields)


def test_finished_prompts_have_no_templates_to_change():
    rendered = load_collection("flan2022_rendered").tasks
    task = next(task for task in rendered.values() if task.rendered)
    with pytest.raises(InputError, match=f"task '{task.name}' has finished prompts, which templ"):
        templates_of(task, "none")
