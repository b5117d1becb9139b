import re
from importlib import resources

import pytest

from flanrepro.collection import load_templates, render
from flanrepro.collection.templates import (
    fields_of,
    load_wordings,
    read_templates,
    template_files,
)
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

FOLDER = resources.files("flanrepro.collection.templates")
SHIPPED = template_files()
ONE_WORDING = {"rendered", "bbh_cot", "pocket/mmlu", "pocket/bbh", "pocket/bbh_cot"}
"""Finished texts, and what is only evaluated: suites use the first wording alone."""


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_templates_are_named_apart_and_cite_their_source(name):
    zero_shot, few_shot = load_wordings(name)
    for templates in (zero_shot, few_shot):
        names = [template.name for template in templates]
        assert len(names) == len(set(names))
    assert len(zero_shot) >= (1 if name in ONE_WORDING else 2)
    assert [t.index for t in (*zero_shot, *few_shot)] == [*range(len(zero_shot) + len(few_shot))]
    assert re.search("^source: ", (FOLDER / f"{name}.yaml").read_text(), re.MULTILINE)


def test_every_pocket_record_has_the_fields_of_every_template():
    for task in load_collection("pocket").every_task.values():
        templates = load_templates(task.templates)
        patterns = [p for t in templates for p in (t.instruction, t.inputs, t.targets)]
        named = {name for pattern in patterns for name in fields_of(pattern)} - {"options"}
        for split in task.splits:
            for record in task.records(split):
                assert named <= set(record)
                assert all(text.strip() for text in record.values())


def test_every_pocket_template_renders():
    for task in load_collection("pocket").every_task.values():
        templates = load_templates(task.templates)
        for split in task.splits:
            for i in range(min(task.size(split), 2 * len(templates))):
                template, record = templates[i % len(templates)], task.records(split)[i]
                prompt = render(task, i, split=split, template=template)
                assert not re.search(r"\{\w+\}", prompt.inputs + prompt.targets)
                assert record["answer"] in prompt.targets or template.inverted
                for name in fields_of(template.targets):
                    assert record[name] in prompt.targets


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("templates: [", "bad.yaml: expected a list 'templates' of entries"),
        ("wording: []", "bad.yaml: expected a list 'templates' of entries"),
        ("templates: []", "bad.yaml has no templates"),
        ("templates: [{name: a, inputs: x}]", "expected a list 'templates' of entries with name"),
        ("templates: [{name: a, inputs: x, targets: y, z: 1}]", "unexpected keyword argument 'z'"),
        ("templates: [{name: a, inputs: '{q.r}', targets: y}]", "'{q.r}' is no field name; use"),
        ("templates: [{name: a, inputs: '{q[0]}', targets: y}]", "'{q[0]}' is no field name; use"),
        ("templates: [{name: a, inputs: x, targets: '{}'}]", "'a', targets: '{}' is no field name"),
        ("templates: [{name: a, inputs: '{q', targets: y}]", "'a', inputs: '{q' is no pattern"),
    ],
)
def test_a_bad_template_file_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(sentence)) as error:
        read_templates(path)
    assert "bad.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_template_file_is_named():
    with pytest.raises(InputError, match=r"no template file 'nothing.yaml'"):
        load_templates("nothing")
