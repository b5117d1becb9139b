"""Formats vary what the paper names (section 3.6), and never what is asked."""

import json
from collections import Counter

import pytest
from wording import QUESTION

from flanrepro.collection import Mixture, Task
from flanrepro.collection.formats import (
    Format,
    OptionStyle,
    TurnStyle,
    fitting,
    layouts,
    number_of_option_styles,
    number_of_turn_styles,
    option_style,
    plain,
    plain_style,
    turn_style,
)
from flanrepro.collection.prompt import again, render
from flanrepro.collection.templates import Template, load_templates

RECORDS = [
    {"question": f"q{i}?", "answer": f"a{i}", "options": f"a{i}\nother\nlast"} for i in range(40)
]
TASK = Task("t", "s", "c", lambda split: RECORDS, {"train": 40}, "flan2021/openbookqa")
LETTERS = OptionStyle("letters", "\nOptions:\n", "{label}. {text}", "\n", "upper")
STYLES = [option_style(i) for i in range(number_of_option_styles())]


def test_the_dimensions_of_section_3_6_are_there():
    assert {layout.instruction for layout in layouts()} == {"before", "after"}
    assert len({layout.separator for layout in layouts()}) >= 5


def test_lists_of_options_have_the_references_structure():
    # flan/v2/templates.py: 16 headings, 63 marks (24 of them twice), 3 ends.
    assert number_of_option_styles() == 16 * 87 * 3
    names = {style.name for style in STYLES}
    assert len(names) == 16 * 63 * 3
    assert {style.labels for style in STYLES} == {
        *(None, "upper", "lower", "numbers", "roman", "upper_roman")
    }
    labelled = sum(style.labels is not None for style in STYLES)
    assert labelled / len(STYLES) == 64 / 87


def test_dialogs_have_the_references_structure():
    # flan/v2/templates.py: 13 headings, 49 marks, 3 ends.
    assert number_of_turn_styles() == 13 * 49 * 3
    styles = {turn_style(i) for i in range(number_of_turn_styles())}
    assert len(styles) == 13 * 49 * 3


def test_every_list_shows_every_option_once_behind_its_mark():
    for style in STYLES:
        block = style.block("one thing\nanother\n{last}")
        assert block.startswith("\n")
        assert not block.startswith("\n\n")
        places = [block.index(text) for text in ("one thing", "another", "{last}")]
        assert places == sorted(places)
        if style.labels:
            labels = [style.label(i) for i in range(3)]
            assert len(set(labels)) == 3
            for label, place in zip(labels, places, strict=True):
                assert block[:place].rstrip().endswith(label)


@pytest.mark.parametrize(
    ("item", "labels", "label"),
    [
        ("({label}). {text};", "upper", "(B)."),
        ("[{label}] {text}", "roman", "[ii]"),
        ("{label}. {text}", "numbers", "2."),
    ],
)
def test_a_label_is_what_the_list_prints(item, labels, label):
    assert OptionStyle("s", "\n", item, "\n", labels).label(1) == label


def test_more_options_than_letters_go_on_as_numbers():
    lines = LETTERS.block("\n".join(f"name {i}" for i in range(28))).split("\n")
    assert lines[-3:] == ["Z. name 25", "27. name 26", "28. name 27"]


def test_labels_that_would_be_taken_for_options_are_left_out():
    assert fitting(LETTERS, "0\n1\n2") == plain_style()
    assert fitting(LETTERS, "yes\nno") == LETTERS
    bullets = OptionStyle("bullets", "\n", "* {text}", "\n")
    assert fitting(bullets, "0\n1") == bullets


def test_a_target_can_be_the_label_of_its_option_in_every_exemplar_too():
    form = Format(layouts()[0], LETTERS, "prompt", "label")
    prompt = render(TASK, 3, format=form, exemplars=(1, 2))
    assert prompt.targets == "A."
    assert prompt.inputs.count("\nAnswer: A.\n") == 2


def test_without_options_or_labels_the_target_is_the_text():
    for style, shown in ((LETTERS, "nowhere"), (LETTERS, "exemplars"), (plain_style(), "prompt")):
        form = Format(layouts()[0], style, shown, "label")
        assert render(TASK, 3, format=form).targets == "a3"


def test_a_template_that_lists_no_options_is_answered_in_words():
    form = Format(layouts()[0], LETTERS, "prompt", "label")
    prompt = render(TASK, 3, format=form, template=Template("bare", "{question}", "{answer}"))
    assert (prompt.targets, prompt.format.options) == ("a3", "nowhere")


def test_options_in_the_exemplars_only():
    form = Format(layouts()[0], plain_style(), "exemplars")
    prompt = render(TASK, 3, format=form, exemplars=(1, 2))
    assert prompt.inputs.count("Options:") == 2
    assert prompt.inputs.rstrip().endswith("q3?\nAnswer:")


@pytest.mark.parametrize(
    ("pattern", "shown", "hidden"),
    [
        ("Q {question}\n\n{options}", "Q q0?\n\n\nOptions:\n- a0\n- other\n- last", "Q q0?"),
        ("{options}\n\nQ {question}", "Options:\n- a0\n- other\n- last\n\nQ q0?", "Q q0?"),
        ("{question}{options}\nSo:", "q0?\nOptions:\n- a0\n- other\n- last\nSo:", "q0?\nSo:"),
    ],
)
def test_where_options_are_hidden_nothing_is_left_of_their_place(pattern, shown, hidden):
    template = Template("t", pattern, "{answer}")
    assert render(TASK, 0, template=template, format=plain("prompt")).inputs == shown
    assert render(TASK, 0, template=template, format=plain("nowhere")).inputs == hidden


def test_the_instruction_can_stand_behind_the_exemplars():
    last = next(layout for layout in layouts() if layout.name == "instruction_last")
    prompt = render(TASK, 3, format=Format(last, plain_style()), exemplars=(1, 2))
    assert prompt.inputs.index("Answer the question") > prompt.inputs.index("q2?")
    before = render(TASK, 3, format=plain(), exemplars=(1, 2))
    assert before.inputs.index("Answer the question") < before.inputs.index("q1?")


DIALOG = {"dialogue": "Ann: Hi\nBob: Ho", "turns": json.dumps(["Hi", "Ho"]), "answer": "Hey"}
TALK = Task("d", "dialog", "c", lambda split: [DIALOG], {"train": 1}, QUESTION)
STYLE = TurnStyle("s", "Talk:", ("\nA: ", "\nB: "), ";")


def test_a_dialogs_text_ends_with_the_mark_of_the_turn_that_is_asked_for():
    form = Format(layouts()[0], plain_style(), turns=STYLE)
    asked = render(TALK, 0, format=form, template=Template("t", "{dialogue}", "{answer}"))
    assert asked.inputs == "Talk:\nA: Hi;\nB: Ho;\nA:"
    turned = Template("i", "{answer}", "{dialogue}", inverted=True)
    assert render(TALK, 0, format=form, template=turned).targets == "Talk:\nA: Hi;\nB: Ho;"
    assert asked.format.turns == STYLE


def test_a_plain_prompt_has_the_records_own_dialog():
    prompt = render(TALK, 0, template=Template("t", "{dialogue}", "{answer}"))
    assert (prompt.inputs, prompt.format.turns) == (DIALOG["dialogue"], None)


def test_the_papers_way_varies_layouts_and_lists_in_both_settings():
    varied = Mixture((TASK,), way="paper", few_shot_fraction=0.5)
    prompts = [varied[i] for i in range(4000)]
    few_shot = [p for p in prompts if p.exemplars]
    assert {p.format.layout.name for p in few_shot} == {layout.name for layout in layouts()}
    assert {len(p.exemplars) for p in few_shot} == {2, 3, 5}
    listing = {t.name for t in load_templates(TASK.templates) if "{options}" in t.inputs}
    shown = Counter(p.format.options for p in prompts if p.template in listing)
    assert shown["prompt"] / shown.total() == pytest.approx(0.5, abs=0.03)
    for some in (few_shot, [p for p in prompts if not p.exemplars]):
        assert len({p.format.option_style.name for p in some}) > 300
        assert any(p.format.target == "label" for p in some)


def test_a_plain_mixture_varies_nothing():
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


def test_a_prompt_rendered_again_is_the_one_with_fewer_exemplars_or_shorter_fields():
    form = Format(layouts()[4], LETTERS, "prompt", "label")
    beside = (Template("a", "A {question}{options}", "{answer}"), Template("b", "B", "{answer}"))
    asked = {"template": load_templates(TASK.templates)[2], "format": form, "beside": beside}
    prompt = render(TASK, 3, exemplars=(1, 2, 5), **asked)
    assert again(TASK, prompt) == prompt
    assert again(TASK, prompt, shots=2) == render(TASK, 3, exemplars=(1, 2), **asked)
    cut = again(TASK, prompt, record={**RECORDS[3], "question": "cut"})
    assert cut.inputs == prompt.inputs.replace("q3?", "cut")
    assert again(TASK, cut, shots=0).exemplars == ()
