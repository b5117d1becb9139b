"""Pocket's other askings: prompts are whole, labels tell nothing, facts are true."""

import re
from collections import Counter, defaultdict

import pytest

from flanrepro.collection.templates import fields_of, load_wordings
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket import held_out, t0_sf
from flanrepro.sources.pocket.knowledge import QUESTIONS, STATEMENTS, say
from flanrepro.sources.pocket.world import KNOWN, PACKAGE, TUNED, fact

FAMILIES = read_yaml(PACKAGE, "t0_sf")["families"]
TASKS = {task.name: task for task in t0_sf.tasks()}
ASKINGS = {
    f"{data}_{asking}": (family, patterns)
    for family, row in FAMILIES.items()
    for data in row["data"]
    for asking, patterns in row["askings"].items()
}
LABELLED = [name for name, (_, asking) in ASKINGS.items() if "labels" in asking]

ASKED = {say(one, a, t): (a, t) for one in QUESTIONS for a in TUNED for t in KNOWN}
"""Attribute and thing by every question for a fact."""
BEGUN = {
    say(one, a, t).removesuffix(f" {fact(a, t)}."): (a, t)
    for one in STATEMENTS
    for a in TUNED
    for t in KNOWN
    if one.endswith("{v}.")
}
"""Attribute and thing by every statement without its value."""


def records(name: str) -> list[dict[str, str]]:
    return [record for split in TASKS[name].splits for record in TASKS[name].records(split)]


def item_of(asking: dict[str, str]) -> str:
    """A pattern of an option as the inputs list it, a word behind its label."""
    item = re.escape(asking.get("item", "{option}")).replace(r"\{option\}", r"(\w+)")
    return item.replace(r"\{label\}", rf"({'|'.join(asking.get('labels', '').split())})")


def pattern_of(asking: dict[str, str]) -> re.Pattern[str]:
    """A pattern that finds the fields again in the inputs of an asking."""
    inputs = re.escape(asking["inputs"].removesuffix("{options}"))
    item, between = item_of(asking).replace("(", "(?:"), re.escape(asking.get("between", ", "))
    item = item.replace("\\(?:", "\\(")  # a sign of the item is none of the pattern's
    inputs = inputs.replace(r"\{choices\}", rf"(?P<choices>{item}(?:{between}{item})+)")
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", inputs))


def choices(asking: dict[str, str], text: str) -> dict[str, str]:
    """Options by label, as the inputs list them."""
    listed = pattern_of(asking).fullmatch(text)["choices"]
    return dict(re.findall(item_of(asking), listed))


def test_data_sets_by_askings_are_about_as_many_as_the_papers():
    assert list(TASKS) == list(ASKINGS)
    assert 193 <= len(TASKS) <= 220
    assert {task.source for task in TASKS.values()} == {"t0_sf"}
    assert {task.cluster for task in TASKS.values()} == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_record_is_in_two_splits_or_twice_in_one(family):
    for name, task in TASKS.items():
        if task.cluster == family:
            made = [tuple(record.items()) for record in records(name)]
            assert len(set(made)) == len(made) == sum(task.splits.values())
            assert task.size("validation") == task.size("train") // 10


def test_options_have_the_answer_once():
    shown = [
        name for name, (_, asking) in ASKINGS.items() if asking["inputs"].endswith("{options}")
    ]
    assert len(shown) > 20
    for name in shown:
        for record in records(name):
            options = record["options"].split("\n")
            assert len(set(options)) == len(options) > 1
            assert options.count(record["answer"]) == 1


def test_letters_are_asked_for_in_many_forms_none_of_them_the_exams():
    forms = {(f, asking["item"], asking["labels"]) for f, asking in map(ASKINGS.get, LABELLED)}
    assert len({family for family, _, _ in forms}) >= 4
    assert len(forms) >= 8
    for name in LABELLED:
        for record in records(name)[:20]:
            assert held_out.wordings(record["inputs"]) == []


@pytest.mark.parametrize("name", LABELLED)
def test_every_label_is_the_answer_equally_often_whatever_it_stands_for(name):
    asking, seen = ASKINGS[name][1], defaultdict(Counter)
    for record in records(name):
        listed = choices(asking, record["inputs"])
        assert list(listed) == asking["labels"].split()[: len(listed)]
        assert record["answer"] in listed
        seen[len(listed)][record["answer"]] += 1
    for number, counts in seen.items():
        expected = counts.total() / number
        spread = (expected * (1 - 1 / number)) ** 0.5
        assert set(counts) == set(asking["labels"].split()[:number])
        assert all(abs(n - expected) < 4 * spread for n in counts.values()), counts


@pytest.mark.parametrize("data", FAMILIES["knowledge"]["data"])
def test_facts_that_are_asked_for_are_true(data):
    answered, attributes = 0, set()
    for asking, patterns in FAMILIES["knowledge"]["askings"].items():
        for record in records(f"{data}_{asking}"):
            found = pattern_of(patterns).fullmatch(record["inputs"]).groupdict()
            # A question that is to be found is the target.
            attribute, thing = ASKED[found.get("question") or record["answer"]]
            attributes.add(attribute)
            answer = found.get("answer", record["answer"])
            if "labels" in patterns:
                answer = choices(patterns, record["inputs"])[answer]
            assert answer == fact(attribute, thing)
            answered += 1
    assert answered == 6 * 132
    assert len({attribute.split()[0] for attribute in attributes}) > 12
    assert {TUNED[attribute] for attribute in attributes} == set(TUNED.values())


@pytest.mark.parametrize("data", FAMILIES["statement"]["data"])
def test_statements_that_are_completed_are_true(data):
    for asking, patterns in FAMILIES["statement"]["askings"].items():
        for record in records(f"{data}_{asking}"):
            start = pattern_of(patterns).fullmatch(record["inputs"])["start"]
            answer = record["answer"]
            if "labels" in patterns:
                answer = choices(patterns, record["inputs"])[answer]
            assert answer == fact(*BEGUN[start])


def test_all_tuned_attributes_are_dealt_out():
    dealt = Counter()
    for name in ("sciq_direct", "qasc_direct", "wiki_qa_direct", "web_questions_direct"):
        for record in records(name):
            dealt[ASKED[record["inputs"].removeprefix("quiz: ")][0]] += 1
    assert set(dealt) == set(TUNED)


def test_a_task_asks_in_two_wordings_of_its_own_and_all_are_used():
    wordings = {}
    for data in FAMILIES["knowledge"]["data"]:
        for asking in ("direct", "which_of_these"):
            questions = [
                pattern_of(FAMILIES["knowledge"]["askings"][asking]).fullmatch(record["inputs"])[1]
                for record in records(f"{data}_{asking}")
            ]
            wordings[data, asking] = {
                one for one in QUESTIONS for asked in questions if asked == say(one, *ASKED[asked])
            }
    assert all(len(own) == 2 for own in wordings.values())
    assert len(set.union(*wordings.values())) >= 8


def test_the_one_with_more_has_more():
    for record in records("quarel_refers_to"):
        amounts = dict(re.findall(r"(\w+) has (\d+)", record["inputs"]))
        most = max(amounts, key=lambda name: int(amounts[name]))
        least = min(amounts, key=lambda name: int(amounts[name]))
        assert record["answer"] == (most if "has more?" in record["inputs"] else least)


def test_wordings_are_ten_and_ten_and_have_the_finished_prompt():
    for templates in load_wordings("pocket/rendered"):
        assert len(templates) == 10
        assert not any(template.inverted for template in templates)
        for template in templates:
            assert sorted(fields_of(template.inputs)) == ["inputs", "options"]


ROW = {"data": {"sciq": ["deed", 3]}, "askings": {"end": {"inputs": "{passage}", "target": "x"}}}


@pytest.mark.parametrize(
    ("families", "sentence"),
    [
        (
            {"f": ROW | {"data": {"sciq": ["guess"]}}},
            "my.yaml: sciq of f names the maker 'guess', which does not exist: there is ",
        ),
        (
            {"f": ROW, "g": ROW},
            "my.yaml: g has sciq_end, the name of another family's task: give the asking another",
        ),
    ],
)
def test_a_bad_family_is_one_sentence(families, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)) as error:
        t0_sf.read_tasks(families, "my.yaml")
    assert "\n" not in str(error.value)


def test_too_few_labels_are_one_sentence():
    asking = {"inputs": "{passage} {choices}", "target": "{label}", "labels": "a b"}
    (task,) = t0_sf.read_tasks({"f": ROW | {"askings": {"letters": asking}}})
    with pytest.raises(InputError, match=r"has the labels a b for 3 options .*: give it as many"):
        task.records("train")
