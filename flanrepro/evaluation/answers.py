"""A model's answers to a suite: a row per item."""

import itertools
import warnings
from collections.abc import Mapping, Sequence

from flanrepro.collection.suites import Item, suite_items
from flanrepro.collection.task import Suite, Task
from flanrepro.errors import InputError
from flanrepro.evaluation import baselines, predict
from flanrepro.evaluation.batches import Asked, encode_items
from flanrepro.evaluation.extraction import read_answer
from flanrepro.evaluation.programs import passed, program_of
from flanrepro.evaluation.sayable import loss
from flanrepro.model.model import Model

METHODS = ("decode", "rank", "rank_per_token")
"""Ways to an answer: generated text, the likeliest option, or the likeliest option per token."""

UNSAID = 0.05
"""Share of a task's items from which `UnsaidAnswers` names it: about a point of most suites."""


class UnsaidAnswers(UserWarning):
    """Warns of right answers that a model's vocabulary cannot say."""


def answer_suite(
    model: Model | str,
    suite: Suite,
    *,
    shots: int,
    items: int | None = None,
    method: str = "",
    inputs_length: int | None = None,
    targets_length: int | None = None,
) -> list[dict]:
    """Answers a suite's prompts.

    Args:
        model: model to evaluate, or the name of a baseline, see `flanrepro.evaluation.baselines`.
        suite, shots, items: see `flanrepro.collection.suites.suite_prompts`.
        method: one of `METHODS`; empty: the suite's protocol's. Items without options are decoded.
        inputs_length, targets_length: number of tokens; None: the protocol's. A prompt that is too
            long loses exemplars, whole, until it fits (`exemplars` and `shortened` say so).

    Returns:
        one row per item: the prompt with its provenance, the answer, and if it is `correct`.

    Raises:
        InputError: the method is unknown; or see `suite_prompts` and `encode_items`.
    """
    method = method or suite.protocol.method
    if method not in METHODS:
        raise InputError(f"unknown method '{method}': choose one of {', '.join(METHODS)}")
    asked = suite_items(suite, shots, items)
    if isinstance(model, str):
        put, answers = [Asked(item.prompt, []) for item in asked], _guesses(model, asked)
    else:
        _warn_of_unsaid(model, asked, {task.name: task for task in suite.tasks}, method)
        longest = inputs_length or suite.protocol.inputs_length
        put = encode_items(asked, suite, model.vocabulary, longest)
        length = targets_length or suite.protocol.targets_length
        answers = _answers(model, asked, [one.ids for one in put], method, length)
    return _rows(suite, asked, put, answers)


def answered(suite: Suite, asked: Sequence[Item], predictions: Sequence[str]) -> list[dict]:
    """The rows of `answer_suite` for predictions that are kept as text alone.

    Args:
        suite: suite of the items, answered by its protocol's method.
        asked: items of `flanrepro.collection.suites.suite_items`.
        predictions: the answer to each item, or the option that was the likeliest.

    Returns:
        rows that give `flanrepro.evaluation.scores.score` the same accuracies. Log-likelihoods are
        empty, so that an AUC-ROC is that of the answers; `shortened` and `cut` are 0, since they
        depend on a vocabulary.
    """
    put = [Asked(item.prompt, []) for item in asked]
    answers = [
        _DECODED
        | {"prediction": text, "method": suite.protocol.method if item.choices else "decode"}
        for item, text in zip(asked, predictions, strict=True)
    ]
    return _rows(suite, asked, put, answers)


def _rows(
    suite: Suite, asked: Sequence[Item], put: Sequence[Asked], answers: Sequence[dict]
) -> list[dict]:
    tasks = {task.name: task for task in suite.tasks}
    rows = [
        _row(suite, tasks[item.prompt.task], item, *given)
        for item, *given in zip(asked, put, answers, strict=True)
    ]
    return _run(asked, rows) if suite.protocol.metric == "pass_at_1" else rows


def _warn_of_unsaid(
    model: Model, asked: Sequence[Item], tasks: Mapping[str, Task], method: str
) -> None:
    """Warns of tasks that a perfect model would get wrong for the vocabulary's sake."""
    decoded = [item for item in asked if method == "decode" or not item.choices]
    said = []
    for name, group in itertools.groupby(decoded, key=lambda item: item.prompt.task):
        items = list(group)
        found = loss(
            model.vocabulary,
            [],
            [item.prompt.targets for item in items],
            [item.references for item in items],
            tasks[name].answer,
        )
        if found.wrong / len(items) >= UNSAID:
            said.append(f"{name} {found.wrong} of {len(items)}")
    if said:
        warnings.warn(
            f"the vocabulary of {model.name} cannot say all right answers, which count as wrong "
            f"whatever the model learned: {', '.join(said)} (`flanrepro data said` counts what)",
            UnsaidAnswers,
            stacklevel=4,
        )


def _run(asked: Sequence[Item], rows: list[dict]) -> list[dict]:
    """Runs each item's program; the rows that pass are the correct ones."""
    if untested := [item.prompt.task for item in asked if not item.tests]:
        raise InputError(
            f"task '{untested[0]}' has no tests to run a program against: expected mbpp or "
            f"humaneval, or a protocol with another metric than pass_at_1"
        )
    programs = [
        program_of(item.head, row["prediction"], item.tests)
        for item, row in zip(asked, rows, strict=True)
    ]
    return [row | {"correct": ok} for row, ok in zip(rows, passed(programs), strict=True)]


def _answers(
    model: Model, asked: Sequence[Item], ids: Sequence[list[int]], method: str, length: int
) -> list[dict]:
    """Gives each item's prediction and method, and its options' log-likelihoods if it is ranked."""
    answers = [dict(_DECODED) for _ in asked]
    ranked = [i for i, item in enumerate(asked) if method != "decode" and item.choices]
    scored = predict.rank(model, [ids[i] for i in ranked], [asked[i].choices for i in ranked])
    for i, options in zip(ranked, scored, strict=True):
        chosen = asked[i].choices[options.best(method == "rank_per_token")]
        answers[i] = {"prediction": chosen, "method": method, **vars(options)}
    # The items without options, or all of them.
    rest = sorted(set(range(len(asked))) - set(ranked))
    for i, text in zip(rest, predict.decode(model, [ids[i] for i in rest], length), strict=True):
        answers[i]["prediction"] = text
    return answers


_DECODED = {"prediction": "", "method": "decode", "log_likelihoods": [], "tokens": []}


def _guesses(name: str, asked: Sequence[Item]) -> list[dict]:
    known = [
        (item.prompt.task, item.prompt.record, item.choices, item.right, item.references[0])
        for item in asked
    ]
    texts = baselines.predict(name, known)
    return [{**_DECODED, "prediction": text, "method": name} for text in texts]


def _row(suite: Suite, task: Task, item: Item, asked: Asked, answer: dict) -> dict:
    prompt = asked.prompt
    read, correct = read_answer(answer["prediction"], item.references, task.answer)
    if item.choices and answer["method"] != "decode" and len(item.references) == 1:
        # By text, not by position: options that read alike are all right.
        correct = answer["prediction"] == item.choices[item.right]
    return {
        **prompt.provenance(),
        "inputs": prompt.inputs,
        "targets": prompt.targets,
        "references": list(item.references),
        "choices": list(item.choices),
        "right": item.right,
        "group": item.group,
        "unit": suite.unit_of(task),
        **answer,
        "answer": read,
        "correct": correct,
        "shortened": asked.shortened,
        "cut": asked.cut,
    }
