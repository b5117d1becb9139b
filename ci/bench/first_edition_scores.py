"""What the suites do not ask: facts to complete, the exam in other words, held-out operations.

Prompts are finished texts, as in template file `pocket_rendered`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flanrepro.collection import rng
from flanrepro.collection.formats import plain_style
from flanrepro.collection.suites import suite_items
from flanrepro.collection.task import Record, Suite, Task
from flanrepro.evaluation.answers import answer_suite
from flanrepro.model.model import Model
from flanrepro.sources import load_collection
from flanrepro.sources.pocket.world import HELD_OUT, KNOWN, fact

FACTS = 200
"""Number of facts that are asked for, of 57 attributes of 12 things."""

TASKS, RECORDS = 100, 4
"""Number of operations that are asked for, and of records of each."""

EXAM_ITEMS = 10
"""Number of items per subject, as in profile `quick`."""

WORDINGS = {
    "write": "{question} first write the word that is right, then stop.{options}",
    "choose": "choose a word from the list so that it is true.{options} {question}",
}
"""Ways to ask the exam that are in no task and in no text."""


class Asked(NamedTuple):
    """A suite and how it is answered.

    Attributes:
        suite: one or more tasks.
        method: see `flanrepro.evaluation.answers.METHODS`.
        items: number of items per task; None: all.
        first_sentence: True: what comes behind the answer's first sentence is not read.
    """

    suite: Suite
    method: str
    items: int | None = None
    first_sentence: bool = False


def others() -> dict[str, Asked]:
    """What every run is asked beside its suites, by the score's name."""
    made = {"completion": Asked(_completion(), "decode", first_sentence=True)}
    for name, wording in WORDINGS.items():
        suite = _exam(name, wording)
        made |= {f"own_wording_{name} {how}": Asked(suite, how) for how in ("decode", "rank")}
    return made


def on_operations(trained: Sequence[str], held_out: Sequence[str]) -> dict[str, Asked]:
    """What a run on operations is asked: those that it was trained on, and those held out."""
    made = {"operations_held_out": _operations("held_out", held_out)}
    if trained:  # the untuned model was trained on none
        made["operations_trained"] = _operations("trained", trained)
    return made


def operations() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the operations that may be trained on, in random order, and of those held out.

    The name alone decides, so that a smaller number of operations is part of a larger one.
    """
    names = [t.name for t in load_collection("pocket").tasks.values() if t.source == "niv2"]
    names = sorted(names, key=lambda name: rng.mix(rng.key_of(name)))
    held_out = tuple(name for name in names if rng.mix(rng.key_of(f"held out {name}")) % 10 == 0)
    return tuple(name for name in names if name not in held_out), held_out


def score(name: str, model: Model, asked: Asked) -> dict:
    """The share of right answers, in per cent, as a row of the table."""
    rows = answer_suite(model, asked.suite, shots=0, items=asked.items, method=asked.method)
    right = [row["correct"] for row in rows]
    if asked.first_sentence:
        # A text may go on: what was asked for is its next word.
        right = [row["prediction"].split(".")[0].strip() == row["targets"] for row in rows]
    chances = [1 / len(row["choices"]) for row in rows if row["choices"]]
    return {
        "score": name.split(" ")[0],
        "shots": 0,
        "method": asked.method,
        "value": 100 * sum(right) / len(right),
        "chance": 100 * sum(chances) / len(chances) if chances else None,
        "n": len(right),
    }


def _finished(name: str, records: list[Record]) -> Task:
    """A task of finished prompts."""
    return Task(
        name=name,
        source="evaluation",
        cluster=name,
        load=lambda split: records,
        splits={"validation": len(records)},
        templates="pocket_rendered",
    )


def _completion() -> Suite:
    """Statements of the facts that the exam asks for, up to the value."""
    pairs = [(attribute, thing) for attribute in HELD_OUT for thing in KNOWN]
    chosen = sorted(rng.sample(len(pairs), FACTS, rng.key_of("completion")))
    records = [
        {"inputs": f"the {attribute} of the {thing} is", "answer": fact(attribute, thing)}
        for attribute, thing in (pairs[i] for i in chosen)
    ]
    return Suite("completion", (_finished("completion", records),))


def _exam(name: str, wording: str) -> Suite:
    """The exam's items of profile `quick` in another wording."""
    exam, records = load_collection("pocket").suites["mmlu"], []
    tasks = {task.name: task for task in exam.tasks}
    for item in suite_items(exam, 0, EXAM_ITEMS):
        record = tasks[item.prompt.task].records(item.prompt.split)[item.prompt.record]
        options = record["options"]
        text = wording.format(question=record["question"], options=plain_style().block(options))
        # `choices` are ranked like `options`, and the template does not list them once more.
        records.append({"inputs": text, "answer": record["answer"], "choices": options})
    return Suite(f"exam_{name}", (_finished(f"exam_{name}", records),))


def _operations(name: str, names: Sequence[str]) -> Asked:
    tasks, key = load_collection("pocket").tasks, rng.key_of(f"asked {name}")
    chosen = sorted(sorted(names), key=lambda n: rng.mix(key, rng.key_of(n)))[:TASKS]
    # Few tasks are asked for all of their records, so that a score has items enough.
    items = RECORDS if len(chosen) == TASKS else None
    return Asked(Suite(name, tuple(tasks[n] for n in chosen)), "decode", items)
