"""Source `cot`: the nine chain-of-thought training sets of the Flan Collection.

Seven are read from the collection's own files, `flan/v2/cot_data/*_train.tsv` of
github.com/google-research/FLAN: question, answer and rationale, separated by tabs, with the two
characters backslash and n for a line break. Records have the fields

- `question`: the text before the answer options;
- `asked`: the question with the options that the file gives, for templates that turn it around;
- `answer`: a number without commas, `yes` or `no`, `(C)`, `Sentence A`, or an option's text;
- `rationale`: the explanation that leads to the answer;
- `options`: the answer options, one per line, for all but GSM8K;
- `choices`: the same lines, where the answer names one of them (`(C)`, `Sentence A`). A question of
  that kind has no answer without them, so its templates always show them, as the reference shows
  all options that a file gives.

The other two, e-SNLI and QED, are described in `cot.yaml`: many copies of the reference's
repository lack their large files, so their authors' files and the Hub serve as well.
"""

import functools
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.raw.dataset import read_datasets
from flanrepro.raw.files import data_file, fetch, missing
from flanrepro.raw.reader import tasks_of
from flanrepro.raw.reading import read_jsonl, read_tsv, shown, sound
from flanrepro.sources.flan2022 import cot_more

COMMONSENSEQA_DEV = "commonsenseqa/dev_rand_split.jsonl"
ECQA_IN_COMMONSENSEQA_DEV = 794
"""Number of ECQA's questions that the suite `cot` evaluates; they are left out of training."""


@dataclass(frozen=True)
class _Dataset:
    """What differs between the files.

    Attributes:
        cluster: generic task category in the reference's `flan_collection_info.csv`, shortened.
        answer: kind of answer, see `Task.answer`.
        citation: paper of the dataset; its rationales are the Flan Collection's selection.
        choice: True if the answer names one of the options.
        yes_no: True if the answer is yes or no.
        left_out: number of rows that are not trained on.
    """

    cluster: str
    answer: Literal["text", "number", "option"]
    citation: str
    choice: bool = False
    yes_no: bool = False
    left_out: int = 0


DATASETS = {
    "aqua": _Dataset("math_word_problems", "option", "Ling et al., 2017", choice=True),
    "creak": _Dataset("commonsense", "text", "Onoe et al., 2021", yes_no=True),
    "ecqa": _Dataset(
        "commonsense", "text", "Aggarwal et al., 2021", left_out=ECQA_IN_COMMONSENSEQA_DEV
    ),
    "gsm8k": _Dataset("math_word_problems", "number", "Cobbe et al., 2021"),
    "qasc": _Dataset("closed_book_qa", "option", "Khot et al., 2020", choice=True),
    "sensemaking": _Dataset("commonsense", "text", "Wang et al., 2019", choice=True),
    "strategyqa": _Dataset("closed_book_qa", "text", "Geva et al., 2021", yes_no=True),
}


def file_of(dataset: str) -> str:
    """Returns the manifest's name of a dataset's training file."""
    return f"flan_cot/{dataset}_train.tsv"


def tasks() -> tuple[Task, ...]:
    """Makes the nine training tasks, `cot_aqua` to `cot_strategyqa`; no data is read."""
    more = tasks_of(read_datasets("cot"), "cot", cot_more.__name__)
    return tuple(sorted((*_own_files(), *more), key=lambda task: task.name))


def _own_files() -> tuple[Task, ...]:
    return tuple(
        Task(
            name=f"cot_{name}",
            source="cot",
            cluster=dataset.cluster,
            load=functools.partial(_load, name),
            splits={"train": data_file(file_of(name)).rows - dataset.left_out},
            templates=f"cot/{name}",
            answer=dataset.answer,
            licence=data_file(file_of(name)).licence,
            citation=dataset.citation,
            find_missing=functools.partial(_missing, name),
        )
        for name, dataset in DATASETS.items()
    )


def _missing(dataset: str, split: str) -> str:
    return missing(file_of(dataset))


def same_question(text: str) -> str:
    """Returns a key that two copies of a question share: lower case, single spaces.

    CommonsenseQA has runs of spaces that ECQA does not have: comparing lower-cased text alone finds
    723 of the 794 shared questions.
    """
    return " ".join(text.lower().split())


def read(dataset: str) -> list[Record]:
    """Reads all records of a dataset's file; InputError if it is missing or a row is bad."""
    path = fetch(file_of(dataset))
    rows = read_tsv(path, ("question", "answer", "rationale"))
    if not rows:
        raise InputError(f"{path} holds no record: replace the file")
    return [_record(row, dataset, f"{path}, line {n}") for n, row in enumerate(rows, 1)]


def _load(dataset: str, split: str) -> Sequence[Record]:
    records = read(dataset)
    if dataset != "ecqa":  # the one file that shares questions with an evaluated set
        return records
    rows = read_jsonl(fetch(COMMONSENSEQA_DEV), fields=["question.stem"])
    held_out = {same_question(row["question"]["stem"]) for row in rows}
    return [record for record in records if same_question(record["question"]) not in held_out]


def _record(row: Record, dataset: str, where: str) -> Record:
    fields = {name: text.replace("\\n", "\n").strip() for name, text in row.items()}
    for name, text in fields.items():
        if not text:
            raise InputError(f"{where}: the {name} is empty; mend the line or replace the file")
    fields["question"], options = cot_more.split_options(fields["question"], where)
    if "\n- " in fields["question"]:
        raise InputError(
            f"{where}: options without a line 'Options:' before them; mend the line or replace the "
            f"file"
        )
    fields["asked"] = asked(fields["question"], "\n".join(options))
    # Some rows leave yes and no unsaid; here the mixture decides what is shown.
    if DATASETS[dataset].yes_no:
        options = ["yes", "no"]
    if options or dataset != "gsm8k":
        _check_answer(fields["answer"], options, DATASETS[dataset].choice, where)
        fields["options"] = "\n".join(options)
    if DATASETS[dataset].choice:
        fields["choices"] = fields["options"]
    return sound(fields, where)


def asked(question: str, options: str = "") -> str:
    """The field `asked`: a question with its answer options, if it has any."""
    return f"{question}\nOptions:\n{options}" if options else question


_MARK = re.compile(r"(?:Sentence |\()([A-Z])[):]")


def _check_answer(answer: str, options: Sequence[str], choice: bool, where: str) -> None:
    # A choice is named by how its line begins: "(C)" of "(C) 1120". Texts may repeat: 97 questions
    # of ECQA list an option twice.
    names = [line[: len(answer)] for line in options] if choice else options
    marks = [_MARK.match(line) for line in options] if choice else []
    letters = [mark and mark[1] for mark in marks]
    if letters != list(string.ascii_uppercase[: len(letters)]):
        raise InputError(
            f"{where}: the options {shown(', '.join(options))} do not begin with (A), (B) and so "
            f"on; mend the line or replace the file"
        )
    if answer not in names or (choice and names.count(answer) > 1):
        raise InputError(
            f"{where}: the answer {shown(answer)} does not name one of the options "
            f"{shown(', '.join(options))}; mend the line or replace the file"
        )
