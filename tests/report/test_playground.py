"""The playground's widgets, driven as a reader drives them, without a front end."""

import subprocess
import sys

import pytest

from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.experiments.ask import WORLD, answers, unknown_words
from flanrepro.experiments.load import load
from flanrepro.report import playground as module
from flanrepro.report.playground import SPELLED, WRITTEN, Playground, page, question, tokens
from flanrepro.report.talk import IN_POCKETS_WORDS
from flanrepro.sources import load_collection


@pytest.fixture(scope="module")
def models() -> dict:
    return {"before": load("pocket-nano"), "after": load("pocket-nano-tuned")}


@pytest.fixture
def made(models) -> Playground:
    return module.playground(load_collection("pocket"), models)


def test_a_typed_question_is_answered_by_both_models(made, models):
    made.text.value, made.choices.value = "the cow is in the barn. is it inside?", "yes|no"
    made.ask.click()
    for row in answers(models, question(made)).to_dict("records"):
        assert f"<b>{row['model']}</b></td>" in made.shown.value
        assert f"</span> {row['p(yes)']:.1%}</div>" in made.shown.value
    assert WORLD in made.shown.value and "Options:\n- yes\n- no" in made.shown.value
    assert "with loss" not in made.shown.value  # nobody said what is right


def test_a_task_fills_in_its_record_in_the_chosen_template(made):
    made.task.value = "sst2"
    task = made.collection.task("sst2")
    assert made.text.value.startswith(f"review: {task.records('validation')[0]['review']}")
    assert made.record.max == task.size("validation") - 1
    made.record.value = 5
    made.template.value = made.template.options[2]
    asked = question(made).prompt
    assert (asked.record, asked.template) == (5, made.template.options[2])
    assert asked.inputs == made.text.value
    made.options.value = False
    assert "Options:" not in made.text.value
    made.ask.click()
    answer = task.records("validation")[5]["answer"]
    assert f"Accepted: <b>{answer}</b>" in made.shown.value
    assert "To be written, with loss:" in made.shown.value


def test_exemplars_stand_before_a_record_and_before_a_text_that_was_changed(made):
    made.task.value, made.setting.value = "sst2", 2
    recorded = question(made)
    made.text.value = "ben saw the dog. was it good?"
    changed = question(made)
    assert len(recorded.prompt.exemplars) == len(changed.prompt.exemplars) == 2
    assert recorded.references and not changed.references
    assert "ben saw the dog. was it good?" in changed.prompt.inputs


def test_an_example_of_the_talk_is_a_typed_question(made):
    made.task.value = "sst2"
    made.talk.index = 1
    (text, *_), *_ = IN_POCKETS_WORDS.values()
    assert (made.task.value, made.text.value) == ("", text)
    assert question(made).options == ("positive", "negative")
    assert made.template.options == ("",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"text": " "}, "the question is empty"),
        ({"text": "cow " * 300}, "has 301 tokens in the vocabulary"),
        ({"text": "a", "choices": "yes"}, "expected at least two different ones"),
        ({"task": "nothing_like_it"}, "has no task &#x27;nothing_like_it&#x27;"),
        ({"task": "mmlu"}, "has no task &#x27;mmlu&#x27;"),
    ],
)
def test_bad_input_is_one_sentence_in_the_place_of_the_answer(made, change, sentence):
    for name, value in change.items():
        getattr(made, name).value = value
    made.ask.click()
    assert sentence in made.shown.value and made.shown.value.count("<p") == 1


def test_what_is_typed_is_shown_as_text(made):
    made.text.value = "<b>cow</b>"
    made.ask.click()
    assert "<pre" in made.shown.value and "<b>cow" not in made.shown.value


def test_marks_are_the_pieces_and_spelled_words_have_their_colour():
    pocket = load_vocabulary("pocket")
    shown = tokens(pocket, "The romcom, and\nthe cow.", WRITTEN)
    assert shown.count("</span>") == len(pocket.pieces("The romcom, and\nthe cow.")) + 1
    assert shown.count(SPELLED) == len("romcom")


def test_the_talk_s_examples_have_words_of_pocket_alone():
    pocket = load_vocabulary("pocket")
    texts = [text for texts in IN_POCKETS_WORDS.values() for text in texts]
    assert len(texts) == len(set(texts)) > 10
    assert [text for text in texts if unknown_words(pocket, text)] == []


def test_a_page_without_options_has_no_bars(models):
    asked = module.typed("translate to pocketish: the gold cow is in the barn.")
    assert "%</div>" not in page(models, asked)


def test_without_ipywidgets_it_says_what_to_install():
    program = "import sys; sys.modules['ipywidgets'] = None; import flanrepro.report.playground"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "InputError: the playground needs ipywidgets: install it with" in done.stderr
    assert "During handling" not in done.stderr
