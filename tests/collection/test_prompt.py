import pytest
from wording import QUESTION

from flanrepro.collection import Task, Template, load_templates, render
from flanrepro.collection.formats import Format, OptionStyle, layouts, plain
from flanrepro.collection.prompt import TEMPLATE_TYPES, check_exemplars, shorten
from flanrepro.errors import InputError

RECORDS = {
    "train": [
        {"question": "one and two?", "answer": "three", "options": "three\nfour"},
        {"question": "two and two?", "answer": "four", "options": "three\nfour"},
        {"question": "one and one?", "answer": "two", "options": "two\nsix"},
    ],
    "validation": [{"question": "no and no?", "answer": "no", "options": "yes\nno"}] * 4,
}
TASK = Task(
    "toy",
    "niv2",
    "sums",
    RECORDS.__getitem__,
    {split: len(rows) for split, rows in RECORDS.items()},
    "flan2021/openbookqa",
)
WORDING = Template("golden", "Q: {question}{options}", "{answer}.", "Answer.", "\nA: ", "\n--\n")


def test_zero_shot_is_instruction_and_inputs():
    prompt = render(TASK, 0, template=WORDING)
    assert prompt.inputs == "Answer.\n\nQ: one and two?\nOptions:\n- three\n- four"
    assert prompt.targets == "three."
    assert prompt.setting == "zero_shot"


def test_few_shot_puts_exemplars_before_the_question_and_ends_with_the_cue():
    prompt = render(TASK, 0, template=WORDING, format=plain("nowhere"), exemplars=(2, 1))
    assert prompt.inputs == (
        "Answer.\n\nQ: one and one?\nA: two.\n--\nQ: two and two?\nA: four.\n--\n"
        "Q: one and two?\nA:"
    )
    assert prompt.targets == "three."
    assert (prompt.setting, prompt.exemplars, prompt.template) == ("few_shot", (2, 1), "golden")


def test_exemplars_show_options_if_the_question_does():
    shown = render(TASK, 0, template=WORDING, format=plain("prompt"), exemplars=(1, 2))
    hidden = render(TASK, 0, template=WORDING, format=plain("nowhere"), exemplars=(1, 2))
    assert shown.inputs.count("Options:") == 3
    assert "Options:" not in hidden.inputs


def test_exemplars_of_an_evaluation_prompt_come_from_the_training_split():
    prompt = render(TASK, 0, split="validation", template=WORDING, exemplars=(0,))
    assert "one and two?" in prompt.inputs
    assert prompt.inputs.count("no and no?") == 1


def test_braces_in_a_record_are_text():
    load = lambda split: [{"question": "{answer}", "answer": "{}"}]  # noqa: E731
    task = Task("braces", "niv2", "c", load, {"train": 1}, QUESTION)
    assert render(task, 0, template=WORDING).inputs == "Answer.\n\nQ: {answer}"


def test_a_record_without_a_field_names_task_record_template_and_field():
    template = Template("odd", "{premise}", "{answer}")
    expected = "task 'toy', train record 2, template 'odd': the template names the field 'premise'"
    with pytest.raises(InputError, match=expected):
        render(TASK, 2, template=template)


def test_an_exemplar_without_a_field_is_named_as_a_training_record():
    load = lambda split: [{"question": "q", "answer": "a"}, {"question": "q"}]  # noqa: E731
    task = Task("gap", "niv2", "c", load, {"train": 2, "test": 2}, QUESTION)
    expected = "task 'gap', train record 1, template 'question': .* 'answer', .* it has question"
    with pytest.raises(InputError, match=expected.replace(" it has", r" \(it has")):
        render(task, 0, split="test", exemplars=(0, 1))


@pytest.mark.parametrize(
    ("splits", "shots", "sentence"),
    [
        ({"validation": 9}, 2, "task 't' has no training split to draw few-shot exemplars from"),
        ({"train": 3}, 3, "task 't' has 3 training records, too few for 3 exemplars beside"),
    ],
)
def test_a_task_that_cannot_give_exemplars_is_named(splits, shots, sentence):
    task = Task("t", "niv2", "c", list, splits, QUESTION)
    with pytest.raises(InputError, match=sentence):
        check_exemplars(task, shots)


def test_shorten_drops_whole_exemplars_and_keeps_the_instruction():
    prompt = render(TASK, 0, exemplars=(1, 2))
    shorter = shorten(prompt, TASK, lambda p: len(p.exemplars) <= 1)
    assert shorter.exemplars == (1,)
    assert shorter.inputs.startswith("Answer the question.")
    assert shorter.targets == prompt.targets
    bare = shorten(prompt, TASK, lambda p: False)
    assert bare.exemplars == ()


def test_a_prompt_that_fits_is_left_as_it_is():
    prompt = render(TASK, 0, exemplars=(1, 2))
    assert shorten(prompt, TASK, lambda p: True) is prompt


def test_shorten_keeps_the_wording_and_the_hidden_options():
    wording = next(t for t in load_templates(TASK.templates) if t.name == "everyday_sense")
    prompt = render(TASK, 0, template=wording, format=plain("nowhere"), exemplars=(1, 2))
    shorter = shorten(prompt, TASK, lambda p: len(p.exemplars) <= 1)
    assert shorter == render(TASK, 0, template=wording, format=plain("nowhere"), exemplars=(1,))


LETTERS = OptionStyle("letters", "\nOptions:\n", "{label}. {text}", "\n", "upper")
LABELLED = Format(layouts()[0], LETTERS, "prompt", "label")
BARE = Template("bare", "{question}{options}", "{answer}")
TOLD = Template("told", "{question} {choices}", "{answer}")
PAIR = "three\nfour"


@pytest.mark.parametrize(
    ("template", "query", "exemplar", "options", "style", "target", "kind"),
    [
        (BARE, {"options": PAIR}, {"options": PAIR}, "prompt", "letters", "label", "fs_opt"),
        (BARE, {"options": PAIR}, {}, "prompt", "letters", "label", "fs_opt"),
        (BARE, {"options": PAIR}, None, "prompt", "letters", "label", "zs_opt"),
        (BARE, {"options": "four\nsix"}, None, "prompt", "letters", "text", "zs_opt"),
        # Labels beside options as short as they are would be taken for options.
        (BARE, {"options": "3\n4"}, None, "prompt", "dashes", "text", "zs_opt"),
        (BARE, {}, {"options": PAIR}, "exemplars", "letters", "text", "fs_opt"),
        (BARE, {}, {}, "nowhere", "dashes", "text", "fs_noopt"),
        (BARE, {}, None, "nowhere", "dashes", "text", "zs_noopt"),
        (TOLD, {"choices": PAIR}, None, "prompt", "dashes", "text", "zs_opt"),
    ],
)
def test_the_format_is_the_one_that_the_prompt_has(
    template, query, exemplar, options, style, target, kind
):
    first = {"question": "which?", "answer": "three", **query}
    rows = [first, {"question": "and which?", "answer": "three", **(exemplar or {})}]
    task = Task("odd", "niv2", "c", lambda split: rows, {"train": 2}, TASK.templates)
    shots = () if exemplar is None else (1,)
    prompt = render(task, 0, template=template, format=LABELLED, exemplars=shots)
    form = prompt.format
    assert (form.options, form.option_style.name, form.target) == (options, style, target)
    assert prompt.template_type == kind


def test_shorten_keeps_options_that_exemplars_alone_have():
    rows = [{**RECORDS["train"][0], "options": ""}, *RECORDS["train"][1:]]
    task = Task("gaps", "niv2", "sums", lambda split: rows, {"train": 3}, TASK.templates)
    prompt = render(task, 0, exemplars=(1, 2))
    assert prompt.format.options == "exemplars"
    shorter = shorten(prompt, task, lambda p: len(p.exemplars) <= 1)
    assert shorter == render(task, 0, exemplars=(1,))


@pytest.mark.parametrize("split", TEMPLATE_TYPES)
def test_a_rendered_prompt_is_of_the_setting_that_it_was_rendered_in(split):
    load = lambda split: [{"inputs": "q", "answer": "a"}]  # noqa: E731
    task = Task("r", "cot", "c", load, {split: 1}, "rendered", rendered=True)
    prompt = render(task, 0, split=split, format=LABELLED)
    assert prompt.template_type == split
    assert prompt.setting == ("few_shot" if split.startswith("fs") else "zero_shot")
    assert prompt.format == plain("nowhere" if split.endswith("noopt") else "prompt")
