"""MMLU (Hendrycks et al., 2020): 57 subjects, evaluated and never trained on.

Few-shot exemplars are a subject's own five development questions, as in the release.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Suite, Task, protocol
from flanrepro.errors import InputError
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.fields import label, line, texts
from flanrepro.raw.reader import tasks_of
from flanrepro.raw.reading import read_table, shown

Row = tuple[str, Mapping[str, Any]]

STEM, HUMANITIES, SOCIAL, OTHER = "STEM", "humanities", "social sciences", "other"
"""Categories as in the release's categories.py; `other` is business, health and miscellaneous."""

SUBJECTS = {
    "abstract_algebra": (STEM, 11, 100),
    "anatomy": (OTHER, 14, 135),
    "astronomy": (STEM, 16, 152),
    "business_ethics": (OTHER, 11, 100),
    "clinical_knowledge": (OTHER, 29, 265),
    "college_biology": (STEM, 16, 144),
    "college_chemistry": (STEM, 8, 100),
    "college_computer_science": (STEM, 11, 100),
    "college_mathematics": (STEM, 11, 100),
    "college_medicine": (OTHER, 22, 173),
    "college_physics": (STEM, 11, 102),
    "computer_security": (STEM, 11, 100),
    "conceptual_physics": (STEM, 26, 235),
    "econometrics": (SOCIAL, 12, 114),
    "electrical_engineering": (STEM, 16, 145),
    "elementary_mathematics": (STEM, 41, 378),
    "formal_logic": (HUMANITIES, 14, 126),
    "global_facts": (OTHER, 10, 100),
    "high_school_biology": (STEM, 32, 310),
    "high_school_chemistry": (STEM, 22, 203),
    "high_school_computer_science": (STEM, 9, 100),
    "high_school_european_history": (HUMANITIES, 18, 165),
    "high_school_geography": (SOCIAL, 22, 198),
    "high_school_government_and_politics": (SOCIAL, 21, 193),
    "high_school_macroeconomics": (SOCIAL, 43, 390),
    "high_school_mathematics": (STEM, 29, 270),
    "high_school_microeconomics": (SOCIAL, 26, 238),
    "high_school_physics": (STEM, 17, 151),
    "high_school_psychology": (SOCIAL, 60, 545),
    "high_school_statistics": (STEM, 23, 216),
    "high_school_us_history": (HUMANITIES, 22, 204),
    "high_school_world_history": (HUMANITIES, 26, 237),
    "human_aging": (OTHER, 23, 223),
    "human_sexuality": (SOCIAL, 12, 131),
    "international_law": (HUMANITIES, 13, 121),
    "jurisprudence": (HUMANITIES, 11, 108),
    "logical_fallacies": (HUMANITIES, 18, 163),
    "machine_learning": (STEM, 11, 112),
    "management": (OTHER, 11, 103),
    "marketing": (OTHER, 25, 234),
    "medical_genetics": (OTHER, 11, 100),
    "miscellaneous": (OTHER, 86, 783),
    "moral_disputes": (HUMANITIES, 38, 346),
    "moral_scenarios": (HUMANITIES, 100, 895),
    "nutrition": (OTHER, 33, 306),
    "philosophy": (HUMANITIES, 34, 311),
    "prehistory": (HUMANITIES, 35, 324),
    "professional_accounting": (OTHER, 31, 282),
    "professional_law": (HUMANITIES, 170, 1534),
    "professional_medicine": (OTHER, 31, 272),
    "professional_psychology": (SOCIAL, 69, 612),
    "public_relations": (SOCIAL, 12, 110),
    "security_studies": (SOCIAL, 27, 245),
    "sociology": (SOCIAL, 22, 201),
    "us_foreign_policy": (SOCIAL, 11, 100),
    "virology": (OTHER, 18, 166),
    "world_religions": (HUMANITIES, 19, 171),
}
"""Category, number of validation questions and number of test questions, by subject."""


def suite() -> Suite:
    """Makes the suite `mmlu`: the 57 subjects on their test questions."""
    return Suite("mmlu", tasks(), "test", protocol("flan2022", "mmlu"))


@functools.cache
def tasks() -> tuple[Task, ...]:
    """Makes a task per subject, 57 in all; no data is read."""
    return tasks_of([_subject(*row) for row in SUBJECTS.items()], "evaluation", __name__)


def _subject(name: str, facts: tuple[str, int, int]) -> Dataset:
    category, validation, test = facts
    return Dataset(
        name=f"mmlu_{name}",
        card="mmlu",
        cluster=category,
        templates="mmlu",
        answer="option",
        licence="MIT",
        citation="Hendrycks et al., 2020",
        hub={"id": "cais/mmlu", "config": name},
        # Few-shot prompts draw from `exemplars`, which is what the release calls dev.
        splits={
            "exemplars": {"hub": "dev", "rows": 5},
            "validation": {"hub": "validation", "rows": validation},
            "test": {"hub": "test", "rows": test},
        },
        files={
            "exemplars": {f"mmlu/dev/{name}_dev.csv": "mmlu"},
            "validation": {f"mmlu/val/{name}_val.csv": "mmlu"},
            "test": {f"mmlu/test/{name}_test.csv": "mmlu"},
        },
        convert="mmlu",
    )


def mmlu_csv(path: Path) -> Iterator[Row]:
    """Reads a file of the release: question, four choices, letter; InputError if a line differs."""
    # Only the file's name tells the subject; the Hub has it in a column.
    subject = re.sub(r"_(dev|val|test)$", "", path.stem)
    for where, cells in read_table(path):
        if len(cells) != 6 or cells[5].strip() not in tuple(LETTERS):
            raise InputError(
                f"{where}: expected a question, four choices and a letter from A to D, found "
                f"{len(cells)} columns ending in {shown(cells[-1] if cells else '')}; mend the "
                f"line or replace the file"
            )
        row = {"question": cells[0], "subject": subject, "choices": cells[1:5], "answer": cells[5]}
        yield where, row


LETTERS = "ABCD"
_LETTERS = {**{str(n): letter for n, letter in enumerate(LETTERS)}, **{a: a for a in LETTERS}}


def mmlu(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row in the Hub's schema; the answer is the right choice's letter.

    In some copies of the Hub's rows the answer is a letter already.
    """
    choices = [line(choice) for choice in texts(row, "choices")]
    answer = _LETTERS.get(label(row["answer"]))
    if len(choices) != 4 or answer is None:
        raise InputError(
            f"the answer {shown(row['answer'])} is none of {', '.join(_LETTERS)}, or its choices, "
            f"{len(choices)}, are not four; mend the file or replace it"
        )
    return [
        {
            "subject": row["subject"].replace("_", " "),
            "question": row["question"].strip(),
            "choices": "\n".join(f"{a}. {text}" for a, text in zip(LETTERS, choices, strict=True)),
            "options": "\n".join(choices),
            "answer": answer,
        }
    ]


PARSERS = {"mmlu": mmlu_csv}
CONVERTERS = {"mmlu": mmlu}
