"""What tuning may not say: the exam's attributes and wordings, BBH's wordings and compositions.

Their words may occur, and do: it is the sentences that tuning must not have (`check_templates`).
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flanrepro.collection.templates import Template, Wordings, load_wordings
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket import lexicon
from flanrepro.sources.pocket.knowledge import WORDINGS
from flanrepro.sources.pocket.steps import ANSWER_ROWS, HELD_OUT_PAIRS, STEP_ROWS
from flanrepro.sources.pocket.world import HELD_OUT, PACKAGE

WHOLE, PART = 3, 4
"""Least number of words of a wording, and of its part between two fields to be one by itself."""

_FIELD = re.compile(r"\{\w*\}")
_LONG = ("{question}", "{list}", "{words}", "{do}")
_MANY, _FEW = r".*?", r"\w+(?: \w+)?"  # an attribute has two words
_ATTRIBUTE = re.compile(rf"\b(?:{'|'.join(HELD_OUT)})\b")


def plain(text: str) -> str:
    """Writes a text as a model reads it: lower-cased, with single spaces."""
    return " ".join(text.lower().split())


@dataclass(frozen=True)
class Wording:
    """A wording that is held out.

    Attributes:
        said: the wording, with its fields.
        pattern: what the wording looks like with its fields filled.
        longest: its longest part between two fields, which every filling has.
    """

    said: str
    pattern: re.Pattern[str]
    longest: str

    def is_in(self, text: str) -> bool:
        """True if a plain text has the wording."""
        return self.longest in text and self.pattern.search(text) is not None


def _wording(said: str) -> Wording:
    parts = _FIELD.split(plain(said).rstrip(".? "))
    fields = [_MANY if name in _LONG else _FEW for name in _FIELD.findall(said)]
    filled = itertools.zip_longest(map(re.escape, parts), fields, fillvalue="")
    pattern = "".join(itertools.chain.from_iterable(filled)).removeprefix("\\ ")
    longest = max(parts, key=len).strip()
    return Wording(said, re.compile(rf"(?<!\w){pattern}(?!\w)"), longest)


def _words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _wordings(said: str) -> Iterator[Wording]:
    """Yields a wording, and its parts that are long enough to be one."""
    parts = [part.strip(" ,").lstrip(".:;? ") for part in _FIELD.split(said)]
    if sum(map(_words, parts)) >= WHOLE:
        yield _wording(said)
    yield from (_wording(part) for part in parts if part != said and _words(part) >= PART)


def exam_wordings() -> tuple[Wording, ...]:
    """Gives the wordings of the exam's questions, of its forms, and of the inverse question."""
    exam = WORDINGS["exam"]
    every = [*exam["questions"], *(form["inputs"] for form in exam["forms"]), exam["inverse"]]
    return tuple(itertools.chain.from_iterable(map(_wordings, every)))


def bbh_wordings() -> tuple[Wording, ...]:
    """Gives BBH's phrases for steps and answers, and the frames that they stand in."""
    every = [row["bbh"] for row in (*STEP_ROWS.values(), *ANSWER_ROWS.values())]
    every += read_yaml(PACKAGE, "bbh")["frames"]
    for name in ("bbh", "bbh_cot"):
        every += [template.inputs for template in load_wordings(f"pocket/{name}").templates]
    return tuple(itertools.chain.from_iterable(map(_wordings, every)))


def _parts(template: Template) -> tuple[str, ...]:
    """A template's patterns, in the order in which a prompt has them."""
    return (template.instruction, template.inputs, template.answer, template.targets)


EXAM, BBH = exam_wordings(), bbh_wordings()


def attributes(text: str) -> list[str]:
    """The held-out attributes that a text names."""
    return _ATTRIBUTE.findall(plain(text))


def wordings(text: str) -> list[str]:
    """The exam's and BBH's wordings that a text has."""
    text = plain(text)
    return [one.said for one in (*EXAM, *BBH) if one.is_in(text)]


# --- compositions ---

_SAID, _DONE = {}, {}
for _name, _row in (*STEP_ROWS.items(), *ANSWER_ROWS.items()):
    _SAID |= {phrase.rstrip("."): _name for phrase in _row["say"]}
    _DONE[_row["done"]] = _name


def _any(phrases: Iterable[str]) -> str:
    # The longest first: "say the first word again at the end" begins like another one.
    return "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))


# A result begins its sentence: "a list of animals:" is none.
_PART = re.compile(rf"\b(?:{_any(_SAID)})(?!\w)|(?:^|(?<=[.:;?!] ))(?:{_any(_DONE)})")


def parts(text: str) -> list[str]:
    """The steps and answers that a text says, in its order."""
    return [(_SAID | _DONE)[said] for said in _PART.findall(plain(text))]


def compositions(text: str) -> set[tuple[str, str]]:
    """The held-out pairs that a text says: two steps, or a step alone and an answer."""
    said = parts(text)
    steps = [name for name in said if name in STEP_ROWS]
    pairs = itertools.pairwise(steps if len(steps) > 1 else said)
    return HELD_OUT_PAIRS.intersection(pairs)


# --- what a new template has to pass ---


def check_wordings(file: Wordings, where: str) -> None:
    """Checks the templates of a tuning task's file.

    Args:
        file: its two lists.
        where: name of the file, for the sentence.

    Raises:
        InputError: a template names a held-out attribute, has a wording of the exam or of BBH, or
            a word that is not in `lexicon.yaml`.
    """
    for template in (*file.templates, *file.few_shot):
        at = f"template file {where}.yaml, '{template.name}'"
        text = " ".join((*_parts(template), template.exemplar)).replace("{options}", " ")
        text = _FIELD.sub("word", text)  # in the place of a field any word may stand
        if held_out := attributes(text):
            raise InputError(
                f"{at} says '{held_out[0]}', which only the exam may ask for: name an attribute "
                "that tuning asks for, or none"
            )
        if held_out := wordings(text):
            raise InputError(
                f"{at} says '{held_out[0]}', a wording that is held out of tuning: say it in other "
                "words"
            )
        lexicon.check_words([text], at)


def check_templates(files: Iterable[str]) -> None:
    """Checks the template files of tuning tasks by name; errors as in `check_wordings`."""
    for name in files:
        check_wordings(load_wordings(name), name)
