"""`flanrepro ask`, as its users type it."""

import subprocess
import sys
from pathlib import Path

import pytest

from flanrepro.cli.main import main
from flanrepro.collection.question import of_record, typed
from flanrepro.experiments.ask import WORLD, answers, models_of
from flanrepro.experiments.scores import suite_of
from flanrepro.sources import load_collection

ROOT = Path(__file__).parents[2]
SENTENCE = "translate to pocketish: the gold cow is in the barn."
BOTH = ("pocket-nano", "pocket-nano-tuned")


def flanrepro(monkeypatch, capsys, *args: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["flanrepro", "ask", *args])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0, *capsys.readouterr()


def expected(question, names=BOTH) -> list[dict]:
    return answers(models_of(names, Path("none")), question).to_dict("records")


def test_a_question_is_answered_untuned_and_tuned(monkeypatch, capsys):
    status, out, err = flanrepro(monkeypatch, capsys, SENTENCE)
    lines = [f"{row['model']:19}{row['answer']}" for row in expected(typed(SENTENCE))]
    assert (status, out.splitlines(), err) == (0, [*lines, WORLD], "")


@pytest.mark.parametrize(
    "args",
    [
        ("is the cow inside?", "--options", "yes|no"),
        (r"is the cow inside?\nOPTIONS:\n- yes\n- no",),
    ],
)
def test_options_come_with_their_shares(monkeypatch, capsys, args):
    _, out, _ = flanrepro(monkeypatch, capsys, *args)
    listed = "Options" if "--options" in args else "OPTIONS"
    question = typed(f"is the cow inside?\n{listed}:\n- yes\n- no")
    for row in expected(question):
        assert f" yes {row['p(yes)']:.1%}, no {row['p(no)']:.1%}\n" in out


def test_a_record_is_shown_and_asked_after_exemplars(monkeypatch, capsys):
    args = ("--task", "rte", "--record", "5", "--shots", "2", "--template", "t_h_entails")
    _, out, _ = flanrepro(monkeypatch, capsys, *args, "--model", "pocket-nano")
    suite = suite_of(load_collection("pocket"), "rte")
    asked = of_record(suite, 5, 2, "t_h_entails")
    assert out.startswith(f"{asked.prompt.inputs}\n\npocket-nano  ")
    assert f"\nright        {asked.references[0]}\n" in out


def test_a_typed_question_comes_after_a_task_s_exemplars(monkeypatch, capsys):
    args = ("is it so?", "--task", "rte", "--shots", "2", "--options", "yes|no")
    _, out, _ = flanrepro(monkeypatch, capsys, *args, "--model", "pocket-micro")
    assert out.count("does it follow?") == 2
    assert "is it so?\nOptions:\n- yes\n- no answer:\n" in out
    assert [line.split()[0] for line in out.splitlines() if "pocket-" in line] == ["pocket-micro"]


def test_words_that_pocket_lacks_are_named(monkeypatch, capsys):
    _, out, _ = flanrepro(monkeypatch, capsys, "is the Romcom in the barn?")
    assert "No words of pocket, so spelled letter by letter: romcom.\n" in out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ((), "the question is empty: type what"),
        (("--task", "rte"), "the question is empty: type what"),
        (("cow " * 300,), "the question has 301 tokens in the vocabulary of 'pocket-nano"),
        (("a", "--options", "yes"), "the options are 'yes': expected at least two"),
        (("a", "--task", "rtee"), "collection 'pocket' has no task 'rtee' among its"),
        (("--task", "rte", "--record", "9999"), "no record 9999 in its split 'validation'"),
        (("--task", "rte", "--record", "1", "--template", "x"), "no template 'x' that asks"),
        (("a", "--task", "rte", "--record", "1"), "record 1 of task 'rte' is the question"),
        (("a", "--record", "1"), "--record, --shots and --template are a task's: name one with"),
        (("a", "--shots", "1"), "--record, --shots and --template are a task's: name one with"),
        (("a", "--model", "pocket-nanoo"), "there is no model 'pocket-nanoo'"),
        (("a", "--model", "0123456789ab"), "there is no run 0123456789ab in"),
        (("a", "--task", "rte", "--shots", "100000"), "too few for 100000 exemplars"),
    ],
)
def test_bad_input_is_one_sentence(monkeypatch, capsys, args, sentence):
    status, out, err = flanrepro(monkeypatch, capsys, *args)
    assert (status, out) == (2, "")
    assert sentence in err and err.count("\n") == 1


def test_the_help_imports_no_jax():
    program = (
        "import sys; sys.argv = ['flanrepro', 'ask', '--help']\n"
        "from flanrepro.cli.app import app\n"
        "try: app()\n"
        "except SystemExit: print('jax' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stdout.endswith("False\n"), done.stderr
