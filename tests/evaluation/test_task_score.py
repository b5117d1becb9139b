import pytest
from sklearn.metrics import f1_score

from flanrepro.errors import InputError
from flanrepro.evaluation.extraction import extract_answer
from flanrepro.evaluation.metrics import metric_values, task_score
from flanrepro.sources import load_collection
from flanrepro.sources.flan2022.flan2021_records import UNANSWERABLE


def predictions(task, pairs, choices=()):
    """Rows as an evaluation gives them, of (expected, predicted) texts."""
    return [
        {
            "targets": expected,
            "prediction": given,
            "answer": extract_answer(given, task.answer),
            "correct": extract_answer(given, task.answer) == extract_answer(expected, task.answer),
            "choices": list(choices),
            "right": choices.index(expected) if choices else None,
            "log_likelihoods": [],
            "references": [] if expected == UNANSWERABLE else [expected],
        }
        for expected, given in pairs
    ]


def score(name, pairs, choices=()):
    task = load_collection("pocket").task(name)
    return task_score(task, predictions(task, pairs, choices))


def test_accuracy_where_table_3_says_so_or_nothing():
    pairs = [("yes", "yes"), ("no", "yes"), ("maybe", "maybe"), ("no", "No.")]
    assert score("wanli", pairs) == ("accuracy", 75.0)
    assert score("cola", [("yes", "no"), ("no", "no")]) == ("accuracy", 50.0)


def test_f1_is_the_mean_over_the_classes_of_the_task():
    pairs = [("yes", "yes"), ("yes", "yes"), ("no", "yes"), ("maybe", "no"), ("yes", "perhaps")]
    options = ("yes", "no", "maybe")
    expected = f1_score(*zip(*pairs, strict=True), labels=options, average="macro", zero_division=0)
    name, value = score("pubmedqa", pairs, options)
    assert name == "f1"
    assert value == pytest.approx(100 * expected)
    # By hand: yes has two of three found among three said; the others have none right.
    assert value == pytest.approx(100 * (2 / 3) / 3)


def test_auc_where_a_task_has_two_classes():
    pairs = [("yes", "yes"), ("yes", "no"), ("no", "no"), ("no", "no")]
    # By hand, of 4 pairs of a yes and a no: two in order and two equal.
    assert score("bool_q", pairs, ("yes", "no")) == ("auc_roc", 75.0)
    assert score("rte", pairs, ("yes", "no")) == ("auc_roc", 75.0)


def test_squad_scores_the_words_of_spans():
    pairs = [("red fox", "the fox"), (UNANSWERABLE, "Unanswerable."), ("spade", UNANSWERABLE)]
    name, value = score("squad_v2", pairs)
    assert name == "f1"
    assert value == pytest.approx(100 * (2 / 3 + 1 + 0) / 3)


def test_every_metric_of_a_task_stands_beside_accuracy():
    collection, yes_no = load_collection("pocket"), ("yes", "no")

    def values(name, pairs, choices=()):
        task = collection.task(name)
        return metric_values(task, predictions(task, pairs, choices))

    assert values("wanli", [("yes", "yes"), ("no", "yes")], yes_no) == {"accuracy": 50}
    found = values("bool_q", [("yes", "yes"), ("no", "yes"), ("no", "no")], yes_no)
    assert found == pytest.approx({"accuracy": 200 / 3, "auc_roc": 75})
    found = values("squad_v2", [("red fox", "fox"), ("spade", "the spade")])
    assert found == pytest.approx({"accuracy": 0, "f1": 100 * 5 / 6, "exact_match": 50})
    assert values("cxc", [("0", "1"), ("1", "3"), ("3", "2")]) == pytest.approx(
        {"accuracy": 0, "spearman": 50}
    )


@pytest.mark.parametrize(
    "name", ["anli_r1", "unified_qa_science_inst", "pubmedqa", "bool_q", "rte", "squad_v2", "cxc"]
)
def test_perfect_answers_have_the_full_score_on_the_real_options_of_a_task(name):
    task = load_collection("pocket").task(name)
    rows = []
    for record in task.records("validation"):
        options = tuple(filter(None, record.get("options", "").split("\n")))
        rows += predictions(task, [(record["answer"], record["answer"])], options)
    assert metric_values(task, rows) == pytest.approx(dict.fromkeys(metric_values(task, rows), 100))


def test_a_target_with_few_records_has_the_metric_of_the_one_with_many():
    pairs = [("0", "0"), ("1", "2"), ("3", "3")]
    assert score("cxc_small", pairs) == score("cxc", pairs)


def test_spearman_ranks_an_answer_that_is_no_number_below_all():
    assert score("cxc", [("0", "0"), ("1", "1"), ("2", "2"), ("3", "3")]) == ("spearman", 100.0)
    assert score("cxc", [("0", "3"), ("1", "2"), ("2", "1"), ("3", "0")]) == ("spearman", -100.0)
    _, value = score("cxc", [("0", "what?"), ("1", "1"), ("2", "2"), ("3", "3")])
    assert value == pytest.approx(100.0)


def test_spearman_of_one_and_the_same_answer_is_nothing():
    assert score("cxc", [("0", "1"), ("1", "1"), ("3", "1")]) == ("spearman", 0.0)


def test_no_predictions_are_refused():
    with pytest.raises(InputError, match="task 'wanli' has no predictions to score"):
        score("wanli", [])
