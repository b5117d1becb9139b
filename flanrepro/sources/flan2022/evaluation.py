"""Data sets that Flan 2022 does not train on, apart from MMLU and BBH.

They are held-out targets of single-task finetuning (section 4), or data sets that Flan 2022 has in
another form. A parser yields (where, row); where a file or row is bad, it raises InputError.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.raw.dataset import read_datasets
from flanrepro.raw.fields import label, line, objects, text, texts
from flanrepro.raw.files import fetch
from flanrepro.raw.parsers import csv_with_header, described
from flanrepro.raw.reader import tasks_of
from flanrepro.raw.reading import read_json_object, read_jsonl, shown

Row = tuple[str, Mapping[str, Any]]

SINGLE_TASK = (
    "arc_easy",
    "arc_challenge",
    "anli_r1",
    "anli_r2",
    "anli_r3",
    "unified_qa_science_inst",
    "bool_q",
    "rte",
    "squad_v2",
    "cosmos_qa",
    "wanli",
    "mednli",
    "condaqa",
    "pubmedqa",
    "cxc",
)
"""Names of the targets of single-task finetuning, held-in and held-out, in Table 3's order."""


def tasks() -> tuple[Task, ...]:
    """Makes a task per data set of `evaluation.yaml`; no data is read."""
    return tasks_of(read_datasets("evaluation"), "evaluation", __name__)


PUBMEDQA_TEST = "pubmedqa/test_ground_truth.json"
"""The test split's decisions by PMID; the Hub does not tell these questions from the rest."""


def _pubmedqa_file(path: Path, truth: Path, test: bool) -> Iterator[Row]:
    tested, rows = read_json_object(truth), read_json_object(path)
    if absent := tested.keys() - rows.keys():
        raise InputError(
            f"{truth}: the id {shown(min(absent))} is not in {path}; replace the one that is not "
            f"whole"
        )
    for pmid, row in rows.items():
        where = f"{path}, id {shown(pmid)[1:-1]}"
        try:
            made = {
                "question": row["QUESTION"],
                "context": {"contexts": row["CONTEXTS"]},
                "final_decision": row["final_decision"],
            }
        except (KeyError, TypeError):
            raise InputError(
                f"{where}: expected QUESTION, CONTEXTS and final_decision; mend or replace the file"
            ) from None
        # Two files of one release agree; of two releases, the split would be wrong unnoticed.
        if pmid in tested and tested[pmid] != made["final_decision"]:
            raise InputError(
                f"{where}: the decision is {shown(made['final_decision'])}, and "
                f"{shown(tested[pmid])} in "
                f"{truth}; replace both files"
            )
        if (pmid in tested) == test:
            yield where, made


def pubmedqa_train(path: Path, truth: Path) -> Iterator[Row]:
    """Reads the questions of `path` that are not in `truth`, the test split's answers."""
    return _pubmedqa_file(path, truth, test=False)


def pubmedqa_test(path: Path, truth: Path) -> Iterator[Row]:
    """Reads the questions of `path` that are in `truth`, the test split's answers."""
    return _pubmedqa_file(path, truth, test=True)


def pubmedqa(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row; one of the Hub's that is in the test split gives nothing."""
    # Only the Hub's rows have a number; those of a file were parted by its layout.
    if "pubid" in row and str(row["pubid"]) in read_json_object(fetch(PUBMEDQA_TEST)):
        return []
    if row["final_decision"] not in ("yes", "no", "maybe"):
        raise InputError(
            f"the decision {shown(row['final_decision'])} is none of yes, no, maybe; mend or "
            f"replace the file"
        )
    return [
        {
            "passage": "\n".join(texts(row, "context.contexts")).strip(),
            "question": row["question"].strip(),
            "answer": row["final_decision"],
            "options": "yes\nno\nmaybe",
        }
    ]


def cxc_pairs(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yields (where, id of caption 1, id of caption 2, score 0 to 5) of a file of pairs."""
    for where, row in csv_with_header(path):
        try:
            first, second = (row[f"caption{i}"].rpartition("sentid:")[2] for i in (1, 2))
            score = float(row["agg_score"])
        except (KeyError, ValueError):
            raise InputError(
                f"{where}: expected caption1, caption2 and a number in agg_score; mend the line or "
                f"replace the file"
            ) from None
        if not 0 <= score <= 5:
            raise InputError(f"{where}: the score is {score}, expected 0 to 5; mend the line")
        yield where, first, second, str(round(score))  # half to even, so 2.5 is 2


def cxc(path: Path, captions: Path) -> Iterator[Row]:
    """Reads pairs of captions, with COCO's texts instead of their ids."""
    file = read_json_object(captions, ("annotations",))
    try:
        said = {label(row["id"]): text(row, "caption") for row in objects(file, "annotations")}
    except (KeyError, InputError):
        raise InputError(
            f"{captions}: expected a list of objects with id and caption under 'annotations'; "
            f"replace the file by COCO's captions_val2014.json"
        ) from None
    for where, first, second, score in cxc_pairs(path):
        for number in (first, second):
            if number not in said:
                raise InputError(
                    f"{where}: {captions} has no caption {shown(number)}; use a whole file"
                )
        yield where, {"first": said[first], "second": said[second], "score": score}


def cxc_row(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a pair of captions."""
    return [
        {
            "sentence1": row["first"].strip(),
            "sentence2": row["second"].strip(),
            "answer": row["score"],
            "options": "\n".join("012345"),
        }
    ]


def wsc273(path: Path) -> Iterator[Row]:
    """Reads pairs of sentences, each with one of two noun phrases instead of the pronoun."""
    for n, row in enumerate(read_jsonl(path, ("context_options", "continuation", "gold")), 1):
        where = f"{path}, line {n}"
        starts, end = row["context_options"], row["continuation"]
        if not isinstance(starts, list) or not all(isinstance(t, str) for t in (*starts, end)):
            raise InputError(
                f"{where}: expected a list of texts in context_options and a text in continuation; "
                f"mend the line or replace the file"
            )
        gap = "" if end.startswith((".", ",", ";", "?")) else " "  # the pronoun may end a clause
        yield where, {"sentences": [start + gap + end for start in starts], "label": row["gold"]}


def wsc273_row(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record that asks which of two sentences makes sense."""
    sentences = texts(row, "sentences") if "sentences" in row else _without_pronoun(row)
    lines = [line(sentence) for sentence in sentences]
    both = "\n".join(lines)
    answer = lines[_position(row["label"], len(lines))]
    # The question is its options: `choices` keeps them in prompts without answer options.
    return [{"answer": answer, "options": both, "choices": both}]


# First words of the options that are no names: they get a small letter within a sentence.
DETERMINERS = ("A", "An", "Her", "His", "My", "Our", "The", "Their", "Your")
POSSESSIVES = ("her", "his", "my", "our", "their")


def _without_pronoun(row: Mapping[str, Any]) -> list[str]:
    """Returns the Hub's sentence once per option, which stands instead of the pronoun.

    As in the file, an option is in the genitive where the pronoun is, and begins with a small
    letter within a sentence. The Hub writes all options as at the start of one.
    """
    start, rest = row["text"][: row["pronoun_loc"]], row["text"][row["pronoun_loc"] :]
    if not rest.startswith(row["pronoun"]):
        raise InputError("the pronoun is not at pronoun_loc; mend the row or replace the file")
    end = rest.removeprefix(row["pronoun"])  # starts with a space or a sign: no gap to add
    genitive = "'s" if row["pronoun"].lower() in POSSESSIVES else ""
    sentences = []
    for option in texts(row, "options"):
        first, gap, others = option.partition(" ")
        within = first in DETERMINERS and not start.rstrip().endswith(".")
        sentences.append(f"{start}{first.lower() if within else first}{gap}{others}{genitive}{end}")
    return sentences


def _position(key: Any, size: int) -> int:
    if label(key) not in map(str, range(size)):
        raise InputError(
            f"the label {shown(key)} is none of 0 to {size - 1}; mend the row or replace the file"
        )
    return int(label(key))


CLASSES = (
    "Company",
    "Educational Institution",
    "Artist",
    "Athlete",
    "Office Holder",
    "Mean of Transportation",
    "Building",
    "Natural Place",
    "Village",
    "Animal",
    "Plant",
    "Album",
    "Film",
    "Written Work",
)
"""DBpedia's class names, in the order of the Hub's labels."""


_TITLED = described("sentence", "label", r"Title: (?P<title>.*)\nText:(?P<content>.*)")


def olora_dbpedia(path: Path) -> Iterator[Row]:
    """Reads O-LoRA's layout: title and text in one field, the class by its name."""
    # Names are compared by their letters: spaces and capitals are not those of the release.
    names = {_letters(name): n for n, name in enumerate(CLASSES)}
    for where, row in _TITLED(path):
        name = _letters(str(row["label"]))
        if name not in names:
            raise InputError(
                f"{where}: {shown(row['label'])} is no class; mend or replace the file"
            )
        yield where, {**row, "label": names[name]}


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def dbpedia(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row: title and text, and the class's name among all 14."""
    return [
        {
            "text": f"{row['title'].strip()}\n{row['content'].strip()}".strip(),
            "answer": CLASSES[_position(row["label"], len(CLASSES))],
            "options": "\n".join(CLASSES),
        }
    ]


PARSERS = {
    "pubmedqa_train": pubmedqa_train,
    "pubmedqa_test": pubmedqa_test,
    "cxc": cxc,
    "wsc273": wsc273,
    "olora_dbpedia": olora_dbpedia,
}
CONVERTERS = {
    "pubmedqa": pubmedqa,
    "cxc": cxc_row,
    "wsc273": wsc273_row,
    "dbpedia": dbpedia,
}
