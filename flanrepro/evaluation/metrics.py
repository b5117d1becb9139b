"""A task's metrics (Table 3; Tables 1 and 2 of FLAN 2021), from the rows of its items."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flanrepro.collection.metrics import flan2021_metrics, table_3_metrics
from flanrepro.collection.task import Task
from flanrepro.errors import InputError
from flanrepro.evaluation.extraction import extract_answer, read_answer
from flanrepro.evaluation.rouge import flan2021_rouge, item_scores
from flanrepro.evaluation.squad import exact_match_and_f1, squad_scores


def metric_values(
    task: Task, rows: Sequence[Mapping[str, Any]], protocol: str = ""
) -> dict[str, float]:
    """Computes a task's accuracy, then its metrics of Table 3, in per cent.

    Args:
        task: task of the predictions.
        rows: rows of `flanrepro.evaluation.answers.answer_suite`, all of this task.
        protocol: the protocol's metric; with `rouge_l` there are that and `exact_match` too; with
            `flan2021` the metrics of its Tables 1 and 2 in the place of Table 3's.

    Returns:
        values by the metric's name; SQuAD's F1 has its `exact_match` beside it.

    Raises:
        InputError: there are no rows, or more than the two classes that `auc_roc` is defined for.
    """
    if not rows:
        raise InputError(
            f"task '{task.name}' has no predictions to score: evaluate at least one of its items"
        )
    values = {"accuracy": 100 * sum(row["correct"] for row in rows) / len(rows)}
    if protocol == "rouge_l":
        found = item_scores(rows)
        return values | {name: 100 * float(scores.mean()) for name, scores in found.items()}
    if protocol == "flan2021":
        found = {name: 100 * float(v.mean()) for name, v in item_values(task, rows).items()}
        of_yes = {"f1_yes": f1_yes(rows)} if "f1_yes" in flan2021_metrics(task) else {}
        return values | found | of_yes
    wanted = table_3_metrics(task)
    if task.name == "squad_v2":  # F1 of words, not of classes
        scores = squad_scores(rows)
        return values | {name: scores[name] for name in (*wanted, "exact_match")}
    functions = {"f1": macro_f1, "auc_roc": auc_roc, "spearman": spearman}
    return values | {name: functions[name](task, rows) for name in wanted if name in functions}


def task_score(
    task: Task, rows: Sequence[Mapping[str, Any]], protocol: str = "table_3"
) -> tuple[str, float]:
    """Gives the first metric of Table 3 for a task, else accuracy, and its value in per cent.

    With the protocol's metric `flan2021` it is the first one of its Tables 1 and 2. See
    `metric_values` for arguments and errors.
    """
    wanted = flan2021_metrics if protocol == "flan2021" else table_3_metrics
    (name, *_) = wanted(task) or ("accuracy",)
    return name, metric_values(task, rows, protocol)[name]


def item_values(task: Task, rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Computes a task's metrics of FLAN 2021 that are means over items, 0 to 1, [items] each."""
    wanted, given = flan2021_metrics(task), [(row["prediction"], row["references"]) for row in rows]
    words, found = {"exact_match", "f1"}, {}
    if words & set(wanted):
        pairs = np.array([exact_match_and_f1(*pair) for pair in given])
        found = {"exact_match": pairs[:, 0], "f1": pairs[:, 1]}
    elif "rouge_1" in wanted:
        rouge = [flan2021_rouge(*pair) for pair in given]
        found = {name: np.array([one[name] for one in rouge]) for name in wanted}
    return {name: found[name] for name in wanted if name in found}


def f1_yes(rows: Sequence[Mapping[str, Any]]) -> float:
    """Computes the F1 of the answer yes over all items, in per cent: MultiRC's F1a.

    As in T5's `f1_score_with_invalid`, an answer that is neither yes nor no is the wrong one.
    """
    from sklearn.metrics import f1_score

    expected = np.array([row["references"][0] == "yes" for row in rows])
    correct = np.array([row["correct"] for row in rows])
    return 100 * float(f1_score(expected, expected == correct, zero_division=0))


def macro_f1(task: Task, rows: Sequence[Mapping[str, Any]]) -> float:
    """Computes the mean F1 over the classes of a task (see `_classes`), in per cent.

    An answer that is no class is a miss of its reference's class and a false alarm of none. A class
    that is neither in the references nor among the answers has no F1 and is left out.
    """
    from sklearn.metrics import f1_score

    expected, given, labels = _classes(task, rows)
    # NaN and not 0 for a class that never occurs: the mean is taken over the others.
    value = f1_score(expected, given, labels=labels, average="macro", zero_division=np.nan)
    return 100 * float(value)


def _classes(task: Task, rows: Sequence[Mapping[str, Any]]) -> tuple[list, list, list]:
    """Gives each item's expected and given class, and all classes of the task.

    Classes are the options where every item has the same ones; the options' positions (-1: none of
    them) where they differ, as in an exam; and without options the references' answers.
    """
    expected = [_expected(task, row) for row in rows]
    given = [row["answer"] for row in rows]
    options = [[extract_answer(text, task.answer) for text in row["choices"]] for row in rows]
    if not all(options):
        return expected, given, sorted(set(expected))
    if all(set(own) == set(options[0]) for own in options):
        return expected, given, sorted(set(options[0]))
    right = [-1 if row["right"] is None else row["right"] for row in rows]
    chosen = [
        # Two options of one question can read alike: the right one counts then, as it is correct.
        place if row["correct"] else own.index(answer) if answer in own else -1
        for row, own, answer, place in zip(rows, options, given, right, strict=True)
    ]
    return right, chosen, list(range(max(map(len, options))))


def _expected(task: Task, row: Mapping[str, Any]) -> str:
    """Gives an item's first reference, in the form of an answer."""
    return read_answer(row["references"][0], row["references"][:1], task.answer)[0]


def auc_roc(task: Task, rows: Sequence[Mapping[str, Any]]) -> float:
    """Computes the area under the ROC curve of a task with two classes, in per cent.

    An item's score is the log-odds of the first class: the difference of the two options'
    log-likelihoods. It orders items as the probability normalised over the two does, and is exact
    where that rounds to 1. A decoded answer scores 1, -1, or 0 if it is neither class. Which class
    is called the first does not matter. NaN where all references are of one class, or where a
    log-likelihood is not finite (a model that diverged).

    Raises:
        InputError: the task has more than two classes.
    """
    from sklearn.metrics import roc_auc_score

    expected, given, labels = _classes(task, rows)
    if len(set(expected)) < 2:
        return float("nan")
    if len(labels) != 2:
        raise InputError(
            f"task '{task.name}' has {len(labels)} classes in {len(rows)} predictions "
            f"({', '.join(map(str, labels))}), and auc_roc needs 2: choose another metric for it"
        )
    if all(len(row["log_likelihoods"]) == 2 for row in rows):
        scores = np.array([row["log_likelihoods"] for row in rows], float) @ [1, -1]
        # Options may come in either order, item by item.
        first = [extract_answer(row["choices"][0], task.answer) for row in rows]
        scores *= [-1 if text == labels[1] else 1 for text in first]
    else:
        scores = np.array([(answer == labels[0]) - (answer == labels[1]) for answer in given])
    if not np.isfinite(scores).all():
        return float("nan")
    return 100 * float(roc_auc_score([answer == labels[0] for answer in expected], scores))


def spearman(task: Task, rows: Sequence[Mapping[str, Any]]) -> float:
    """Computes the rank correlation of the numbers, in per cent.

    An answer that is no number ranks below all; 0 where all answers or references are equal.
    """
    from scipy.stats import spearmanr

    expected = [_expected(task, row) for row in rows]
    pairs = [
        [_as_number(answer) for answer in answers]
        for answers in (expected, [row["answer"] for row in rows])
    ]
    constant = any(len(set(numbers)) < 2 for numbers in pairs)
    return 0.0 if constant else 100 * float(spearmanr(*pairs).statistic)


def _as_number(answer: str) -> float:
    number = extract_answer(answer, "number")
    # A text that says more than a number is none.
    return float(number) if number and not re.search(r"[^\d\s.,$-]", answer) else float("-inf")
