"""e-SNLI and QED for the source `cot`, from the Flan Collection's or their authors' files.

Parsers yield (where, row), converters return a row's records: `premise`, `hypothesis`, `answer`,
`options`, `rationale` of e-SNLI; `passage`, `question`, `answer`, `rationale` of QED. Both raise
InputError where a file or a row is bad.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record
from flanrepro.errors import InputError
from flanrepro.raw.parsers import csv_with_header
from flanrepro.raw.reading import read_text, read_tsv

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
    label = str(row["label"]).strip().lower()
    explanations = [(row.get(f"explanation_{i}") or "").strip() for i in (1, 2, 3)]
    rationale = next(filter(None, explanations), "")
    if label in _NO_GOLD_LABEL or not rationale:
        return []
    if label not in _ESNLI_ANSWERS:
        raise InputError(
            f"the label '{row['label']}' is none of {', '.join(_ESNLI_ANSWERS)}; mend the file or "
            f"replace it"
        )
    return [
        {
            "premise": row["premise"].strip(),
            "hypothesis": row["hypothesis"].strip(),
            "answer": _ESNLI_ANSWERS[label],
            "options": "\n".join(ESNLI_OPTIONS),
            "rationale": rationale,
        }
    ]


# Explanations are `Explanation_1` and so on: in lower case they are the Hub's columns.
_CSV_COLUMNS = {"Sentence1": "premise", "Sentence2": "hypothesis", "gold_label": "label"}


def esnli_csv(*paths: Path) -> Iterator[Row]:
    """Reads the authors' csv files; the training set is two of them."""
    for path in paths:
        for where, row in csv_with_header(path):
            yield where, {_CSV_COLUMNS.get(name, name.lower()): row[name] for name in row}


def esnli_lines(*paths: Path) -> Iterator[Row]:
    """Reads the authors' tokenised files: premises, hypotheses, labels, 1 to 3 explanations."""
    names = ("premise", "hypothesis", "label", *(f"explanation_{i}" for i in (1, 2, 3)))
    columns = [read_text(path).removesuffix("\n").split("\n") for path in paths]
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
# known words between them are tried first, because the sentences hold quotation marks too.
_BETWEEN = (
    r"\s*(?:Hypothesis:|Based on this premise, can we conclude that the hypothesis"
    r"|does that mean that|is it true that|can we conclude that|that)\s*",
    r"[^\"]+",
)
_PAIRS = [re.compile(f'[^"]*"(.+)"{between}"(.+)"[^"]*', re.DOTALL) for between in _BETWEEN]


def flan_esnli(path: Path) -> Iterator[Row]:
    """Reads the Flan Collection's file of e-SNLI: question, answer, rationale."""
    for where, question, answer, rationale in _flan(path):
        pair = next(filter(None, (pattern.fullmatch(question) for pattern in _PAIRS)), None)
        if pair is None:
            raise InputError(
                f"{where}: expected a premise and a hypothesis in quotation marks, found "
                f"'{question[:60]}'; mend the line or replace the file"
            )
        premise, hypothesis = pair.groups()
        row = {"premise": premise, "hypothesis": hypothesis, "label": answer}
        yield where, {**row, "explanation_1": rationale}


def _flan(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yields (where, question without its options, answer, rationale)."""
    for n, row in enumerate(read_tsv(path, ("question", "answer", "rationale")), 1):
        cells = [text.replace("\\n", "\n").strip() for text in row.values()]
        question = cells[0].partition("\nOptions:\n")[0].rstrip()
        yield f"{path}, line {n}", question, *cells[1:]


def qed(row: Mapping[str, Any]) -> list[Record]:
    """The passage begins with its title; the rationale is the sentence that holds the answer.

    A question whose answer needs several sentences, is empty or has no explanation gives nothing.
    """
    annotation = row["annotation"]
    if isinstance(annotation, list):  # the first release; an object in the final one
        annotation = _first_release(row)
    if annotation["explanation_type"] != "single_sentence":
        return []
    found = [one["paragraph_reference"]["string"].strip() for one in annotation["answer"]]
    answers = list(dict.fromkeys(filter(None, found)))
    if not answers:
        return []
    title = (row.get("title_text") or "").strip()
    return [
        {
            "passage": f"{title}\n{row['paragraph_text'].strip()}".strip(),
            "question": (row.get("question_text") or row["question"]).strip(),
            "answer": ", ".join(answers),
            "rationale": annotation["selected_sentence"]["string"].strip(),
        }
    ]


_STOPS = re.compile(r"(?:[.,;:] )*")


def _first_release(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the annotation of the data's first release in the final one's form.

    It lacks the sentence, which is the one that the answer's spans lie in; where the data ends a
    sentence within an answer ("P.T. Barnum"), they are two or more. The texts of seven answers lack
    a letter, so they are taken from the spans.
    """
    text = row["paragraph_text"]
    # An answer that is not in the passage has the span (-1, -1), an empty text. Some spans begin at
    # the full stop of the sentence before.
    spans = [(a + _STOPS.match(text[a:b]).end(), b) for a, b in row["answer_spans"]]
    first, last = min(a for a, _ in spans), max(b for _, b in spans) - 1
    start = max((s for s in row["sentence_starts"] if s <= first), default=0)
    end = min((s for s in row["sentence_starts"] if s > last), default=len(text))
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


_LABEL = re.compile(r"^(?:passage|context|paragraph|text|title|question|q)\s*:\s*", re.IGNORECASE)


def _passage_and_question(asked: str) -> tuple[str, str]:
    """Splits a text: the question is its first or last paragraph, the shorter of the two.

    A text of one paragraph is split at the end of its last sentence but one.
    """
    parts = [_LABEL.sub("", part).strip() for part in asked.split("\n") if part.strip()]
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
