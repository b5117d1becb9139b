"""The wordings of FLAN 2021's data sets: as many of each kind as in the reference.

`reference_wordings.csv` counts the patterns of google-research/FLAN, by key: PATTERNS of
flan/v2/templates.py (for keys that are not there, of flan_templates_branched.py) and
FEWSHOT_PATTERNS. Targets are inverted if they are no answer, decorated if they are one with
something around it; inputs may have a list of options, also before another field; `mixed` ones may
stand beside each other.
"""

import csv
import itertools
from pathlib import Path

import pytest
from rendering import named_fields

from flanrepro.collection import Task, render
from flanrepro.collection.templates import fields_of, load_wordings, template_files

TABLE = Path(__file__).parent / "reference_wordings.csv"
ROWS = list(csv.DictReader(TABLE.read_text().splitlines()))
FILES = [name for name in template_files() if name.startswith("flan2021/")]

# The reference lets these stand beside others although they are turned around or decorated.
FEWER_MIXED = {"coqa": 1, "lambada": 1, "openbookqa": 2, "unified_qa_science_inst": 1}


def options_first(template):
    """True if a field comes after the list of options."""
    _, _, after = template.inputs.partition("{options}")
    return bool(fields_of(after))


def counts(name):
    zero_shot, few_shot = load_wordings(name)
    both = {"zero_shot": zero_shot, "few_shot": few_shot}
    found = {f"{kind}_inverted": sum(t.inverted for t in both[kind]) for kind in both}
    found |= {f"{kind}_options": sum("{options}" in t.inputs for t in both[kind]) for kind in both}
    found |= {f"{kind}_before": sum(map(options_first, both[kind])) for kind in both}
    decorated = [t for t in few_shot if "{answer}" in t.targets and t.targets != "{answer}"]
    found["few_shot_decorated"] = sum(not t.inverted for t in decorated)
    return found | {"few_shot_mixed": sum(t.mixed for t in few_shot)}


@pytest.mark.parametrize("row", ROWS, ids=[row["key"] for row in ROWS])
def test_wordings_are_turned_around_decorated_and_mixed_as_often_as_in_the_reference(row):
    wanted = {name: int(number) for name, number in row.items() if name != "key"}
    wanted["few_shot_mixed"] -= FEWER_MIXED.get(row["key"], 0)
    assert counts(f"flan2021/{row['key']}") == wanted


@pytest.mark.parametrize("name", FILES)
def test_ten_wordings_of_each_setting_and_no_two_alike(name):
    wordings = load_wordings(name)
    assert [len(kind) for kind in wordings] == [10, 10]
    said = {(t.instruction, t.inputs, t.targets, t.answer) for kind in wordings for t in kind}
    assert len(said) == 20
    assert not any(t.instruction for t in wordings.few_shot)


@pytest.mark.parametrize("name", FILES)
def test_every_wording_shows_as_many_exemplars_as_are_asked_for(name):
    languages = {"source_language": "English", "target_language": "Turkish"}
    task = Task("t", "flan2021", "c", lambda split: records, {"train": 4}, name)
    records = [{f: f"{f} {n}" for f in named_fields(task)} | languages for n in range(4)]
    for template in itertools.chain(*load_wordings(name)):
        prompt = render(task, 0, template=template, exemplars=(1, 2, 3), shots=2)
        assert prompt.exemplars == (1, 2), template.name
