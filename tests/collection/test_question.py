import pytest

from flanrepro.collection.question import of_record, options_in, typed, typed_after_exemplars
from flanrepro.collection.suites import suite_items
from flanrepro.collection.task import Protocol, Suite
from flanrepro.errors import InputError
from flanrepro.sources import load_collection


@pytest.fixture(scope="module")
def rte() -> Suite:
    return Suite("rte", (load_collection("pocket").task("rte"),), "validation", Protocol())


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Is it?\nOPTIONS:\n- yes\n- no", ("yes", "no")),
        ("is it? options: - yes, it is - no", ("yes, it is", "no")),
        ("is it?\nOptions:\n- the well-known cow\n- no\nanswer:", ("the well-known cow", "no")),
        ("a\nOptions:\n- b\n- c\nAnswer: b\n\nd\nOptions:\n- e\n- f", ("e", "f")),
        ("What options are there?", ()),
        ("is it? options: yes or no", ()),
    ],
)
def test_options_are_read_where_the_text_lists_them_last(text, options):
    assert options_in(text) == options
    assert typed(text).options == options


def test_given_options_are_listed_as_prompts_list_them(rte):
    asked = typed("is it? ", ("yes", " no"))
    assert (asked.prompt.inputs, asked.options) == ("is it?\nOptions:\n- yes\n- no", ("yes", "no"))
    assert options_in(of_record(rte, 0).prompt.inputs) == of_record(rte, 0).options


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_question_is_one_sentence(text, rte):
    for ask in (typed, lambda text: typed_after_exemplars(rte, text, 2)):
        with pytest.raises(InputError, match="the question is empty: type what"):
            ask(text)


@pytest.mark.parametrize("options", [("yes",), ("yes", "yes"), ("yes", "")])
def test_options_that_are_no_choice_are_one_sentence(options):
    with pytest.raises(InputError, match="expected at least two different ones"):
        typed("is it?", options)


def test_options_are_given_once():
    with pytest.raises(InputError, match="lists the options yes, no itself: leave the others out"):
        typed("is it? options: - yes - no", ("a", "b"))


def test_a_record_is_asked_as_its_suite_asks_it(rte):
    for shots in (0, 3):
        for i, item in enumerate(suite_items(rte, shots)[:20]):
            asked = of_record(rte, i, shots)
            assert asked.prompt == item.prompt
            assert (asked.options, asked.references) == (item.choices, item.references)


def test_a_template_is_chosen_by_name(rte):
    plain, other = of_record(rte, 5), of_record(rte, 5, template="can_we_say_that")
    assert other.prompt.template == "can_we_say_that"
    assert other.prompt.inputs != plain.prompt.inputs
    assert "Options:" not in of_record(rte, 5, options=False).prompt.inputs


def test_a_typed_question_comes_after_the_exemplars_of_the_first_record(rte):
    typed_one = typed_after_exemplars(rte, "is the cow inside?", 2, ("yes", "no")).prompt
    first = of_record(rte, 0, 2).prompt
    assert typed_one.exemplars == first.exemplars and len(first.exemplars) == 2
    own = of_record(rte, 0).prompt.inputs
    before = first.inputs[: first.inputs.index(own)]
    after = first.inputs[len(before) + len(own) :]
    assert typed_one.inputs == f"{before}is the cow inside?\nOptions:\n- yes\n- no{after}"


def test_braces_in_a_typed_question_are_no_fields(rte):
    assert "{cow} {options}?" in typed_after_exemplars(rte, "{cow} {options}?", 1).prompt.inputs


def test_a_task_s_instruction_stands_before_the_question():
    pocket = load_collection("pocket")
    task = next(task for task in pocket.tasks.values() if task.source == "niv2")
    asked = typed_after_exemplars(Suite("niv2", (task,)), "the cow", 0)
    definition = task.records("validation")[0]["definition"]
    assert definition in asked.prompt.inputs and asked.prompt.inputs.endswith("the cow")


def test_what_a_task_has_not_is_one_sentence(rte):
    with pytest.raises(InputError, match="no record 9999 in its split 'validation': expected 0"):
        of_record(rte, 9999)
    with pytest.raises(
        InputError, match=r"no template 'nice' .* one of premise_hypothesis_does_it"
    ):
        of_record(rte, 0, template="nice")
    with pytest.raises(InputError, match=r"training records, too few for 100000 exemplars"):
        of_record(rte, 0, 100_000)
    with pytest.raises(InputError, match=r"training records, too few for 100000 exemplars"):
        typed_after_exemplars(rte, "is it?", 100_000)
