import re
from importlib import resources

import pytest

from flanrepro.collection import load_collection, load_templates, render
from flanrepro.collection.task import Task
from flanrepro.collection.templates import read_templates
from flanrepro.errors import InputError

FOLDER = resources.files("flanrepro.collection.templates")
SHIPPED = sorted(path.name[:-5] for path in FOLDER.iterdir() if path.name.endswith(".yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_templates_are_named_apart_and_cite_their_source(name):
    names = [template.name for template in load_templates(name)]
    assert len(names) == len(set(names)) >= 2
    assert re.search("^source: ", (FOLDER / f"{name}.yaml").read_text(), re.MULTILINE)


def test_every_pocket_record_renders_with_every_template():
    collection = load_collection("pocket")
    for suite in collection.suites.values():
        for task in suite.tasks:
            for template in load_templates(task.templates):
                for i in range(task.size("validation")):
                    prompt = render(task, i, split="validation", template=template)
                    assert "{" not in prompt.inputs + prompt.targets
                    assert prompt.targets


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("templates: [", "bad.yaml: expected a list 'templates' of entries"),
        ("wording: []", "bad.yaml: expected a list 'templates' of entries"),
        ("templates: []", "bad.yaml has no templates"),
        ("templates: [{name: a, inputs: x}]", "expected a list 'templates' of entries with name"),
        ("templates: [{name: a, inputs: x, targets: y, z: 1}]", "unexpected keyword argument 'z'"),
        ("templates: [{name: a, inputs: '{q.r}', targets: y}]", "'{q.r}' is no field name; use"),
        ("templates: [{name: a, inputs: '{q', targets: y}]", "'a', inputs: '{q' is no pattern"),
    ],
)
def test_a_bad_template_file_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(sentence)):
        read_templates(path)


def test_an_unknown_template_file_is_named():
    with pytest.raises(InputError, match=r"no template file 'nothing.yaml'"):
        load_templates("nothing")


def test_a_task_says_which_splits_it_has_and_checks_their_size():
    task = Task("t", "niv2", "c", lambda split: [{}, {}], {"train": 3}, "pocket_fact")
    with pytest.raises(InputError, match="task 't' has no split 'test': it has train"):
        task.records("test")
    with pytest.raises(InputError, match="2 records were read and 3 are declared"):
        task.records("train")
