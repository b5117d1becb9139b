"""The niv2 source: task files of any age read in full, under the names of the Flan Collection's
list; MMLU stays out; exemplars are the task's own."""

import ast
import csv
import dataclasses
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanrepro.collection import Mixture, load_templates, render
from flanrepro.collection.templates import fields_of, load_few_shot
from flanrepro.errors import InputError
from flanrepro.sources.flan2022 import niv2

DEFINITION = "Copy {the} input; <b>100 %</b> of it."
FILE = {
    "Contributors": ["A"],
    "Source": ["made_up"],
    "Categories": ["Text Matching"],
    "Definition": [DEFINITION],
    "Positive Examples": [{"input": "{0}", "output": "<i>{0}</i>", "explanation": "so"}],
    "Instances": [
        {"id": "x-1", "input": 'a\t{b}\n"c" ', "output": ["first", "second"]},
        {"id": "x-2", "input": "<br/> \u2028 {}", "output": ["{answer}"]},
    ],
}


def files(mirror):
    return sorted((mirror / "niv2/tasks").glob("*.json"))


@pytest.fixture
def places(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "mirror"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def tasks():
    return {task.name: task for task in niv2.tasks()}


def test_every_task_of_the_list_is_there_with_its_category_and_languages(mirror, places):
    path = mirror / "flan_collection/flan_collection_info.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        listed = [row for row in csv.DictReader(stream) if row["Source"] == "NIv2"]
    named = tasks()
    assert len(named) == 1556
    assert {row["Specific Task Category"] for row in listed} == set(named)
    for row in listed:
        task = named[row["Specific Task Category"]]
        assert task.cluster == row["Generic Task Category"]
        spoken = ", ".join(sorted(ast.literal_eval(row["Languages"])))
        assert task.dataset.notes.endswith(f"languages: {spoken}")
        assert task.source == "niv2" and task.licence and task.splits["train"] >= 26
        assert list(task.splits) == ["train", "exemplars"]
    assert not [name for name in named if "mmlu" in name]


def test_a_task_is_found_under_the_name_of_its_file(mirror, places):
    paths = {name: [*task.dataset.files["train"]] for name, task in tasks().items()}
    stems = {path.rsplit("/", 1)[1].removesuffix(".json") for [path, _] in paths.values()}
    assert len(stems) == 1556
    assert {path.stem for path in files(mirror)} <= stems
    assert paths["task141_odd_man_out_classification_category"] == [
        "niv2/tasks/task141_odd-man-out_classification_category.json",
        "natural-instructions/tasks/task141_odd-man-out_classification_category.json",
    ]
    assert paths["task1640_aqa1"][0].endswith(
        "/task1640_aqa1.0_answerable_unanswerable_question_classification.json"
    )
    renamed = [name for name, [path, _] in paths.items() if f"/{name}.json" not in path]
    assert len(renamed) == 51


def test_each_file_reads_in_full(mirror):
    total = 0
    for path in files(mirror):
        file = json.loads(path.read_text("utf-8"))
        definition = file["Definition"]
        definition = definition if isinstance(definition, str) else definition[0]
        instances, examples = niv2.read(path)
        assert len(instances) == len(file["Instances"])
        assert len(examples) == len(file["Positive Examples"])
        for record, instance in zip(instances, file["Instances"], strict=True):
            assert record == {
                "definition": definition.strip(),
                "input": instance["input"].strip(),
                "answer": instance["output"][0].strip(),
            } | ({"references": json.dumps(instance["output"])} if instance["output"][1:] else {})
        assert [example["answer"] for example in examples] == [
            example["output"].strip() for example in file["Positive Examples"]
        ]
        assert [example.get("explanation", "") for example in examples] == [
            example.get("explanation", "").strip() for example in file["Positive Examples"]
        ]
        total += len(instances)
    assert (len(files(mirror)), total) == (16, 78085)


def test_every_record_renders_with_its_definition_once(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    templates = load_templates("niv2")
    here = [task for task in niv2.tasks() if not task.missing("train")]
    assert len(here) == 16
    for task in here:
        records, examples = list(task.records("train")), list(task.records("exemplars"))
        task._cache.update(train=records, exemplars=examples)
        definition = records[0]["definition"]
        assert {example["definition"] for example in examples} == {definition}
        assert task.exemplar_split == "exemplars"
        for i, record in enumerate(records):
            template = templates[i % len(templates)]
            zero = render(task, i, template=template)
            few = render(task, i, template=template, exemplars=(0, 1))
            assert zero.targets == few.targets == record["answer"]
            for prompt in (zero, few):
                assert prompt.inputs.count(definition) == 1
                assert record["input"] in prompt.inputs
            assert examples[0]["input"] in few.inputs and examples[1]["answer"] in few.inputs


def test_ten_templates_say_the_definition_and_ask_for_the_answer():
    templates = load_templates("niv2")
    assert len({(t.instruction, t.inputs, t.answer) for t in templates}) == 10
    for template in templates:
        assert "{definition}" in template.instruction
        assert "{definition}" not in template.inputs
        assert template.targets == "{answer}" and not template.inverted


def test_half_of_the_few_shot_templates_explain_one_example_and_half_show_two():
    templates = load_few_shot("niv2")
    assert len({(t.instruction, t.inputs, t.answer, t.exemplar) for t in templates}) == 20
    explained = [template for template in templates if template.exemplar]
    assert [template.shots for template in templates] == [1] * 10 + [2] * 10
    assert explained == list(templates[:10])
    for template in templates:
        assert template.instruction.count("{definition}") == 1
        assert "{definition}" not in template.inputs and not template.inverted
    for template in explained:
        named = fields_of(template.exemplar)
        assert sorted(named) == ["answer", "explanation", "input"]
        # The explanation comes behind the answer, which a model is to learn to say at once.
        assert named.index("answer") < named.index("explanation")


def test_one_example_with_its_explanation_and_without(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    task = tasks()["task648_answer_generation"]
    example, record = task.records("exemplars")[0], task.records("train")[0]
    (template,) = (t for t in load_few_shot("niv2") if t.name == "parts")
    head = f"1. The task\n{record['definition']}\n\n"
    asked = f"3. An unsolved one\n{record['input']}\nSolution:"
    explained = render(task, 0, template=template, exemplars=(0,))
    assert explained.inputs == (
        f"{head}2. A solved one\n{example['input']}\nSolution: {example['answer']}\n"
        f"Why so: {example['explanation']}\n{asked}"
    )
    assert explained.targets == record["answer"]
    # The Hub's copy has no explanations.
    bare = {name: text for name, text in example.items() if name != "explanation"}
    without = dataclasses.replace(
        task, load=lambda split: [bare] if split == "exemplars" else [record]
    )
    assert render(without, 0, template=template, exemplars=(0,)).inputs == (
        f"{head}2. A solved one\n{example['input']}\nSolution: {example['answer']}\n{asked}"
    )


def test_a_mixture_draws_both_halves_of_the_few_shot_templates_alike(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    of = tuple(task for task in tasks().values() if not task.missing("train"))
    mixture = Mixture(of, seed=1, few_shot_fraction=1.0, options_fraction=1.0, way="reference")
    explained = {template.index for template in load_few_shot("niv2")[:10]}
    shown = Counter()
    for i in range(2000):
        prompt = mixture[i]
        shown[len(prompt.exemplars)] += 1
        assert (len(prompt.exemplars) == 1) == (prompt.template_idx in explained)
    assert set(shown) == {1, 2} and 900 < shown[1] < 1100


def test_golden(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    task = tasks()["task648_answer_generation"]
    definition = (
        "You will see a sentence and a given pronoun. Answer with the word in the sentence to "
        "which the pronoun is referring."
    )
    text = (
        "text: the city councilmen refused the demonstrators a permit because they feared "
        "violence.; pronoun: they"
    )
    answer = "the city councilmen"
    assert task.records("train")[0] == {"definition": definition, "input": text, "answer": answer}
    prompt = render(task, 0)
    assert prompt.inputs == f"{definition}\n\nInput: {text}"
    assert prompt.targets == answer
    prompt = render(task, 0, exemplars=(0, 1))
    assert prompt.inputs == (
        f"{definition}\n\n"
        "Input: text: this book introduced shakespeare to ovid; it was a fine selection of his "
        "writing.; pronoun: his\n"
        "Output: shakespeare\n\n"
        "Input: text: madonna fired her trainer because she couldnt stand her boyfriend.; pronoun: "
        "her\n"
        "Output: trainer\n\n"
        f"Input: {text}\n"
        "Output:"
    )
    assert prompt.targets == answer


def test_a_clone_is_read_too_and_texts_are_kept_as_they_are(places):
    name = "task1640_aqa1.0_answerable_unanswerable_question_classification"
    write(places / f"natural-instructions/tasks/{name}.json", FILE)
    task = tasks()["task1640_aqa1"]
    assert list(task.records("train")) == [
        {
            "definition": DEFINITION,
            "input": 'a\t{b}\n"c"',
            "answer": "first",
            "references": '["first", "second"]',
        },
        {"definition": DEFINITION, "input": "<br/> \u2028 {}", "answer": "{answer}"},
    ]
    assert list(task.records("exemplars")) == [
        {"definition": DEFINITION, "input": "{0}", "answer": "<i>{0}</i>", "explanation": "so"}
    ]
    prompt = render(task, 1, exemplars=(0,))
    assert prompt.inputs == (
        f"{DEFINITION}\n\nInput: {{0}}\nOutput: <i>{{0}}</i>\n\nInput: <br/> \u2028 {{}}\nOutput:"
    )
    assert prompt.targets == "{answer}"


def test_tasks_made_from_mmlu_are_refused(mirror, places):
    samples = sorted((mirror / "niv2/mmlu_filter_samples").glob("*.json"))
    assert len(samples) == 2
    refused = [*samples, write(places / "task1.json", samples[0].read_bytes())]
    for n, changed in enumerate(
        (
            {"Source": "MMLU (https://github.com/hendrycks/test)"},
            {"Source": "Measuring Massive Multitask Language Understanding"},
            {"Categories": ["MMMLU -> Question Answering"]},
        )
    ):
        refused.append(write(places / f"task{n}_x.json", FILE | changed))
    for path in refused:
        with pytest.raises(InputError) as error:
            niv2.read(path)
        assert str(error.value).startswith(f"{path} was made from MMLU, which is held out")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ", line 1: not JSON ("),
        (b'{"Definition": "a",\n"Instances": [', ", line 2: not JSON ("),
        (b"[]", ": expected a JSON object, found list"),
        (b'{"Definition": "\xff"}', ", line 1: not UTF-8"),
        ({"Definition": "a", "Positive Examples": []}, ": the record has no field 'Instances'"),
        ({k: FILE[k] for k in FILE if k != "Definition"}, ": the record has no field 'Definition'"),
        (FILE | {"Instances": []}, ": 'Instances' is not a list with something in it"),
        (FILE | {"Instances": {"a": 1}}, ": 'Instances' is not a list with something in it"),
        (FILE | {"Instances": ["a"]}, ", instance 1: expected a JSON object"),
        (FILE | {"Instances": [{"input": "a"}]}, ", instance 1: the answer is missing or empty"),
        (
            FILE | {"Instances": [*FILE["Instances"], {"input": "a", "output": []}]},
            ", instance 3: the answer is missing or empty",
        ),
        (
            FILE | {"Instances": [{"input": "a", "output": [3]}]},
            ", instance 1: the answer is no text",
        ),
        (
            FILE | {"Instances": [{"input": "a", "output": {"b": 1}}]},
            ", instance 1: the answer is no text",
        ),
        (
            FILE | {"Instances": [{"input": "", "output": ["a"]}]},
            ", instance 1: the input is missing or empty",
        ),
        (FILE | {"Definition": []}, ", instance 1: the definition is missing or empty"),
        (FILE | {"Definition": [{}]}, ", instance 1: the definition is no text"),
        (
            FILE | {"Positive Examples": [{"input": "a"}]},
            ", positive example 1: the answer is missing or empty",
        ),
    ],
)
def test_a_bad_file_gets_a_sentence(places, content, said):
    path = write(places / "niv2/tasks/task001_quoref_question_generation.json", content)
    with pytest.raises(InputError) as error:
        niv2.read(path)
    assert str(error.value).startswith(f"{path}{said}")
    assert "\n" not in str(error.value)


def test_what_is_nowhere_is_said(places):
    task = tasks()["task1239_ted_translation_gl_ja"]
    said = task.missing("train")
    assert "niv2/tasks/task1239_ted_translation_gl_ja.json or natural-instructions/tasks/" in said
    assert "or clone https://github.com/allenai/natural-instructions into the mirror" in said
    assert "hub/" not in said  # not in the Hub's copy
    on_hub = tasks()["task648_answer_generation"].missing("train")
    assert "or hub/Muennighoff/natural-instructions" in on_hub


def hub_rows(path):
    """A task file's rows as the Hub's copy has them: one for every output."""
    file = json.loads(path.read_text("utf-8"))
    definition = file["Definition"]
    return [
        {
            "task_name": path.stem,
            "id": instance.get("id", f"{path.stem}-{n}"),
            "definition": definition if isinstance(definition, str) else definition[0],
            "inputs": instance["input"],
            "targets": output,
        }
        for n, instance in enumerate(file["Instances"][:40])
        for output in instance["output"]
    ]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_the_hubs_copy_gives_each_task_its_own_rows(mirror, places, form):
    split = {"task648_answer_generation": "test"}
    chosen = [
        "task126_scan_structured_text_generation_command_action_all",
        "task127_scan_long_text_generation_action_command_all",
        "task141_odd-man-out_classification_category",
        "task648_answer_generation",
    ]
    made = {name: hub_rows(mirror / f"niv2/tasks/{name}.json") for name in chosen}
    for name, rows in made.items():
        folder = places / "hub" / niv2.HUB / split.get(name, "train")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}_{folder.name}.{form}"
        if form == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        else:
            pq.write_table(pa.Table.from_pylist(rows), path)
    named = tasks()
    for name, rows in made.items():
        task = named[name.replace("-", "_")]
        assert list(task.records("train")) == [
            {
                "definition": row["definition"].strip(),
                "input": row["inputs"].strip(),
                "answer": row["targets"].strip(),
            }
            for row in rows
        ]
        assert task.exemplar_split == "train"  # the copy has no positive examples
        prompt = render(task, 0, exemplars=(38, 39))
        assert prompt.inputs.count(rows[0]["definition"].strip()) == 1
    inputs = [record["input"] for record in named[chosen[0]].records("train")]
    instances, _ = niv2.read(mirror / f"niv2/tasks/{chosen[0]}.json")
    assert inputs == [record["input"] for record in instances[:40]]


def test_the_hubs_copy_has_the_english_benchmarks_tasks(places):
    splits = [task.dataset.splits["train"]["hub"] for task in niv2.tasks()]
    assert (splits.count("train"), splits.count("test"), splits.count("")) == (699, 119, 738)
    assert all(
        bool(task.dataset.hub) == bool(s) for task, s in zip(niv2.tasks(), splits, strict=True)
    )
