"""e-SNLI and QED for the source `cot`, from the Flan Collection's or their authors' files.

Parsers yield (where, row), converters return a row's records: `premise`, `hypothesis`, `answer`,
`options`, `rationale` of e-SNLI; `passage`, `question`, `answer`, `rationale` of QED; `asked`, the
whole question in one text, of both. Both raise InputError where a file or a row is bad.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record
from flanrepro.errors import InputError
from flanrepro.raw import fields
from flanrepro.raw.parsers import csv_with_header, renamed
from flanrepro.raw.reading import read_lines, read_tsv, shown

Row = tuple[str, Mapping[str, Any]]

ESNLI_OPTIONS = ("yes", "it is not possible to tell", "no")
_ESNLI_ANSWERS = {
    **dict(zip(("entailment", "neutral", "contradiction"), ESNLI_OPTIONS, strict=True)),
    **dict(zip("012", ESNLI_OPTIONS, strict=True)),
    **{answer: answer for answer in ESNLI_OPTIONS},
}
_NO_GOLD_LABEL = ("-", "-1")  # in the files, on the Hub


def esnli(row: Mapping[str, Any]) -> list[Record]:
    """A pair with its first explanation; a row without a label or explanation gives nothing."""
    label = fields.label(row["label"]).lower()
    explanations = [fields.optional(row, f"explanation_{i}").strip() for i in (1, 2, 3)]
    rationale = next(filter(None, explanations), "")
    if label not in (*_ESNLI_ANSWERS, *_NO_GOLD_LABEL):
        raise InputError(
            f"the label {shown(row['label'])} is none of {', '.join(_ESNLI_ANSWERS)}; mend the "
            f"file or replace it"
        )
    if label in _NO_GOLD_LABEL or not rationale:
        return []
    premise, hypothesis = row["premise"].strip(), row["hypothesis"].strip()
    return [
        {
            "premise": premise,
            "hypothesis": hypothesis,
            "asked": f'Premise: {premise}\nIs it true that "{hypothesis}"?',
            "answer": _ESNLI_ANSWERS[label],
            "options": "\n".join(ESNLI_OPTIONS),
            "rationale": rationale,
        }
    ]


# The Hub's names of the csv files' columns.
_CSV_COLUMNS = {"Sentence1": "premise", "Sentence2": "hypothesis", "gold_label": "label"}
_CSV_COLUMNS |= {f"Explanation_{i}": f"explanation_{i}" for i in (1, 2, 3)}


def esnli_csv(*paths: Path) -> Iterator[Row]:
    """Reads the authors' csv files; the training set is two of them."""
    for path in paths:
        yield from renamed(csv_with_header, _CSV_COLUMNS)(path)


def esnli_lines(*paths: Path) -> Iterator[Row]:
    """Reads the authors' tokenised files: premises, hypotheses, labels, 1 to 3 explanations."""
    names = ("premise", "hypothesis", "label", *(f"explanation_{i}" for i in (1, 2, 3)))
    columns = [read_lines(path) for path in paths]
    for path, column in zip(paths, columns, strict=True):
        if len(column) != len(columns[0]):
            raise InputError(
                f"{path}: {len(column)} lines, but {paths[0].name} has {len(columns[0])}; both "
                f"have a line for every pair, so replace the one that is not whole"
            )
    for n, cells in enumerate(zip(*columns, strict=True), 1):
        # Not strict: training pairs have one explanation, the others three.
        yield f"{paths[0]}, line {n}", dict(zip(names, cells, strict=False))


# The Flan Collection's file words the question in seven ways, each with both sentences quoted. The
# sentences hold quotation marks too; with other words between them they must not.
_BETWEEN = re.compile(
    r"\"\s*(?:Hypothesis:|Based on this premise, can we conclude that the hypothesis"
    r"|does that mean that|is it true that|can we conclude that|that)\s*\""
)
_FOUR_MARKS = re.compile(r'[^"]*"([^"]+)"[^"]+"([^"]+)"[^"]*')


def _pair(question: str) -> tuple[str, str] | None:
    """Premise and hypothesis; None: they cannot be told apart."""
    sides = _BETWEEN.split(question)
    if len(sides) == 1:
        found = _FOUR_MARKS.fullmatch(question)
        return found and (found[1], found[2])
    (_, first, premise), (hypothesis, last, _) = sides[0].partition('"'), sides[-1].rpartition('"')
    return (premise, hypothesis) if len(sides) == 2 and first and last else None


def flan_esnli(path: Path) -> Iterator[Row]:
    """Reads the Flan Collection's file of e-SNLI: question, answer, rationale."""
    for where, question, answer, rationale in _flan(path):
        pair = _pair(question)
        if pair is None:
            raise InputError(
                f"{where}: expected a premise and a hypothesis in quotation marks that can be told "
                f"apart, found {shown(question)}; mend the line or replace the file"
            )
        premise, hypothesis = pair
        row = {"premise": premise, "hypothesis": hypothesis, "label": answer}
        yield where, {**row, "explanation_1": rationale}


def split_options(asked: str, where: str) -> tuple[str, list[str]]:
    """Returns a question and the options at its end, a line each; all have a dash or none has.

    `where` is file and line for the InputError if it cannot be cut in one way.
    """
    question, *blocks = asked.split("\nOptions:\n")
    lines = blocks[0].split("\n") if blocks else []
    if len(blocks) > 1 or len({line.startswith("- ") for line in lines}) > 1:
        raise InputError(
            f"{where}: expected options once, behind a line 'Options:', and a dash before each or "
            f"none; mend the line or replace the file"
        )
    return question.rstrip(), [line.removeprefix("- ").strip() for line in lines]


def _flan(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yields (where, question without its options, answer, rationale)."""
    for n, row in enumerate(read_tsv(path, ("question", "answer", "rationale")), 1):
        where = f"{path}, line {n}"
        cells = [text.replace("\\n", "\n").strip() for text in row.values()]
        yield where, split_options(cells[0], where)[0], *cells[1:]


def qed(row: Mapping[str, Any]) -> list[Record]:
    """The passage begins with its title; the rationale is the sentence that holds the answer.

    A question whose answer needs several sentences, is empty or has no explanation gives nothing.
    """
    annotation = row["annotation"]
    if isinstance(annotation, list):  # the first release; an object in the final one
        annotation = _first_release(row)
    if annotation["explanation_type"] not in _EXPLANATIONS:
        raise InputError(
            f"the type of explanation {shown(annotation['explanation_type'])} is none of "
            f"{', '.join(_EXPLANATIONS)}; mend the file or replace it"
        )
    if annotation["explanation_type"] != "single_sentence":
        return []
    given = fields.objects(annotation, "answer")
    found = [one["paragraph_reference"]["string"].strip() for one in given]
    answers = list(dict.fromkeys(filter(None, found)))
    if not answers:
        return []
    title = fields.optional(row, "title_text").strip()
    question = fields.optional(row, "question_text").strip() or fields.text(row, "question")
    passage = f"{title}\n{row['paragraph_text'].strip()}".strip()
    return [
        {
            "passage": passage,
            "question": question.strip(),
            # The question first: what is too long is cut at its end.
            "asked": f"{question.strip()}\n\n{passage}",
            "answer": ", ".join(answers),
            "rationale": annotation["selected_sentence"]["string"].strip(),
        }
    ]


_EXPLANATIONS = ("single_sentence", "multi_sentence", "none")
_STOPS = re.compile(r"(?:[.,;:] )*")


def _first_release(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the annotation of the data's first release in the final one's form.

    It lacks the sentence, which is the one that the answer's spans lie in; where the data ends a
    sentence within an answer ("P.T. Barnum"), they are two or more. The texts of seven answers lack
    a letter, so they are taken from the spans.
    """
    text = fields.text(row, "paragraph_text")
    for a, b in row["answer_spans"]:
        if not (a == b == -1 or 0 <= a < b <= len(text)):
            raise InputError(
                f"an answer's span, {shown(a)} to {shown(b)}, is not in the passage of {len(text)} "
                f"characters; mend the file or replace it"
            )
    # An answer that is not in the passage has the span (-1, -1), an empty text. Some spans begin at
    # the full stop of the sentence before.
    spans = [(a + _STOPS.match(text[a:b]).end(), b) for a, b in row["answer_spans"]]
    first, last = min(a for a, _ in spans), max(b for _, b in spans) - 1
    starts = row["sentence_starts"]
    if not isinstance(starts, list):
        raise InputError("sentence_starts is no list; mend the file or replace it")
    start = max((s for s in starts if s <= first), default=0)
    end = min((s for s in starts if s > last), default=len(text))
    return {
        "explanation_type": row["answer_type"],
        "selected_sentence": {"string": text[start:end]},
        "answer": [{"paragraph_reference": {"string": text[a:b]}} for a, b in spans],
    }


def flan_qed(path: Path) -> Iterator[Row]:
    """Reads the Flan Collection's file of QED: question with its passage, answer, rationale."""
    for where, asked, answer, rationale in _flan(path):
        passage, question = _passage_and_question(asked)
        # In the final release's form, so that one converter serves all files.
        annotation = {
            "explanation_type": "single_sentence",
            "selected_sentence": {"string": rationale},
            "answer": [{"paragraph_reference": {"string": answer}}],
        }
        row = {"paragraph_text": passage, "question": question, "annotation": annotation}
        yield where, row


_QUESTION = re.compile(r"(?:question|q)\s*:", re.IGNORECASE)
_LABEL = re.compile(r"^(?:passage|context|paragraph|text|title|question|q)\s*:\s*", re.IGNORECASE)


def _passage_and_question(asked: str) -> tuple[str, str]:
    """Splits a text: the question is its first or last paragraph, the shorter of the two.

    A text of one paragraph is split at the end of its last sentence but one. A paragraph that says
    that it is the question is it.
    """
    parts = [part.strip() for part in asked.split("\n") if part.strip()]
    named = [n for n, part in enumerate(parts) if _QUESTION.match(part)]
    parts = [_LABEL.sub("", part).strip() for part in parts]
    if len(named) == 1 and len(parts) > 1:
        question = parts.pop(named[0])
        return "\n".join(parts), question
    if len(parts) == 1:
        parts = list(asked.rpartition(". ")[::2]) if ". " in asked else [asked, asked]
    ends = {"last": parts[-1], "first": parts[0]}
    which = min(ends, key=lambda end: len(ends[end]))
    rest = parts[:-1] if which == "last" else parts[1:]
    return "\n".join(rest).strip(), ends[which].strip()


PARSERS = {
    "esnli_csv": esnli_csv,
    "esnli_lines": esnli_lines,
    "flan_esnli": flan_esnli,
    "flan_qed": flan_qed,
}
CONVERTERS = {"esnli": esnli, "qed": qed}
