import pytest
from sklearn.metrics import f1_score

from flanrepro.collection import load_collection
from flanrepro.evaluation.metrics import extract_answer, task_score


def predictions(task, pairs):
    """Rows as an evaluation gives them, of (expected, predicted) texts."""
    return [
        {
            "targets": expected,
            "answer": extract_answer(given, task.answer),
            "correct": extract_answer(given, task.answer) == extract_answer(expected, task.answer),
        }
        for expected, given in pairs
    ]


def score(name, pairs):
    task = load_collection("pocket").task(name)
    return task_score(task, predictions(task, pairs))


def test_accuracy_where_table_3_says_so_or_nothing():
    pairs = [("yes", "yes"), ("no", "yes"), ("maybe", "maybe"), ("no", "No.")]
    assert score("wanli", pairs) == ("accuracy", 75.0)
    assert score("cola", [("yes", "no"), ("no", "no")]) == ("accuracy", 50.0)


def test_f1_is_the_mean_over_the_classes_of_the_references():
    pairs = [("yes", "yes"), ("yes", "yes"), ("no", "yes"), ("maybe", "no"), ("yes", "perhaps")]
    expected = f1_score(
        *zip(*pairs, strict=True), labels=["maybe", "no", "yes"], average="macro", zero_division=0
    )
    name, value = score("pubmedqa", pairs)
    assert name == "f1"
    assert value == pytest.approx(100 * expected)
    # By hand: yes has two of three found among three said; the others have none right.
    assert value == pytest.approx(100 * (2 / 3) / 3)


def test_spearman_ranks_an_answer_that_is_no_number_below_all():
    assert score("cxc", [("0", "0"), ("1", "1"), ("2", "2"), ("3", "3")]) == ("spearman", 100.0)
    assert score("cxc", [("0", "3"), ("1", "2"), ("2", "1"), ("3", "0")]) == ("spearman", -100.0)
    _, value = score("cxc", [("0", "what?"), ("1", "1"), ("2", "2"), ("3", "3")])
    assert value == pytest.approx(100.0)


def test_spearman_of_one_and_the_same_answer_is_nothing():
    assert score("cxc", [("0", "1"), ("1", "1"), ("3", "1")]) == ("spearman", 0.0)
