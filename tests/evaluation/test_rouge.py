import pytest

from flanrepro.collection.task import Protocol, Suite
from flanrepro.evaluation.metrics import metric_values
from flanrepro.evaluation.rouge import exact_match, item_scores, rouge_l
from flanrepro.evaluation.scores import score
from flanrepro.sources import load_collection

# What src/compute_metrics.py of Tk-Instruct (at 7c0e400) gives for each pair alone, in per cent.
THEIRS = [
    ("The cats were sitting on the mat.", ["A cat sat", "the cat sits on a mat"], 76.9231, 0),
    ("yes", ["Yes."], 100, 100),
    ("Yes, it is", ["yes", "no"], 50, 0),
    ("", ["nothing"], 0, 0),
    ("running quickly", ["run quick", "runs"], 66.6667, 0),
    ("3.5 apples!", ["3 5 apple"], 100, 0),
    ("ありがとう", ["ありがとう"], 0, 100),
    ("b a c d", ["a b c d e"], 66.6667, 0),
    ("the  answer\nis: U.S.", ["answer is us"], 50, 0),
]  # fmt: skip
ROWS = [
    {"prediction": prediction, "references": references} for prediction, references, *_ in THEIRS
]


@pytest.mark.parametrize(("prediction", "references", "rouge", "exact"), THEIRS)
def test_both_metrics_are_those_of_the_authors_script(prediction, references, rouge, exact):
    assert round(100 * rouge_l(prediction, references), 4) == rouge
    assert 100 * exact_match(prediction, references) == exact


def test_the_mean_over_items_is_theirs():
    means = {name: round(100 * scores.mean(), 4) for name, scores in item_scores(ROWS).items()}
    assert means == {"rouge_l": 56.6952, "exact_match": 22.2222}


def test_rouge_is_unknown_where_references_have_no_words_of_its_alphabet():
    rows = [{"prediction": "はい", "references": ["はい"]}] * 3 + ROWS[:1]
    scores = item_scores(rows)
    assert all(scores["rouge_l"] != scores["rouge_l"])  # NaN
    assert scores["exact_match"].tolist() == [1, 1, 1, 0]


def test_a_suite_with_that_protocol_has_rouge_as_its_score_and_exact_match_beside_it():
    task = load_collection("pocket").tasks["sst2"]
    own = {"task": task.name, "method": "decode", "correct": False, "shortened": 0, "cut": 0}
    rows = [
        {**row, **own, "choices": [], "group": str(i), "unit": task.name}
        for i, row in enumerate(ROWS)
    ]
    assert list(metric_values(task, rows, "rouge_l")) == ["accuracy", "rouge_l", "exact_match"]
    scored = score(Suite("made", (task,), protocol=Protocol(metric="rouge_l")), 2, rows)
    assert [(row["level"], row["metric"], round(row["value"], 4)) for row in scored] == [
        ("task", "rouge_l", 56.6952),
        ("task", "accuracy", 0),
        ("task", "exact_match", 22.2222),
        ("suite", "rouge_l", 56.6952),
    ]
    assert scored[0]["chance"] is None
    assert 5 < scored[0]["standard_error"] < 15
