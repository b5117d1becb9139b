"""Pocket's BIG-Bench Hard: 23 problems, each a composition of steps that no tuning task has.

`steps.yaml` has the compositions and the wordings of their parts, `bbh.yaml` the frames around
them. Answered at once (`bbh`) and step by step (`bbh_cot`), on the same records.
"""

import dataclasses
import json

from flanrepro.collection.task import Record, Suite, Task
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.choices import CLOSED, YES_NO, case, case_with_options
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.steps import (
    ANSWER_ROWS,
    GRAMMAR,
    PROBLEMS,
    STEP_ROWS,
    Operation,
    worked,
)
from flanrepro.sources.pocket.world import NAMES, PACKAGE, task

WORDINGS = read_yaml(PACKAGE, "bbh")
# No training split: never tuned on. 23 times 110 items have a standard error of one point.
SPLITS = {"exemplars": 10, "validation": 110}
LETTERS = "ABCD"


def problem(dice: Dice, operation: Operation, frame: str, options: int) -> Record:
    """Makes a record of a problem: question, rationale and answer.

    Args:
        dice: the record's dice.
        operation: composition of steps.
        frame: wording of the question.
        options: number of options; 0: the answer is written, 2: it is yes or no, more: it is the
            letter of one, with the option itself as another accepted answer.
    """
    words, after, answer, more = _case(dice, operation, options)
    # Names are no part of the work: they make more questions of few lists.
    name = dice.one([one for one in NAMES if one not in words])
    question = frame.format(
        name=name,
        list=GRAMMAR["lists"][operation.kind],
        words=" ".join(words),
        do=" ".join([STEP_ROWS[one]["bbh"] for one in operation.steps] + [_asked(operation)]),
    )
    if "choices" in more:
        question += WORDINGS["options"].format(options=more["choices"].replace("\n", " "))
    done = ANSWER_ROWS[operation.answer]["done"]
    rationale = f"{worked(operation, after)} {done} {answer}."
    return dict(question=question, rationale=rationale) | {"answer": answer} | more


def _asked(operation: Operation) -> str:
    return ANSWER_ROWS[operation.answer]["bbh"]


def _case(
    dice: Dice, operation: Operation, options: int
) -> tuple[list[str], list[list[str]], str, Record]:
    """Gives the words, the list after each step, the answer, and the fields of its options."""
    if options <= 2:
        few = operation.kind == "truth" or operation.answer in CLOSED
        drawn = [case(dice, operation) for _ in range(32 if few else 1)]
        # Some compositions have nearly always the same answer: each is drawn as often.
        wanted = dice.one(sorted({answer for _, _, answer in drawn}))
        chosen = next(one for one in drawn if one[2] == wanted)
        return *chosen, {"options": YES_NO} if options else {}
    words, after, answer, texts = case_with_options(dice, operation, options)
    labels = [f"({letter})" for letter in LETTERS[:options]]
    return (
        words,
        after,
        answer,
        {
            "choices": "\n".join(f"{a} {b}" for a, b in zip(labels, texts, strict=True)),
            "answer": labels[texts.index(answer)],
            "references": json.dumps([answer]),
        },
    )


def tasks() -> tuple[Task, ...]:
    """Makes a task per problem, answered at once."""
    made = []
    for i, (name, operation) in enumerate(PROBLEMS.items()):
        options = GRAMMAR["bbh"][name].get("options", 0)
        frames = WORDINGS["frames"]
        free = "number" if operation.answer in ("count", "largest") else "text"
        made.append(
            task(
                f"bbh_{name}",
                "evaluation",
                "bbh",
                problem,
                operation,
                frames[i % len(frames)],
                options,
                answer="option" if options > 2 else free,
                splits=SPLITS,
            )
        )
    return tuple(made)


def suites() -> tuple[Suite, Suite]:
    """Makes the suite `bbh`, and `bbh_cot`: the same records with chain of thought."""
    direct = tasks()
    return Suite("bbh", direct), Suite("bbh_cot", tuple(_in_steps(one) for one in direct))


def _in_steps(direct: Task) -> Task:
    name = direct.name.replace("bbh_", "bbh_cot_", 1)
    return dataclasses.replace(direct, name=name, templates="pocket/bbh_cot")
