"""Every way in which a source's YAML file may say what a record's field is."""

import pytest

from flanrepro.errors import InputError
from flanrepro.raw.fields import record_of

ROW = {
    "title": " A title ",
    "score": 3.5,
    "label": True,
    "key": "C",
    "position": 1,
    "empty": "  ",
    "nothing": None,
    "gaps": ["a", None],
    "none": [],
    "question": {"stem": "Why?", "marks": ["A", "B", "C"], "texts": ["x", "y\nz", "{w}"]},
    "answers": {"text": ["first", "second"]},
}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("title", "A title"),
        ("score", "3.5"),
        ("question.stem", "Why?"),
        ("answers.text.1", "second"),
        (["yes", "no"], "yes\nno"),
        ({"text": "{title}: {score}"}, "A title : 3.5"),
        ({"from": "label", "labels": {True: "yes", False: "no"}}, "yes"),
        ({"from": "label", "labels": {"True": "yes"}}, "yes"),
        ({"lines": "question.texts"}, "x\ny z\n{w}"),
        ({"lines": ["key", "score"]}, "C\n3.5"),
        ({"pick": "key", "among": "question.marks", "of": "question.texts"}, "{w}"),
        ({"pick": "position", "of": "question.texts"}, "y z"),
        ({"pick": "position", "of": ["title", "key"], "base": 1}, "A title"),
        ({"from": "empty", "default": "none given"}, "none given"),
        ({"from": "absent", "default": "none given"}, "none given"),
        ({"from": "nothing", "default": ""}, ""),
    ],
)
def test_a_field(rule, value):
    assert record_of({"field": rule}, ROW, "here") == {"field": value}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("absent", "there is no column 'absent': it has title, score"),
        ("empty", "column 'empty' is empty"),
        ("nothing", "column 'nothing' holds NoneType, expected text or a number"),
        ("question", "column 'question' holds dict"),
        ("answers.text.2", "the list has 2 items"),
        ({"text": "{absent}"}, "there is no column 'absent'"),
        ({"text": "{nothing} / {title}"}, "column 'nothing' holds NoneType, expected text or a"),
        ({"text": "{empty}?"}, "column 'empty' is empty"),
        ({"lines": "gaps"}, "column 'gaps' holds NoneType, expected text or a number"),
        ({"lines": "none"}, "the list 'none' is empty"),
        ({"from": "key", "labels": {0: "a", 1: "b"}}, "'C' in column 'key' is none of 0, 1"),
        ({"lines": "title"}, "column 'title' holds str, expected a list"),
        ({"pick": "score", "of": "question.texts"}, "'3.5' in column 'score' is none of 0, 1, 2"),
        ({"pick": "title", "among": "question.marks", "of": "question.texts"}, "none of A, B, C"),
    ],
)
def test_bad_input_gets_one_sentence(rule, said):
    with pytest.raises(InputError, match=r"^data.csv, line 7: no value for the field 'f'") as error:
        record_of({"f": rule}, ROW, "data.csv, line 7")
    assert said in str(error.value)
    assert "mend the file or replace it" in str(error.value)
