"""SQuAD 2.0's scores against the official script's.

Numbers are those of `evaluate-v2.0.py` (rajpurkar.github.io/SQuAD-explorer), as copied in
qwang70/bert at b3797fb; the copy in LowZhangBao/R-NET-for-pytorch prints the same.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flanrepro.collection.suites import references
from flanrepro.evaluation.extraction import read_answer
from flanrepro.evaluation.squad import exact_match_and_f1, squad_scores, words
from flanrepro.sources.flan2022.flan2021_records import UNANSWERABLE, squad


@pytest.mark.parametrize(
    ("prediction", "references", "exact_match", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos"], 1, 1),
        ("the DENVER broncos.", ["Denver Broncos"], 1, 1),
        ("Denver", ["Denver Broncos"], 0, 2 / 3),
        ("Denver Denver Broncos", ["Denver Broncos", "Broncos"], 0, 0.8),
        ("in the 10th and 11th centuries", ["10th and 11th centuries"], 0, 0.888888888888889),
        ("U.S.", ["US"], 1, 1),
        ("the-cat", ["cat"], 0, 0),
        ("a\u00a0theatre", ["theatre"], 1, 1),
        ("“Rollo”", ["Rollo"], 0, 0),
        ("cat—a—dog", ["cat— —dog"], 1, 1),
        ("The", ["An"], 1, 1),
        ("The", ["the", "Rollo"], 0, 0),
        ("Rollo", ["...", "Rollo"], 1, 1),
        ("", ["Rollo"], 0, 0),
        ("", [], 1, 1),
        ("an !", [], 1, 1),
        ("Rollo", [], 0, 0),
    ],
)
def test_a_question_scores_as_in_the_official_script(prediction, references, exact_match, f1):
    assert exact_match_and_f1(prediction, references) == pytest.approx((exact_match, f1), abs=1e-12)


@pytest.mark.parametrize("text", [UNANSWERABLE, "Unanswerable.", " the UNANSWERABLE ", "", "..."])
def test_saying_so_is_the_answer_to_a_question_without_one(text):
    assert exact_match_and_f1(text, []) == (1, 1)
    assert exact_match_and_f1(text, ["Rollo"]) == (0, 0)


def made_up(i, context, golds, previous):
    """A prediction by a rule on the question's number."""
    last = golds[-1] if golds else ""
    return (
        golds[0] if golds else "",
        f'The "{last.upper()}" , an!' if golds else " The. ",
        " ".join(context.split()[:3]),
        "",
        previous[0] if previous else "",
        f"{last} and so on",
    )[i % 6]


@pytest.mark.parametrize("nothing", ["", UNANSWERABLE])
def test_the_development_set_scores_as_the_official_script_prints(mirror, nothing):
    articles = json.loads((mirror / "squad_v2" / "dev-v2.0.json").read_text("utf-8"))["data"]
    asked = [
        (paragraph["context"], [answer["text"] for answer in question["answers"]])
        for article in articles
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]
    rows = [
        {"prediction": made_up(i, context, golds, asked[i - 1][1]) or nothing, "references": golds}
        for i, (context, golds) in enumerate(asked)
    ]
    assert len(rows) == 6078
    assert sum(bool(row["references"]) for row in rows) == 2910
    assert squad_scores(rows) == pytest.approx(
        {
            "exact_match": 49.06219151036525,
            "f1": 54.260300111495646,
            "answerable_exact_match": 33.57388316151203,
            "answerable_f1": 44.43096360057402,
            "unanswerable_exact_match": 63.28914141414141,
            "unanswerable_f1": 63.28914141414141,
        },
        abs=1e-9,
    )
    # The accuracy beside it is of all references, too.
    accepted = [
        squad({"title": "", "context": "", "question": "", "answers": {"text": golds}})
        for _, golds in asked
    ]
    right = [
        read_answer(row["prediction"], references(record), "span")[1]
        for row, (record,) in zip(rows, accepted, strict=True)
    ]
    assert 100 * sum(right) / len(right) == pytest.approx(49.06219151036525, abs=1e-9)


VOCABULARY = st.sampled_from(["the", "A", "cat", "Cat,", "dog", "an", "no-one", "42", "!", ""])
TEXT = st.lists(VOCABULARY, max_size=5).map(" ".join)


@given(TEXT, st.lists(TEXT, max_size=4))
@settings(max_examples=200, deadline=None)
def test_f1_is_the_harmonic_mean_of_precision_and_recall_of_words(prediction, references):
    def by_hand(reference):
        rest, expected, common = words(reference), words(reference), 0
        for word in words(prediction):
            if word in rest:
                rest.remove(word)
                common += 1
        if not words(prediction) or not expected:
            return float(words(prediction) == expected)
        precision, recall = common / len(words(prediction)), common / len(expected)
        return 2 * precision * recall / (precision + recall) if common else 0.0

    expected = [text for text in references if words(text)] or [""]
    exact_match, f1 = exact_match_and_f1(prediction, references)
    assert f1 == pytest.approx(max(map(by_hand, expected)), abs=1e-12)
    assert exact_match == any(words(text) == words(prediction) for text in expected)


def test_only_the_kinds_of_questions_that_there_are_have_scores():
    rows = [{"prediction": "a cat", "references": ["cat", "dog"]}]
    assert set(squad_scores(rows)) == {
        "exact_match",
        "f1",
        "answerable_exact_match",
        "answerable_f1",
    }
