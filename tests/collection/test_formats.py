"""Formats vary what the paper names (section 3.6), and never what is asked."""

from collections import Counter

import pytest

from flanrepro.collection import Mixture, Task
from flanrepro.collection.formats import Format, fitting, load_formats, plain
from flanrepro.collection.prompt import render
from flanrepro.collection.templates import load_templates

LAYOUTS, STYLES = load_formats()
RECORDS = [
    {"question": f"q{i}?", "answer": f"a{i}", "options": f"a{i}\nother\nlast"} for i in range(40)
]
TASK = Task("t", "s", "c", lambda split: RECORDS, {"train": 40}, "multiple_choice_qa")
STYLE = {style.name: style for style in STYLES}


def test_the_dimensions_of_section_3_6_are_there():
    assert {layout.instruction for layout in LAYOUTS} == {"before", "after"}
    assert len({layout.separator for layout in LAYOUTS}) >= 5
    assert {style.labels for style in STYLES} == {None, "upper", "lower", "numbers"}
    for style in ("dashes", "letters_in_brackets", "numbers", "bracketed"):
        assert style in STYLE


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("dashes", "\nOptions:\n- x\n- y {z}"),
        ("letters_in_brackets", "\nOptions:\n(A) x\n(B) y {z}"),
        ("small_letters", "\nChoices:\na) x\nb) y {z}"),
        ("numbers", "\nPick one:\n1. x\n2. y {z}"),
        ("bracketed", "\nOptions: [x] [y {z}]"),
        ("one_line", "\nOptions: (A) x; (B) y {z}"),
    ],
)
def test_a_style(name, block):
    assert STYLE[name].block("x\ny {z}") == block


def test_more_options_than_letters_go_on_as_numbers():
    lines = STYLE["letters"].block("\n".join(f"name {i}" for i in range(28))).split("\n")
    assert lines[-3:] == ["Z. name 25", "27. name 26", "28. name 27"]


def test_labels_that_would_be_taken_for_options_are_left_out():
    assert fitting(STYLE["numbers"], "0\n1\n2") == STYLE["dashes"]
    assert fitting(STYLE["letters"], "yes\nno") == STYLE["letters"]
    assert fitting(STYLE["bracketed"], "0\n1") == STYLE["bracketed"]


def test_a_target_can_be_the_label_of_its_option_in_every_exemplar_too():
    form = Format(LAYOUTS[0], STYLE["letters"], "prompt", "label")
    prompt = render(TASK, 3, format=form, exemplars=(1, 2))
    assert prompt.targets == "A"
    assert prompt.inputs.count("\nAnswer: A\n") == 2


def test_without_options_or_labels_the_target_is_the_text():
    for style, shown in (("letters", "nowhere"), ("letters", "exemplars"), ("dashes", "prompt")):
        form = Format(LAYOUTS[0], STYLE[style], shown, "label")
        assert render(TASK, 3, format=form).targets == "a3"


def test_options_in_the_exemplars_only():
    form = Format(LAYOUTS[0], STYLE["dashes"], "exemplars")
    prompt = render(TASK, 3, format=form, exemplars=(1, 2))
    assert prompt.inputs.count("Options:") == 2
    assert prompt.inputs.rstrip().endswith("q3?\nAnswer:")


def test_the_instruction_can_stand_behind_the_exemplars():
    last = next(layout for layout in LAYOUTS if layout.name == "instruction_last")
    prompt = render(TASK, 3, format=Format(last, STYLES[0]), exemplars=(1, 2))
    first = plain()
    assert prompt.inputs.index("Answer the question") > prompt.inputs.index("q2?")
    before = render(TASK, 3, format=first, exemplars=(1, 2))
    assert before.inputs.index("Answer the question") < before.inputs.index("q1?")


def test_a_varied_mixture_shows_them_all_and_a_plain_one_none():
    varied = Mixture((TASK,), varied=True, few_shot_fraction=0.5)
    prompts = [varied[i] for i in range(4000)]
    assert {p.format.layout.name for p in prompts} == {layout.name for layout in LAYOUTS}
    assert {p.format.option_style.name for p in prompts} == set(STYLE)
    listing = {t.name for t in load_templates(TASK.templates) if "{options}" in t.inputs}
    shown = Counter(p.format.options for p in prompts if p.template in listing)
    assert shown["prompt"] / shown.total() == pytest.approx(0.5, abs=0.03)
    assert shown["exemplars"] > 300
    assert {p.format.options for p in prompts if p.template not in listing} == {"nowhere"}
    assert any(p.format.target == "label" for p in prompts)
    assert {Mixture((TASK,))[i].format for i in range(50)} <= {plain("prompt"), plain("nowhere")}


def test_an_inversion_rate_of_03_is_3_inverted_prompts_for_10_regular_ones():
    mixture = Mixture((TASK,), inversion_rate=0.3)
    prompts = [mixture[i] for i in range(1300)]
    assert sum(p.inverted for p in prompts) == 300
    assert not any(Mixture((TASK,), inversion_rate=0)[i].inverted for i in range(200))


def test_inversion_few_shot_and_options_do_not_depend_on_each_other(monkeypatch):
    asked = []

    def rendered(*args, **kwargs):
        prompt = render(*args, **kwargs)
        # Inverted templates list no options, whether they are asked for or not.
        asked.append((prompt.inverted, prompt.setting, kwargs["format"].options == "prompt"))
        return prompt

    monkeypatch.setattr("flanrepro.collection.mixture.render", rendered)
    mixture = Mixture((TASK,), inversion_rate=1.0, few_shot_fraction=0.5, options_fraction=0.5)
    for i in range(8000):
        mixture[i]
    seen = Counter(asked)
    assert len(seen) == 8
    assert min(seen.values()) > 850
