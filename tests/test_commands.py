"""Every command that pages, docstrings, helps and error sentences name is one that there is."""

import ast
import importlib
import importlib.util
import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from flanrepro.cli.app import app
from flanrepro.cli.parameters import join_pairs

ROOT = Path(__file__).resolve().parent.parent
TEXTS = (
    "README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
    "ci/SCALING.md",
    "ci/RELIABILITY.md",
    "ci/PUBLISHED.md",
    "Makefile",
    ".ci/run",
    "ci/gpu/run.sh",
)
FOLDERS = ("ci", "data_cards", "docs", "figures", "flanrepro", "notebooks", "tests")

TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))
PLACEHOLDER = re.compile(r"\.\.\.|[A-Z_.]+|\{\w*\}")
"""Words that stand for others: `flanrepro COMMAND`."""


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in a text: in code spans, indented or fenced lines, shell lines.

    What is no command of ours comes along, and has no faults.
    """
    text = text.replace("\\\n", " ")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    lines = [line for block in fenced for line in block.splitlines()]
    lines += re.findall(r"^(?: {4,}|\t|part \"[^\"]*\" |once \w+ )@?(.*)$", text, re.M)
    lines += re.findall(r"`([^`]+)`", text)
    for line in lines:
        plain = re.sub(r"\$\(BIN\)/|\.venv/bin/|^\$ ", "", line.strip())
        try:
            words = shlex.split(plain.replace('"$python"', "python"), comments=True)
        except ValueError:  # an apostrophe: no command
            continue
        while words and (re.match(r"[A-Z_]+=", words[0]) or words[0] == "srun"):
            words = words[1:]
        if words:
            yield words


def fault(words: list[str]) -> str:
    """What is wrong with a command; empty: nothing."""
    head, *rest = (word for word in words if word not in ("...", "…"))
    found = ""
    if head == "flanrepro":
        found = _of_app(app, rest)
    elif words[:2] == ["python", "-m"] and len(words) > 2:
        found = _of_module(words[2], words[3:])
    elif head == "make":
        wanted = {word for word in rest if "=" not in word and not word.startswith("-")}
        unknown = {word for word in wanted - TARGETS if not PLACEHOLDER.fullmatch(word)}
        found = f"make has no target {', '.join(sorted(unknown))}" if unknown else ""
    elif head in ("bash", "python") and rest and not rest[0].startswith("-"):
        found = _of_file(rest[0], rest[1:])
    else:
        return ""
    missing = [word for word in rest if word.partition("/")[0] in FOLDERS and not _there(word)]
    return found or (f"there is no {', '.join(missing)}" if missing else "")


def _of_app(group: typer.Typer, words: list[str]) -> str:
    command = typer.main.get_command(group)
    words, named = join_pairs(words), []
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if PLACEHOLDER.fullmatch(words[0]):
            return ""
        if words[0] not in command.commands:
            return f"there is no command '{' '.join([*named, words[0]])}'"
        command, named, words = command.commands[words[0]], [*named, words[0]], words[1:]
    context = command.context_class(command)
    try:
        _, positional, _ = command.make_parser(context).parse_args(
            [word for word in words if not re.fullmatch(r"\[.*\]|\$\{\w+\[@\]\}", word)]
        )
    except Exception as error:  # click's own, of the click that Typer has
        if not hasattr(error, "format_message"):
            raise
        if "requires an argument" in str(error):  # prose names an option: `pretrain --export`
            return ""
        return f"{' '.join(named)}: {error.format_message()}"
    return f"{' '.join(named)} takes no '{' '.join(positional)}'" if positional else ""


def _of_module(name: str, words: list[str]) -> str:
    if name == "flanrepro":
        return _of_app(app, words)
    if not name.startswith(("ci.", "flanrepro.")):  # others' are not installed everywhere
        return ""
    if not (spec := importlib.util.find_spec(name)):
        return f"there is no module {name}"
    if not spec.submodule_search_locations:
        return ""
    return _of_app(importlib.import_module(f"{name}.__main__").app, words)


def _of_file(name: str, words: list[str]) -> str:
    if not (ROOT / name).is_file():
        return f"there is no file {name}"
    options = [word.strip("[]") for word in words if word.strip("[]").startswith("--")]
    unknown = [option for option in options if option not in (ROOT / name).read_text("utf-8")]
    return f"{name} has no option {', '.join(unknown)}" if unknown else ""


def _there(name: str) -> bool:
    return bool(re.search(r"[A-Z]{3,}|[{<$*]", name)) or (ROOT / name).exists()


def strings(path: Path) -> Iterator[str]:
    """A module's texts: docstrings, helps, sentences; what an f-string inserts is WORD."""
    tree = ast.parse(path.read_text("utf-8"))
    inserted = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
                for part in node.values}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(getattr(part, "value", "") if isinstance(part, ast.Constant) else "WORD"
                          for part in node.values)  # fmt: skip
        elif isinstance(getattr(node, "value", 0), str) and id(node) not in inserted:
            yield inspect.cleandoc(node.value)


def faults(text: str) -> list[str]:
    return [
        f"`{shlex.join(words)}`: {found}" for words in commands(text) if (found := fault(words))
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_of_a_page_exists(name):
    text = (ROOT / name).read_text("utf-8")
    assert faults(text) == []
    spans = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text)
    assert [span for span in spans if not _there(span)] == []


@pytest.mark.parametrize("folder", ["ci", "flanrepro"])
def test_every_command_that_the_code_names_exists(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    found = [f"{path.relative_to(ROOT)}: {one}" for path in paths for text in strings(path)
             for one in faults(text)]  # fmt: skip
    assert found == []


def test_the_pages_name_enough_commands_for_this_to_mean_something():
    parts = [words[:4] for name in TEXTS for words in commands((ROOT / name).read_text("utf-8"))]
    named = {tuple(words[:2]) for words in parts if words[0] == "flanrepro"}
    assert len(named) > 15 and ("flanrepro", "run") in named
    assert ["make", "test"] in parts
    assert ["python", "-m", "ci.bench", "speed"] in parts and ["bash", "ci/gpu/run.sh"] in parts


RIGHT = """
`make test` and `python -m ci.bench train --rounds 3` do, so do `flanrepro COMMAND` and

    flanrepro run notebooks/00_tour.ipynb --profile quick -p seeds 3   # a comment
    MINUTES=9 bash ci/gpu/run.sh --tiny
    srun flanrepro run NOTEBOOK ... -p mesh 16x2
"""

WRONG = {
    "`flanrepro runn x`": "there is no command 'runn'",
    "    flanrepro data fetsh cot": "there is no command 'data fetsh'",
    "    flanrepro run x.ipynb --profil quick": "run: No such option: --profil",
    "```\nflanrepro trace one two\n```": "trace takes no 'two'",
    "    flanrepro run notebooks/none.ipynb": "there is no notebooks/none.ipynb",
    "`python -m ci.bench trian`": "there is no command 'trian'",
    "`python -m ci.bench train --round 3`": "train: No such option: --round",
    "`python -m ci.benchmark`": "there is no module ci.benchmark",
    "`python ci/bench.py train`": "there is no file ci/bench.py",
    "\t$(BIN)/python -m ci.bench dataa": "there is no command 'dataa'",
    'part "x" .venv/bin/flanrepro pretrain --chekc 200': "pretrain: No such option: --chekc",
    "    make tset": "make has no target tset",
    "    bash ci/gpu.sh": "there is no file ci/gpu.sh",
    "    bash ci/gpu/run.sh --small": "ci/gpu/run.sh has no option --small",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_command_is_found_among_right_ones(text):
    assert faults(RIGHT) == []
    (found,) = faults(RIGHT + "\n" + text + "\n")
    assert WRONG[text] in found
