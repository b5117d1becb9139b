"""Pocket's MMLU: 57 subjects, each the questions about an attribute that no tuning prompt names.

Facts about these attributes, and questions about them, are in the pretraining text alone.
"""

from flanrepro.collection.task import Record, Suite, Task
from flanrepro.sources.pocket.flan2021 import question
from flanrepro.sources.pocket.world import (
    HELD_OUT,
    KINDS,
    KNOWN,
    SUBJECTS,
    Dice,
    fact,
    task,
)

SPLITS = {"exemplars": 5, "validation": 40}


def exam(dice: Dice, attribute: str) -> Record:
    """A question with four options."""
    thing = dice.one(KNOWN)
    answer = fact(attribute, thing)
    return dict(
        question=question(attribute, thing),
        answer=answer,
        options=dice.options(answer, KINDS[HELD_OUT[attribute]]),
    )


def suite() -> Suite:
    return Suite("mmlu", tasks())


def tasks() -> tuple[Task, ...]:
    """The 57 subjects by MMLU's names."""
    return tuple(
        task(f"mmlu_{subject}", "evaluation", "mmlu", exam, attribute, splits=SPLITS)
        for subject, attribute in SUBJECTS.items()
    )
