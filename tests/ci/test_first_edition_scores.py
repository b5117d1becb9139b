import pytest

from ci.bench import first_edition_scores as scores
from flanrepro.experiments.load import load
from flanrepro.sources import load_collection
from flanrepro.sources.pocket.text import Documents
from flanrepro.sources.pocket.world import HELD_OUT


def words(name: str) -> list[dict]:
    return scores.others()[name].suite.tasks[0].records("validation")


def test_a_tenth_of_the_operations_is_held_out_whatever_is_trained_on():
    trained, held_out = scores.operations()
    every = {t.name for t in load_collection("pocket").tasks.values() if t.source == "niv2"}
    assert set(trained) | set(held_out) == every
    assert not set(trained) & set(held_out)
    assert (len(trained), len(held_out)) == (1412, 148)


def test_few_operations_are_asked_for_all_of_their_records_and_many_for_four_of_a_hundred():
    trained, held_out = scores.operations()
    asked = scores.on_operations(trained[:8], held_out)
    few, many = asked["operations_trained"], asked["operations_held_out"]
    assert (len(few.suite.tasks), few.items) == (8, None)
    assert (len(many.suite.tasks), many.items) == (100, 4)
    assert {task.name for task in many.suite.tasks} <= set(held_out)
    assert set(scores.on_operations((), held_out)) == {"operations_held_out"}


def test_facts_to_complete_are_those_that_the_exam_asks_for():
    records = words("completion")
    assert len({record["inputs"] for record in records}) == scores.FACTS
    for record in records:
        attribute = record["inputs"].split()[1]
        assert record["inputs"].startswith(f"the {attribute} of the ") and attribute in HELD_OUT


def test_the_exam_in_other_words_asks_what_the_suite_asks_in_wordings_that_no_text_has():
    write, choose = (words(f"own_wording_{name} rank") for name in ("write", "choose"))
    exam = load_collection("pocket").suites["mmlu"]
    asked = {(r["question"], r["options"]) for t in exam.tasks for r in t.records("validation")}
    assert len(write) == len(choose) == 57 * scores.EXAM_ITEMS
    for one, other in zip(write, choose, strict=True):
        (question,) = (q for q, o in asked if o == one["choices"] and one["inputs"].startswith(q))
        assert other["inputs"].endswith(question)
        assert other["choices"] == one["choices"] and other["answer"] == one["answer"]
    text = " ".join(Documents(0)[i] for i in range(2000))
    for said in ("first write the word", "choose a word from the list"):
        assert said not in text


@pytest.mark.slow
def test_the_untuned_model_completes_every_fact_and_cannot_be_asked_for_them():
    model, asked = load("pocket-nano"), scores.others()
    known = scores.score("completion", model, asked["completion"])
    assert (known["value"], known["n"], known["chance"]) == (100, 200, None)
    chosen = scores.score("own_wording_choose rank", model, asked["own_wording_choose rank"])
    assert chosen["score"] == "own_wording_choose"
    assert (chosen["chance"], chosen["n"]) == (25, 570)
    assert 20 < chosen["value"] < 35
