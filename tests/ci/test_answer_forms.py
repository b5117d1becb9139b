from ci.bench.answer_forms import forms


def test_an_answer_is_a_letter_a_word_or_a_chain():
    items = [
        {"targets": "B", "prediction": " (b). ", "correct": True},
        {"targets": "gold", "prediction": "b", "correct": False},
        {"targets": "A", "prediction": "the list: dan leo. so dan.", "correct": False},
    ]
    found = forms(items)
    assert found["asked"].tolist() == ["letter", "word", "letter"]
    assert found["said"].tolist() == ["letter", "letter", "chain"]
    assert found["right"].tolist() == [True, False, False]
