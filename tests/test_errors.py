"""A sentence is one line that can be printed, whatever names and texts are part of it."""

import pickle
import subprocess
import sys

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


def test_the_librarys_warnings_are_sentences_and_others_stay_as_they_are(tmp_path):
    script = tmp_path / "warns.py"
    script.write_text(
        "import warnings\n"
        "from flanrepro.errors import say_warnings\n"
        "from flanrepro.collection.task import MissingTasks\n"
        "say_warnings()\n"
        "warnings.warn('left out\\nrte', MissingTasks)\n"
        "warnings.warn('soon', FutureWarning)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    first, second, *_ = done.stderr.splitlines()
    assert first == r"flanrepro: left out\nrte"
    assert second == f"{script}:6: FutureWarning: soon"
