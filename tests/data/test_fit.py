import json
from dataclasses import replace

import pytest
from wording import QUESTION

from flanrepro.collection import Mixture, Task, Template, render
from flanrepro.collection.formats import Format, layouts, plain, plain_style, turn_style
from flanrepro.collection.prompt import again
from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED, without_exemplars
from flanrepro.data.fit import LEAST, Fitted, fit
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.sources import load_collection

VOCABULARY = load_vocabulary("pocket")
LONG = 1000
"""More tokens than any target here has."""


def words(first: str, number: int) -> str:
    """A text of as many words, which are as many tokens: each is a piece of pocket's vocabulary."""
    text = " ".join([first, *["the", "egg", "is", "red"] * number][:number])
    assert count(text) == len(text.split())
    return text


def task_of(*records: dict, rendered: bool = False, split: str = "train") -> Task:
    return Task(
        "toy",
        "flan2021",
        "toy",
        {split: list(records)}.__getitem__,
        {split: len(records)},
        QUESTION,
        rendered=rendered,
    )


def count(text: str) -> int:
    return len(VOCABULARY.encode(text))


def fitted(prompt, task: Task, inputs_length: int, targets_length: int = LONG) -> Fitted:
    """The prompt at these lengths; what holds for every one is asserted."""
    found = fit(prompt, task, VOCABULARY, inputs_length, targets_length)
    assert found.tokens == (count(prompt.inputs) + 1, count(prompt.targets) + 1)
    if found.fate == DROPPED:
        assert (found.prompt, found.inputs.size, found.targets.size) == (prompt, 0, 0)
        return found
    assert found.inputs.tolist() == VOCABULARY.encode(found.prompt.inputs)
    assert found.targets.tolist() == VOCABULARY.encode(prompt.targets)
    assert found.prompt.targets == prompt.targets
    assert len(found.inputs) < inputs_length
    return found


READING = Template(
    "question", "Text: {context}\nAsked: {question}{options}", "{answer}", "Read the text."
)
NUMBERS = (30, 60, 20, 40, 50, 10)
RECORDS = [
    {
        "context": words(f"{'abcdef'[i]} dog", n),
        "question": "what is the egg ?",
        "answer": "red",
        "options": "red\nblue",
    }
    for i, n in enumerate(NUMBERS)
]
QUESTIONS = task_of(*RECORDS)


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.name)
@pytest.mark.parametrize("record", range(len(RECORDS)))
def test_a_few_shot_prompt_keeps_its_question_and_as_many_first_exemplars_as_fit(layout, record):
    form = Format(layout, plain_style())
    others = tuple(i for i in range(len(RECORDS)) if i != record)
    prompt = render(QUESTIONS, record, template=READING, format=form, exemplars=others)
    shorter = {k: again(QUESTIONS, prompt, shots=k) for k in range(1, 6)}
    sizes = {k: count(made.inputs) for k, made in shorter.items()}
    for length in range(20, count(prompt.inputs) + 3, 3):
        found = fitted(prompt, QUESTIONS, length)
        fitting = max((k for k, n in sizes.items() if n < length), default=0)
        if not fitting:
            assert found.fate == DROPPED
        elif fitting == 5:
            assert (found.fate, found.prompt) == (KEPT, prompt)
        else:
            assert found.fate == without_exemplars(5 - fitting)
            assert found.prompt == shorter[fitting]
            assert found.prompt.exemplars == others[:fitting]
            shown = f"Text: {RECORDS[record]['context']}\nAsked: what is the egg ?\nOptions:\n- "
            assert f"{shown}red\n- blue\nAnswer:" in found.prompt.inputs
            assert found.prompt.inputs.count("Read the text.") == 1


def test_different_templates_in_one_prompt_stay_with_their_exemplars():
    beside = tuple(replace(READING, inputs=f"{name} {READING.inputs}") for name in "xyz")
    prompt = render(QUESTIONS, 5, template=READING, exemplars=(0, 1, 2), beside=beside)
    whole = prompt.inputs
    found = fitted(prompt, QUESTIONS, count(whole))
    assert found.fate == without_exemplars(1)
    # Another place of the same text: nothing but the third exemplar is gone.
    third = f"z Text: {RECORDS[2]['context']}\nAsked: what is the egg ?"
    start = whole.index(third)
    end = whole.index(f"Text: {RECORDS[5]['context']}")
    assert found.prompt.inputs == whole[:start] + whole[end:]


@pytest.mark.parametrize("room", [30, 50, 80, 100])
def test_a_zero_shot_prompt_is_cut_in_its_longest_field_alone(room):
    record = {**RECORDS[0], "context": words("cat", 90), "question": words("what", 20)}
    task = task_of(record)
    prompt = render(task, 0, template=READING)
    found = fitted(prompt, task, room)
    if room == 30:  # two fields of 16 tokens do not fit beside the pattern's own words
        assert found.fate == DROPPED
        return
    assert found.fate == TRUNCATED
    instruction, asked = found.prompt.inputs.split("\n\nText: ")
    context, asked = asked.split("\nAsked: ")
    assert instruction == "Read the text."
    assert asked.endswith("\nOptions:\n- red\n- blue")
    question = asked.removesuffix("\nOptions:\n- red\n- blue")
    assert record["context"].startswith(f"{context} ")
    assert count(context) >= LEAST
    if room == 50:
        # The longest field alone does not suffice: the next one is cut, too.
        assert record["question"].startswith(f"{question} ")
        assert count(question) >= LEAST
        assert count(context) == LEAST
    else:
        assert question == record["question"]
        assert len(found.inputs) == room - 1  # no more is cut than has to be


def test_a_field_that_the_pattern_names_twice_is_cut_in_both_places():
    task = task_of({"text": words("cat", 60), "answer": "red"})
    twice = Template("twice", "{text}\nAgain: {text}\nWhat is it?", "{answer}")
    found = fitted(render(task, 0, template=twice), task, 80)
    assert found.fate == TRUNCATED
    first, second = found.prompt.inputs.removesuffix("\nWhat is it?").split("\nAgain: ")
    assert first == second
    assert 70 < len(found.inputs) < 80


@pytest.mark.parametrize("name", ["answer", "choices", "definition", "target"])
def test_answer_options_instruction_and_target_are_never_cut(name):
    record = {"text": words("cat", 20), "answer": "red", name: words("dog", 60)}
    record.setdefault("target", "a hen")
    instruction = "{definition}" if name == "definition" else "Say it."
    asked = Template("t", f"{{text}} {{{name}}}", "{target}", instruction)
    task = task_of(record)
    prompt = render(task, 0, template=asked)
    had = count(prompt.inputs)
    assert fitted(prompt, task, had - 10).fate == DROPPED  # 16 of the text's 20 tokens stay
    found = fitted(prompt, task, had - 3)
    assert found.fate == TRUNCATED
    assert record[name] in found.prompt.inputs


def test_an_inverted_prompt_is_cut_in_its_text_and_not_in_its_answer():
    record = {"context": words("cat", 60), "question": words("what", 9), "answer": words("hen", 40)}
    asked = Template("back", "{context}\nIt is: {answer}", "{question}", inverted=True)
    task = task_of(record)
    found = fitted(render(task, 0, template=asked), task, 80)
    assert found.fate == TRUNCATED
    assert found.prompt.inputs.endswith(f"\nIt is: {record['answer']}")
    assert found.prompt.targets == record["question"]
    assert fitted(render(task, 0, template=asked), task, 55).fate == DROPPED


@pytest.mark.parametrize("field", ["inputs", "input", "asked"])
def test_of_a_rendered_text_the_passage_is_cut_and_not_the_question_behind_it(field):
    text = f"Read this.\n\n{words('cat', 80)}\n\nQuestion: what is it?\nOPTIONS:\n- red\n- blue"
    task = task_of({field: text, "answer": "red"})
    wrapper = Template("wrapped", f"Here is a task. {{{field}}} Now do it.", "{answer}")
    found = fitted(render(task, 0, template=wrapper), task, 70)
    assert found.fate == TRUNCATED
    assert found.prompt.inputs.startswith("Here is a task. Read this.\n\ncat the egg")
    end = "\n\nQuestion: what is it?\nOPTIONS:\n- red\n- blue Now do it."
    assert found.prompt.inputs.endswith(end)


def test_a_rendered_text_without_a_long_line_is_cut_at_its_end():
    text = "\n".join(words(first, 10) for first in ("cat", "dog", "pig", "hen"))
    task = task_of({"inputs": text, "answer": "red"})
    wrapper = Template("wrapped", "Here is a task. {inputs} Now do it.", "{answer}")
    found = fitted(render(task, 0, template=wrapper), task, 35)
    kept = found.prompt.inputs.removeprefix("Here is a task. ").removesuffix(" Now do it.")
    assert found.fate == TRUNCATED
    assert text.startswith(kept)
    assert 25 < len(found.inputs) < 35


def test_a_few_shot_text_that_was_rendered_before_is_whole_or_left_out():
    record = {"inputs": words("cat", 80), "answer": "red"}
    wrapper = Template("as_it_is", "{inputs}", "{answer}")
    for split, fate in (("fs_opt", DROPPED), ("zs_opt", TRUNCATED)):
        task = task_of(record, rendered=True, split=split)
        prompt = render(task, 0, split=split, template=wrapper)
        assert fitted(prompt, task, 60).fate == fate
        assert fitted(prompt, task, 81).fate == KEPT


TURNS = [words(first, 12) for first in ("cat", "dog", "pig", "hen", "cow")]
DIALOG = {"dialogue": "\n".join(TURNS), "turns": json.dumps(TURNS), "answer": "red"}
REPLY = Template("reply", "A talk:\n{dialogue}", "{answer}", "What is said next?")


@pytest.mark.parametrize("style", [None, turn_style(0), turn_style(500)])
def test_a_dialog_loses_its_first_turns(style):
    task = task_of(DIALOG)
    prompt = render(task, 0, template=REPLY, format=replace(plain(), turns=style))
    found = fitted(prompt, task, count(prompt.inputs) - 15)
    assert found.fate == TRUNCATED
    assert [turn in found.prompt.inputs for turn in TURNS] == [False, False, True, True, True]
    assert found.prompt.inputs.startswith("What is said next?\n\nA talk:\n")


def test_of_a_dialog_s_only_turn_the_beginning_is_kept():
    task = task_of({"dialogue": words("cat", 60), "answer": "red"})
    found = fitted(render(task, 0, template=REPLY), task, 40)
    assert found.prompt.inputs.startswith("What is said next?\n\nA talk:\ncat the egg is")
    assert len(found.inputs) == 39


@pytest.mark.parametrize("exemplars", [(), (1, 2)])
def test_an_example_whose_targets_do_not_fit_is_left_out(exemplars):
    prompt = render(QUESTIONS, 0, template=READING, exemplars=exemplars)
    answers = count(prompt.targets)
    assert fitted(prompt, QUESTIONS, LONG, answers + 1).fate == KEPT
    assert fitted(prompt, QUESTIONS, LONG, answers).fate == DROPPED


def test_text_without_spaces_is_cut_too():
    task = task_of({"text": "世" * 300, "answer": "red"})
    asked = Template("t", "{text}\nWhat is it?", "{answer}")
    prompt = render(task, 0, template=asked)
    had = count(prompt.inputs)
    # Unknown characters in a row are one token of this vocabulary: as long as it is, it fits.
    assert fitted(prompt, task, had + 1).fate == KEPT
    spaced = task_of({"text": ",".join("世" * 100), "answer": "red"})
    prompt = render(spaced, 0, template=asked)
    found = fitted(prompt, spaced, count(prompt.inputs) // 2)
    assert found.fate == TRUNCATED
    assert found.prompt.inputs.startswith("世,世,世")
    assert found.prompt.inputs.endswith("\nWhat is it?")


def question_of(prompt, task: Task) -> str:
    """The record's inputs and the cue for its answer, without the instruction."""
    template, record = prompt.asked.template, task.records(prompt.split)[prompt.record]
    instruction = template.instruction.format_map(record)
    inputs = again(task, prompt, shots=0).inputs
    assert inputs.startswith(instruction)
    return inputs[len(instruction) :].lstrip("\n") + template.answer.rstrip()


@pytest.mark.parametrize("way", ["plain", "reference", "paper"])
def test_few_shot_prompts_of_pocket_keep_their_whole_question(way):
    tasks = tuple(load_collection("pocket").tasks.values())
    mixture = Mixture(tasks, few_shot_fraction=1.0, way=way)
    by_name = {task.name: task for task in tasks}
    fates = []
    for i in range(400):
        prompt = mixture[i]
        task = by_name[prompt.task]
        found = fitted(prompt, task, 90)
        fates.append(found.fate)
        if found.fate != DROPPED and prompt.exemplars:
            assert found.prompt.inputs.endswith(question_of(prompt, task))
            assert len(found.prompt.exemplars) >= 1
    assert sum(fate > DROPPED for fate in fates) > 50
    assert fates.count(KEPT) > 50


def test_real_few_shot_prompts_keep_their_whole_question(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    names = ("multirc", "task_master", "cot_strategyqa")
    by_name = {name: load_collection("flan2022").task(name) for name in names}
    mixture = Mixture(tuple(by_name.values()), few_shot_fraction=1.0, way="reference")
    lost = 0
    for i in range(300):
        prompt = mixture[i]
        task = by_name[prompt.task]
        found = fitted(prompt, task, 512)
        if found.fate > DROPPED:
            assert found.prompt.inputs.endswith(question_of(prompt, task))
            assert found.prompt.exemplars == prompt.exemplars[: len(found.prompt.exemplars)]
            lost += 1
    assert lost > 10
