"""No text in a record can break a template, a format, or leak one field into another's place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wording import QUESTION

from flanrepro.collection import Task
from flanrepro.collection.formats import (
    Format,
    fitting,
    layouts,
    number_of_option_styles,
    option_style,
    plain_style,
)
from flanrepro.collection.prompt import render
from flanrepro.collection.templates import Template, fields_of, load_wordings, template_files

LAYOUTS = layouts()
STYLES = (plain_style(), *map(option_style, range(0, number_of_option_styles(), 41)))
# Braces, percent signs, markup, quotes, separators, other scripts, and what looks like a template.
TEXT = st.text(min_size=1, max_size=60).map(str.strip).filter(bool) | st.sampled_from(
    [
        "{answer}",
        "{",
        "}}",
        "{0}",
        "{options}",
        "%s %(x)d",
        "<b>&amp;</b>",
        "a\tb\u2028c",
        "###",
        "\\n",
    ]
)
LINE = TEXT.map(lambda text: " ".join(text.split())).filter(bool)


@st.composite
def cases(draw):
    """Three records with the fields that a template names, the template and a format."""
    template = draw(st.sampled_from(TEMPLATES))
    names = {
        name
        for part in (template.instruction, template.inputs, template.targets, template.exemplar)
        for name in fields_of(part)
    } - {"options"}
    options = draw(st.lists(LINE, min_size=2, max_size=5, unique=True))
    records = []
    for _ in range(3):
        record = {name: draw(TEXT) for name in sorted(names)}
        if draw(st.booleans()):
            record |= {"options": "\n".join(options), "answer": draw(st.sampled_from(options))}
        records.append(record)
    form = Format(
        draw(st.sampled_from(LAYOUTS)),
        draw(st.sampled_from(STYLES)),
        draw(st.sampled_from(["prompt", "exemplars", "nowhere"])),
        draw(st.sampled_from(["text", "label"])),
    )
    return records, template, form


TEMPLATES = [t for name in template_files() for part in load_wordings(name) for t in part]


def expected(pattern: str, record: dict[str, str], block: str) -> str:
    """A pattern filled by plain cutting, without `str.format`."""
    filled = ""
    while pattern:
        before, brace, rest = pattern.partition("{")
        filled += before
        if not brace:
            break
        name, _, pattern = rest.partition("}")
        filled += block if name == "options" else record[name]
    return filled


@settings(max_examples=400, deadline=None)
@given(cases(), st.integers(0, 2))
def test_a_prompt_is_its_parts_and_nothing_else(case, shots):
    records, template, form = case
    task = Task("t", "s", "c", lambda split: records, {"train": 3}, QUESTION)
    prompt = render(task, 0, template=template, format=form, exemplars=range(1, 1 + shots))

    def parts(record: dict[str, str], shown: bool) -> tuple[str, str]:
        options = record.get("options") if shown else None
        style = fitting(form.option_style, options or "yes\nno")
        block = style.block(options) if options else ""
        answer, inputs = expected(template.targets, record, block), template.inputs
        labelled = form.target == "label" and style.labels and "{options}" in inputs
        if options and labelled and template.answers:
            answer = style.label(options.split("\n").index(record["answer"]))
        if not options:
            at = inputs.find("{options}")
            before, _, after = inputs.partition("{options}")
            inputs = inputs if at < 0 else before.rstrip() + after if at else after.lstrip()
        elif inputs.startswith("{options}"):
            block = block.lstrip("\n")
        return expected(inputs, record, block), answer

    instruction = expected(template.instruction, records[0], "")
    lead = instruction + form.layout.gap if instruction else ""
    asked, answer = parts(records[0], form.options == "prompt")
    assert prompt.targets == answer
    if not shots:
        assert prompt.inputs == lead + asked
        return
    separator = template.separator if form.layout.separator is None else form.layout.separator
    first, text = form.layout.instruction == "before", ""
    for n, record in enumerate(records[1 : 1 + shots], 1):
        shown, given_answer = parts(record, form.options != "nowhere")
        whole = shown + template.answer + given_answer
        if template.exemplar:
            whole = expected(template.exemplar, record, "")
        text += form.layout.heading.replace("{n}", str(n)) + whole + separator
    heading = form.layout.heading.replace("{n}", str(shots + 1))
    text = (lead if first else "") + text + ("" if first else lead) + heading + asked
    assert prompt.inputs == text + template.answer.rstrip()


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_target_is_never_in_what_is_shown_unless_the_record_says_it(case):
    records, template, form = case
    marked = {name: text if name == "options" else "x" for name, text in records[0].items()}
    wanted = "\u2603 the answer \u2603"
    for name in fields_of(template.targets):
        if name != "options" and name not in fields_of(template.inputs):
            marked[name] = wanted
    marked.pop("options", None)
    task = Task("t", "s", "c", lambda split: [marked], {"train": 1}, QUESTION)
    prompt = render(task, 0, template=template, format=form)
    assert wanted not in prompt.inputs
    assert wanted in prompt.targets


@pytest.mark.parametrize("name", template_files())
def test_a_file_has_ten_wordings_that_determine_their_target(name):
    templates, few_shot = load_wordings(name)
    # The held-out suites have their wordings in their records.
    one = ("rendered", "bbh_cot", "pocket/mmlu", "pocket/bbh", "pocket/bbh_cot")
    if name not in one:
        assert len(templates) >= 10
        assert not few_shot or len(few_shot) >= 10
    for template in (*templates, *few_shot):
        assert isinstance(template, Template)
        shown, wanted = set(fields_of(template.inputs)), set(fields_of(template.targets))
        assert wanted - shown, f"{template.name} shows all that it asks for"
        assert template.inputs == template.inputs.rstrip(" "), template.name
