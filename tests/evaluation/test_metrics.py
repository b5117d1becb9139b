import pytest

from flanrepro.collection.task import Task
from flanrepro.evaluation.metrics import chance, extract_answer, is_correct


def task(answer: str = "text", options: tuple[str, ...] = ()) -> Task:
    records = [{"options": block} if block else {} for block in options]
    return Task(
        name="made",
        source="evaluation",
        cluster="made",
        load=lambda split: records,
        splits={"test": len(records)},
        templates="cot",
        answer=answer,
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("72", "72"),
        ("72.0", "72"),
        ("72.50", "72.5"),
        ("100", "100"),
        ("1,234,567", "1234567"),
        ("it costs $1,234.50.", "1234.5"),
        ("-3", "-3"),
        (".5", "0.5"),
        ("0", "0"),
        ("3 and 4 is 7.", "7"),
        ("3 and 4 is 7. the answer is 8.", "8"),
        ("The answer is 8 apples and 2 pears", "8"),
        ("the answer is 5. no, the answer is 6.", "6"),
        ("7 it is. the answer is", ""),
        ("none", ""),
        ("", ""),
    ],
)
def test_a_number_is_read(text, answer):
    assert extract_answer(text, "number") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("(B)", "B"),
        ("(b) the dog", "B"),
        ("the answer is (C).", "C"),
        ("(A) is wrong, so the answer is (D)", "D"),
        ("The Dog.", "the dog"),
        ("", ""),
    ],
)
def test_an_option_is_read(text, answer):
    assert extract_answer(text, "option") == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("No.", "no"),
        (" yes ", "yes"),
        ("'Yes!'", "yes"),
        ("the  red\nfox", "the red fox"),
        ("all birds fly. the answer is no.", "no"),
        ("well-known", "well-known"),
        ("...", ""),
        ("", ""),
        ("] )", "] )"),
        ("from the end: ( [. the answer is ] ) >.", "] ) >"),
        ("(no)", "no"),
    ],
)
def test_words_are_read(text, answer):
    assert extract_answer(text, "text") == answer


@pytest.mark.parametrize(
    ("prediction", "target", "kind", "correct"),
    [
        ("so the answer is 1,000.", "1000.0", "number", True),
        ("1001", "1000", "number", False),
        ("No.", "no", "text", True),
        ("not", "no", "text", False),
        ("(a)", "(A)", "option", True),
        ("(A)", "(B)", "option", False),
        ("", "no", "text", False),
    ],
)
def test_answers_are_compared_not_texts(prediction, target, kind, correct):
    assert is_correct(prediction, target, task(kind)) is correct


@pytest.mark.parametrize("kind", ["text", "number", "option"])
@pytest.mark.parametrize("prediction", ["", "...", "none"])
def test_a_reference_without_an_answer_is_matched_by_nothing(prediction, kind):
    assert not is_correct(prediction, "...", task(kind))


def test_chance_is_that_of_picking_an_option_at_random():
    made = task(options=("yes\nno", "a\nb\nc\nd", ""))
    assert chance(made, "test", [0, 1]) == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert chance(made, "test", [0, 1, 2]) == pytest.approx((1 / 2 + 1 / 4 + 0) / 3)
    assert chance(made, "test", [2]) == 0
