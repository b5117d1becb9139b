"""Pocket's MMLU: 57 subjects, each about one attribute that no tuning prompt names.

Only pretraining text has facts and questions about these attributes.
"""

from flanrepro.collection.task import Record, Suite, Task
from flanrepro.sources.pocket.flan2021 import question
from flanrepro.sources.pocket.world import HELD_OUT, KINDS, KNOWN, SUBJECTS, Dice, fact, task

SPLITS = {"exemplars": 5, "validation": 40}  # five, as MMLU publishes


def exam(dice: Dice, attribute: str) -> Record:
    """Asks for an attribute's value, with four options."""
    thing = dice.one(KNOWN)
    answer = fact(attribute, thing)
    return dict(
        question=question(attribute, thing),
        answer=answer,
        options=dice.options(answer, KINDS[HELD_OUT[attribute]]),
    )


def suite() -> Suite:
    """Makes the suite `mmlu`: the 57 subjects on their validation records."""
    return Suite("mmlu", tasks())


def tasks() -> tuple[Task, ...]:
    """Makes a task per subject, under MMLU's names."""
    return tuple(
        task(f"mmlu_{subject}", "evaluation", "mmlu", exam, attribute, splits=SPLITS)
        for subject, attribute in SUBJECTS.items()
    )
