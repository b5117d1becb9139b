"""A sentence is one line that can be printed, whatever names and texts are part of it."""

import pickle

import pytest

from flanrepro.errors import LONGEST, InputError


@pytest.mark.parametrize(
    "name, shown",
    [
        ("a\nb", r"a\nb"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("a\0b\x1b[31m", r"a\x00b\x1b[31m"),
        ("a\u2028b\x85c", r"a\u2028b\x85c"),
        ("\ud800/x", r"\ud800/x"),
        ("x\u202egpj", r"x\u202egpj"),
        ("caf\u00e9 \u65e5\u672c \\n", "caf\u00e9 \u65e5\u672c \\n"),
    ],
)
def test_a_sentence_stays_on_its_line(name, shown):
    said = str(InputError(f"there is no model '{name}'"))
    assert said == f"there is no model '{shown}'"
    assert len(said.splitlines()) == 1 and said.encode()
    assert str(InputError(said)) == said


def test_a_long_sentence_loses_its_middle():
    said = str(InputError("no model '" + "x" * 10**6 + "': give another name"))
    assert len(said) <= LONGEST
    assert said.startswith("no model 'xxx") and said.endswith("xxx': give another name")


def test_it_crosses_to_another_process_as_it_is():
    error = InputError("a\nb")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == r"a\nb"
