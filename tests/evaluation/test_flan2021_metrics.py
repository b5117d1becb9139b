"""FLAN 2021's tables score words, pairs of words, and MultiRC's answer yes."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from flanrepro.collection.clusters import cluster_suite
from flanrepro.evaluation.answers import answer_suite
from flanrepro.evaluation.metrics import f1_yes, item_values, metric_values, task_score
from flanrepro.evaluation.rouge import flan2021_rouge
from flanrepro.evaluation.scores import score
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")


def rows(*pairs: tuple[str, str]) -> list[dict]:
    """Rows as an evaluation gives them, of (expected, predicted) texts."""
    return [
        {"prediction": given, "references": [expected], "correct": given == expected, "group": i}
        for i, (expected, given) in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("the soup is white", "the soup is white", (1, 1, 1)),
        # Five words and four: three in common, one pair of 4 and 3, and a subsequence of three.
        ("ben has the white soup", "ben has a soup", (6 / 9, 2 / 7, 6 / 9)),
        ("cats sat", "the cat sat", (2 / 5, 0, 2 / 5)),  # no stems
        # Lines may stand in another order than words of a whole text.
        ("a b . c d", "c d . a b", (1, 2 / 3, 1)),
        ("", "nothing", (0, 0, 0)),
    ],
)
def test_rouge_is_counted_by_hand(prediction, reference, expected):
    found = flan2021_rouge(prediction, [reference])
    assert tuple(found) == ("rouge_1", "rouge_2", "rouge_l")
    assert tuple(found.values()) == pytest.approx(expected)


def test_rouge_is_the_best_over_the_references():
    assert flan2021_rouge("a b", ["c d", "a b c"])["rouge_1"] == pytest.approx(4 / 5)


def test_multirc_s_f1_is_that_of_yes_and_any_other_answer_is_the_wrong_one():
    pairs = [("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no"), ("yes", "hm"), ("no", "")]
    given = [True, False, True, False, False, True]
    expected = 100 * f1_score([e == "yes" for e, _ in pairs], given)
    assert f1_yes(rows(*pairs)) == pytest.approx(expected)
    assert f1_yes(rows(*pairs)) == pytest.approx(100 * 2 / (2 + 2 + 2))
    assert f1_yes(rows(("no", "no"))) == 0  # there is no yes to find
    assert task_score(POCKET.task("multirc"), rows(*pairs), "flan2021") == (
        "f1_yes",
        f1_yes(rows(*pairs)),
    )


def test_spans_have_f1_and_exact_match_of_words():
    made = rows(("the red fox", "a fox"), ("kitchen", "Kitchen."))
    found = metric_values(POCKET.task("drop"), made, "flan2021")
    assert found == pytest.approx({"accuracy": 0, "f1": 100 * (2 / 3 + 1) / 2, "exact_match": 50})
    assert task_score(POCKET.task("trivia_qa"), made, "flan2021") == ("exact_match", 50)


def test_the_value_of_a_metric_is_the_mean_over_items():
    task, made = POCKET.task("dart"), rows(("a b c", "a b"), ("c d", "c d"))
    values = item_values(task, made)
    found = metric_values(task, made, "flan2021")
    assert list(found) == ["accuracy", "rouge_1", "rouge_2", "rouge_l"]
    for name, of_items in values.items():
        assert of_items.shape == (2,)
        assert found[name] == pytest.approx(100 * np.mean(of_items))
    assert item_values(POCKET.task("rte"), made) == {}


@pytest.mark.parametrize(
    ("cluster", "metrics"),
    [
        ("nli", {"accuracy"}),
        ("reading_comprehension", {"accuracy", "f1", "f1_yes"}),
        ("closed_book_qa", {"accuracy", "exact_match"}),
        ("struct_to_text", {"rouge_1"}),
        ("translation", {"rouge_1"}),
    ],
)
def test_a_clusters_score_is_the_mean_of_its_tasks_own_metrics(cluster, metrics):
    suite = cluster_suite(POCKET, cluster)
    scored = score(suite, 0, answer_suite("majority", suite, shots=0))
    tasks, last = scored[: len(suite.tasks)], scored[-1]
    assert {row["metric"] for row in tasks} == metrics
    assert last["metric"] == (metrics.copy().pop() if len(metrics) == 1 else "several")
    assert last["value"] == pytest.approx(np.mean([row["value"] for row in tasks]))
    for row in tasks:
        assert (row["chance"] is None) is (row["metric"] != "accuracy")
        assert row["standard_error"] >= 0


def test_perfect_answers_have_the_full_score():
    for cluster in ("reading_comprehension", "struct_to_text", "translation"):
        for task in cluster_suite(POCKET, cluster).tasks:
            answers = [record["answer"] for record in task.records("validation")]
            found = metric_values(task, rows(*zip(answers, answers, strict=True)), "flan2021")
            assert found == pytest.approx(dict.fromkeys(found, 100))
