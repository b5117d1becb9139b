"""The evaluation suite `cot`: GSM8K, StrategyQA, SVAMP, ASDiv, CommonsenseQA, step by step (A.3).

Each task is evaluated on its split `validation`, with few-shot exemplars from its split `train`:

| task          | validation                   | train                                        |
| ------------- | ---------------------------- | -------------------------------------------- |
| gsm8k         | test set, 1,319              | training set, 7,473                          |
| strategyqa    | the authors' dev set, 229    | training set, 2,061                          |
| svamp         | whole data set, 1,000        | GSM8K's training set, 7,473                  |
| asdiv         | its 2,084 with a number      | GSM8K's training set, 7,473                  |
| commonsenseqa | dev set (random split) 1,221 | training set's 6,318 with an ECQA rationale  |

SVAMP and ASDiv are challenge sets without training data: all is evaluated, with exemplars of GSM8K,
as Wei et al. (2022) use one set of exemplars for all arithmetic. Left out are 221 of ASDiv's 2,305
problems whose answer is no plain number (90 several values, else names, times, ratios).

Records have the fields of `flanrepro.sources.flan2022.cot`. The answer is compared as it stands: a
number without commas or `.0`, `yes` or `no`, `(B)`. The rationale is GSM8K's steps without
calculator marks, StrategyQA's facts, SVAMP's and ASDiv's equation, ECQA's explanation. The dev set
of CommonsenseQA has none: its rationale is empty, its target the closing phrase alone.
"""

import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from flanrepro.collection.task import Record, Suite, Task, protocol
from flanrepro.errors import InputError
from flanrepro.raw.fields import Converter, label, objects, records_of, text, texts
from flanrepro.raw.files import data_file, fetch, missing
from flanrepro.raw.parsers import Row, json, jsonl
from flanrepro.raw.reading import read_text, shown
from flanrepro.sources.flan2022 import cot

Files = Mapping[str, str]
"""The manifest's name of each split's file."""

GSM8K: Files = {"train": "gsm8k/train.jsonl", "validation": "gsm8k/test.jsonl"}
STRATEGYQA: Files = {"train": "strategyqa/train.json", "validation": "strategyqa/dev.json"}
SVAMP: Files = {"train": GSM8K["train"], "validation": "svamp/SVAMP.json"}
ASDIV: Files = {"train": GSM8K["train"], "validation": "asdiv/ASDiv.xml"}
ASDIV_WITHOUT_NUMBER = 221  # stated, so that a split's size is known before its file is read
COMMONSENSEQA: Files = {
    "train": "commonsenseqa/train_rand_split.jsonl",
    "validation": cot.COMMONSENSEQA_DEV,
}


def suite() -> Suite:
    """Makes the suite `cot`, its tasks in the order of A.3; no data file is read."""
    words = functools.partial(
        _task, cluster="math_word_problems", answer="number", templates="cot/gsm8k"
    )
    return Suite(
        "cot",
        (
            words("gsm8k", GSM8K, _gsm8k, citation="Cobbe et al., 2021"),
            _task(
                "strategyqa",
                STRATEGYQA,
                _strategyqa,
                cluster="closed_book_qa",
                citation="Geva et al., 2021",
                templates="cot/strategyqa",
            ),
            words("svamp", SVAMP, _svamp, citation="Patel et al., 2021"),
            words(
                "asdiv",
                ASDIV,
                _asdiv,
                citation="Miao et al., 2020",
                left_out={"validation": ASDIV_WITHOUT_NUMBER},
            ),
            _task(
                "commonsenseqa",
                COMMONSENSEQA,
                _commonsenseqa,
                cluster="commonsense",
                citation="Talmor et al., 2019; rationales of train: Aggarwal et al., 2021",
                answer="option",
                templates="cot/qasc",
                left_out={"train": _commonsenseqa_without_rationale()},
            ),
        ),
        protocol=protocol("flan2022", "cot"),
    )


def _task(
    name: str,
    files: Files,
    load: Callable[[str], Sequence[Record]],
    *,
    cluster: str,
    citation: str,
    templates: str,
    answer: str = "text",
    left_out: Mapping[str, int] | None = None,
) -> Task:
    sizes = {s: data_file(path).rows - (left_out or {}).get(s, 0) for s, path in files.items()}
    return Task(
        name=name,
        source="evaluation",
        cluster=cluster,
        load=load,
        splits=sizes,
        templates=templates,
        answer=answer,
        licence=data_file(files["validation"]).licence,
        citation=citation,
        find_missing=functools.partial(_missing, files),
    )


def _missing(files: Files, split: str) -> str:
    return missing(files[split])


def _commonsenseqa_without_rationale() -> int:
    """Counts the training questions without a rationale: ECQA explains 6,318 of 9,741."""
    explained = data_file(cot.file_of("ecqa")).rows - cot.ECQA_IN_COMMONSENSEQA_DEV
    return data_file(COMMONSENSEQA["train"]).rows - explained


def _records(path: Path, rows: Iterable[Row], convert: Converter) -> list[Record]:
    found = list(rows)
    if not found:
        raise InputError(f"{path} holds no record: replace the file")
    records = (record for where, row in found for record in records_of(convert, row, where))
    # Exemplars are turned around too: the templates are those that are trained with.
    return [
        {**record, "asked": cot.asked(record["question"], record.get("choices", ""))}
        for record in records
    ]


def _gsm8k(split: str) -> list[Record]:
    path = fetch(GSM8K[split])
    return _records(path, jsonl(path), gsm8k)


def gsm8k(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row, whose answer is steps, then `#### 72`."""
    steps, mark, answer = text(row, "answer").partition("####")
    if not mark:
        raise InputError(
            "the answer has no '####' before its number; mend the line or replace the file"
        )
    return [
        {
            "question": text(row, "question").strip(),
            "rationale": re.sub(r"<<[^<>]*>>", "", steps).strip(),  # calculator: <<48/2=24>>
            "answer": _number(answer),
        }
    ]


def _strategyqa(split: str) -> list[Record]:
    path = fetch(STRATEGYQA[split])
    return _records(path, json(path), strategyqa)


_YES_NO = {"true": "yes", "yes": "yes", "false": "no", "no": "no"}


def strategyqa(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row; its answer is a boolean, in some copies a word."""
    answer = _YES_NO.get(label(row["answer"]).lower())
    if answer is None:
        raise InputError(
            f"the answer {shown(row['answer'])} is none of {', '.join(_YES_NO)}; mend the file or "
            f"replace it"
        )
    return [
        {
            "question": text(row, "question").strip(),
            "rationale": " ".join(map(_sentence, texts(row, "facts"))),
            "options": "yes\nno",
            "answer": answer,
        }
    ]


def _svamp(split: str) -> list[Record]:
    if split == "train":
        return _gsm8k("train")
    path = fetch(SVAMP[split])
    return _records(path, json(path), svamp)


def svamp(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row: Body, Question, Equation and Answer, a number."""
    question = _problem(text(row, "Body").strip(), text(row, "Question").strip())
    rationale = _equation(text(row, "Equation"))
    return [{"question": question, "rationale": rationale, "answer": _number(row["Answer"])}]


def _asdiv(split: str) -> list[Record]:
    if split == "train":
        return _gsm8k("train")
    return [record for record in read_asdiv(fetch(ASDIV[split])) if is_number(record["answer"])]


def read_asdiv(path: Path) -> list[Record]:
    """Reads ASDiv's 2,305 problems; InputError if the file is no XML or a problem lacks a part."""
    try:
        root = ElementTree.fromstring(read_text(path))
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: no XML ({error}); replace the file") from None
    known = {root.tag, "ProblemSet", "Problem", "Solution-Type", *ASDIV_PARTS}
    if other := {each.tag for each in root.iter()} - known:
        raise InputError(f"{path}: unknown element {shown(min(other))}; mend or replace the file")
    problems = enumerate(root.iter("Problem"), 1)
    return _records(path, ((f"{path}, problem {n}", _parts(each)) for n, each in problems), asdiv)


def _parts(problem: ElementTree.Element) -> Mapping[str, Any]:
    names = [part.tag for part in problem]
    # A part that is there twice is none of them.
    return {part.tag: part.text or "" for part in problem if names.count(part.tag) == 1}


def asdiv(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a problem from its parts."""
    parts = {name: row.get(name, "").strip() for name in ASDIV_PARTS}
    for name, part in parts.items():
        if not part:
            raise InputError(f"no {name}, or two; mend the file or replace it")
    # `9 (apples)` loses its unit; several values, `6 (cm); 15 (cm)`, stay and are no number.
    answer = re.sub(r"^([^();]+?)\s+\([^()]*\)$", r"\1", parts["Answer"])
    return [
        {
            "question": _problem(parts["Body"], parts["Question"]),
            "rationale": parts["Formula"],
            "answer": _number(answer) if is_number(answer) else answer,
        }
    ]


ASDIV_PARTS = ("Body", "Question", "Answer", "Formula")


def is_number(text: str) -> bool:
    """True if an answer is one plain number, commas allowed."""
    return bool(re.fullmatch(r"-?[\d,]*\.?\d+", text))


def _commonsenseqa(split: str) -> list[Record]:
    path = fetch(COMMONSENSEQA[split])
    if split == "validation":
        return _records(path, jsonl(path), commonsenseqa)
    # ECQA's file has the rationales, CommonsenseQA's the lettered options; the question joins them.
    explained = {cot.same_question(r["question"]): r["rationale"] for r in cot.read("ecqa")}
    found = _records(path, jsonl(path), commonsenseqa)
    keys = [cot.same_question(record["question"]) for record in found]
    return [
        {**record, "rationale": explained[key]}
        for record, key in zip(found, keys, strict=True)
        if key in explained
    ]


def commonsenseqa(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row, without a rationale; InputError if the key names no choice."""
    choices = {text(one, "label"): text(one, "text") for one in objects(row, "question.choices")}
    key, size = text(row, "answerKey"), len(row["question"]["choices"])
    if key not in choices or len(choices) < size:
        raise InputError(
            f"the answer {shown(key)} does not name one of {size} choices; mend the line or "
            f"replace the file"
        )
    # Spaces stay as they are; a line end would make two options of one.
    lines = [f"({name}) {choice}".replace("\n", " ") for name, choice in choices.items()]
    options = "\n".join(lines)
    return [
        {
            "question": text(row, "question.stem").strip(),
            "rationale": "",
            "options": options,
            "choices": options,  # always shown: without them a letter means nothing
            "answer": f"({key})",
        }
    ]


def _number(value: str | float) -> str:
    """Writes a number as it is compared: `1,200` and `1200.0` are `1200`."""
    try:
        number = float(str(value).replace(",", ""))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"the answer {shown(value)} is no number; mend the file or replace it")
    return str(int(number)) if number.is_integer() else str(number)


def _sentence(text: str) -> str:
    text = text.strip()  # some of StrategyQA's facts lack their full stop
    return text if text.endswith((".", "!", "?")) else text + "."


def _problem(body: str, question: str) -> str:
    """Joins body and question; a body without a final stop is mostly an if-clause: a comma."""
    if body.endswith((".", "!", "?")):
        return f"{body} {question}"
    return f"{body}, {question[:1].lower()}{question[1:]}"


def _equation(text: str) -> str:
    """Writes `( 76.0 - 25.0 )` as `76 - 25`: in SVAMP every operation has its pair of brackets."""
    return re.sub(r"\.0\b", "", text).strip().removeprefix("( ").removesuffix(" )")
