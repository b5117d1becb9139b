"""Held out means held out: tuning asks neither for what the exam asks nor as exam and BBH do."""

import functools
import itertools
import re
from collections.abc import Iterator

import pytest

from flanrepro.collection import Task, render
from flanrepro.collection.named import named_mixture
from flanrepro.collection.templates import load_wordings, read_templates
from flanrepro.errors import InputError
from flanrepro.sources import load_collection
from flanrepro.sources.pocket import held_out, questions
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.knowledge import QUESTIONS, WORDINGS
from flanrepro.sources.pocket.lexicon import WORDS
from flanrepro.sources.pocket.steps import (
    ANSWER_ROWS,
    ANSWERS,
    HELD_OUT_PAIRS,
    STEP_ROWS,
    STEPS,
    Operation,
)
from flanrepro.sources.pocket.text import Documents
from flanrepro.sources.pocket.world import HELD_OUT, TUNED

POCKET = load_collection("pocket")
SOURCES = sorted({task.source for task in POCKET.tasks.values()})


def of_source(source: str) -> list[Task]:
    return [task for task in POCKET.tasks.values() if task.source == source]


def prompts(task: Task, records: int = 3) -> Iterator[str]:
    """Inputs, the exemplars' cue and targets of some records, with every template of both lists."""
    for template in itertools.chain(*load_wordings(task.templates)):
        for record in range(0, task.size("train"), max(1, task.size("train") // records)):
            prompt = render(task, record, template=template)
            yield f"{prompt.inputs} {template.answer} {prompt.targets}"


@functools.cache
def documents() -> list[str]:
    beginning, texts = Documents(first=0), Documents()
    return [beginning[i] for i in range(1000)] + [texts[i] for i in range(20_000)]


@functools.cache
def mixed() -> list[str]:
    """Prompts as a run reads them: few-shot ones too, in every format."""
    mixture = named_mixture("flan2022", POCKET).mixture
    texts = (mixture[i] for i in range(0, 1_000_000, 100))
    return [f"{prompt.inputs} {prompt.targets}" for prompt in texts]


def words(text: str) -> set[str]:
    return set(re.findall("[a-z]+", text.lower()))


# --- attributes and wordings ---


@pytest.mark.parametrize("source", SOURCES)
def test_no_template_says_what_is_held_out(source):
    held_out.check_templates({task.templates for task in of_source(source)})


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_no_prompt_asks_for_what_the_exam_asks_or_as_the_exam_and_bbh_do(source):
    for task in of_source(source):
        # Tasks of one file say the same around their records.
        for text in prompts(task, records=1 if source == "niv2" else 3):
            assert not held_out.attributes(text), (task.name, text)
            assert not held_out.wordings(text), (task.name, text)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_no_record_asks_for_what_the_exam_asks_or_as_the_exam_and_bbh_do(source):
    for task in of_source(source):
        for split in task.splits:
            for record in task.records(split):
                text = " | ".join(record.values())
                assert not held_out.attributes(text), (task.name, text)
                assert not held_out.wordings(text), (task.name, text)


@pytest.mark.slow
def test_no_prompt_of_the_mixture_does_in_any_format():
    for text in mixed():
        assert not held_out.attributes(text), text
        assert not held_out.wordings(text), text


def test_the_search_would_find_them():
    found = set()
    for name in ("mmlu", "inverse", "bbh", "bbh_cot"):
        for task in POCKET.suites[name].tasks:
            for text in exam_prompts(task):
                assert held_out.wordings(text), text
                assert name.startswith("bbh") or held_out.attributes(text), text
                found.update(held_out.wordings(text))
    # Not every step and answer is in a problem.
    phrases = {row["bbh"] for row in (*STEP_ROWS.values(), *ANSWER_ROWS.values())}
    assert found >= {one.said for one in (*held_out.EXAM, *held_out.BBH)} - phrases
    assert len(found & phrases) > 20


def exam_prompts(task: Task) -> list[str]:
    return [render(task, i, split="validation").inputs for i in range(task.size("validation"))]


def test_the_words_of_the_exam_and_of_bbh_are_in_tuning():
    exam = WORDINGS["exam"]
    said = [*exam["questions"], *(form["inputs"] for form in exam["forms"]), exam["inverse"]]
    said += [row["bbh"] for row in (*STEP_ROWS.values(), *ANSWER_ROWS.values())]
    wanted = words(re.sub(r"\{\w+\}", " ", " ".join(said))) & set(WORDS)
    wanted |= {word for attribute in HELD_OUT for word in attribute.split()}
    trained = set()
    for task in POCKET.tasks.values():
        for text in prompts(task, records=1):
            trained |= words(text)
    assert wanted - trained == set()


def test_both_words_of_a_held_out_attribute_are_in_other_attributes_that_tuning_asks_for():
    asked = set()
    for source in SOURCES:
        for task in of_source(source):
            for record in task.records("train")[:8]:
                text = held_out.plain(" ".join(record.values()))
                asked |= {attribute for attribute in TUNED if attribute in text}
    assert asked == set(TUNED)


# --- compositions ---


def operations(task: Task) -> Iterator[Operation]:
    """The operations that a task's records are made with."""
    pending = [getattr(task.load, "args", ())]
    while pending:
        one = pending.pop()
        if isinstance(one, Operation):
            yield one
        elif isinstance(one, tuple):
            pending += one


def test_no_tuning_task_has_a_composition_of_bbh():
    trained = [one for task in POCKET.tasks.values() for one in operations(task)]
    assert len(trained) > 1000
    assert not {pair for one in trained for pair in one.pairs} & HELD_OUT_PAIRS


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_no_record_says_a_composition_of_bbh(source):
    for task in of_source(source):
        for record in task.records("train")[:20]:
            for name, text in record.items():
                assert not held_out.compositions(text), (task.name, name, text)


def test_compositions_are_found_in_every_wording():
    assert held_out.compositions("turn the list around. turn yes to no and no to yes.") == {
        ("reverse", "opposite")
    }
    assert held_out.compositions("Leave out the last word, then count the words.") == {
        ("drop_last", "count")
    }
    assert held_out.compositions("reversed: b a. opposite: no no.") == {("reverse", "opposite")}
    # Another step between, and another order, are other compositions.
    assert not held_out.compositions("reverse the list. sort the list. say the opposite of every")
    assert not held_out.compositions("say the opposite of every word. reverse the list.")
    assert not held_out.compositions("a list of animals: cat dog. count the words.")
    assert held_out.parts("say the first word again at the end. say the first word.") == [
        "first_again",
        "first",
    ]


def test_the_problems_work_out_compositions_that_are_held_out():
    for task in POCKET.suites["bbh_cot"].tasks:
        for record in task.records("validation"):
            assert held_out.compositions(record["rationale"]), record


# --- the pretraining text ---


def test_no_text_asks_as_the_exam_and_bbh_do():
    for text in documents():
        assert not held_out.wordings(text), text


def test_no_text_asks_about_a_held_out_attribute():
    fields = {"a": r"\w+ \w+", "k": r"\w+", "t": r"\w+"}
    asked = [re.sub(r"\\\{(\w)\\\}", lambda f: fields[f[1]], re.escape(q)) for q in QUESTIONS]
    question = re.compile("|".join(asked) + r"|\?|question:")
    asking = [text for text in documents() if question.search(text)]
    assert len(asking) > 1000
    for text in asking:
        assert not held_out.attributes(text), text
    assert sum(bool(held_out.attributes(text)) for text in documents()) > 2500


def results(text: str) -> list[tuple[str, list[str]]]:
    """Each step and answer whose result a text states, and the words of the result."""
    done = {row["done"]: name for rows in (STEP_ROWS, ANSWER_ROWS) for name, row in rows.items()}
    longest_first = sorted(map(re.escape, done), key=len, reverse=True)
    stated = re.findall(rf"(?:^|(?<=[.:] ))({'|'.join(longest_first)}) ([a-z0-9 ]*)\.", text)
    return [(done[name], words.split()) for name, words in stated]


def test_no_text_works_out_a_composition_of_bbh():
    assert results("take b a. without the first: a b. the first: a.") == [
        ("drop_first", ["a", "b"]),
        ("first", ["a"]),
    ]
    pairs, held = 0, []
    for text in documents():
        for (one, before), (other, after) in itertools.pairwise(results(text)):
            pairs += 1
            # Results of one list may stand side by side; one of the other is a composition. A pair
            # of step and answer is held out where the step is the only one.
            if (one, other) in HELD_OUT_PAIRS:
                composed = result(other, before) == after != result(other, shown(text))
                if composed and (other in STEPS or STEPS[one](shown(text)) == before):
                    held.append(text)
    assert pairs > 1000
    assert held == []


def result(name: str, words: list[str]) -> list[str]:
    """The words that a step or an answer gives."""
    return STEPS[name](words) if name in STEPS else ANSWERS[name](words).split()


def shown(text: str) -> list[str]:
    """The words of the list that a text shows first."""
    return re.match(r"(?:list:|here is a list:|given:|take) ([a-z0-9 ]*)\.", text)[1].split()


def test_no_text_tells_a_composition_of_bbh():
    told = [questions.operated(Dice(f"told {i}")) for i in range(5_000)]
    assert sum(len(held_out.parts(text)) > 2 for text in told) > 1000
    for text in told:
        assert not held_out.compositions(text), text


def test_no_text_answers_by_a_label():
    labels = re.compile(r"(?:^|[ (])(?:[a-e]|i{1,3}|iv|v|[1-5])[).:]? \w+[;,]", re.IGNORECASE)
    labelled = [text for text in documents() if labels.search(text) and "?" in text]
    # Numbers are answers of their own.
    answers = {text.rstrip(".").rpartition(" ")[2] for text in labelled}
    assert not answers & set("abcde"), labelled


# --- a template that says what is held out ---


def wrong(tmp_path, inputs: str) -> InputError:
    """The error for a template file with these inputs."""
    path = tmp_path / "mine.yaml"
    path.write_text(f'templates: [{{name: one, inputs: "{inputs}", targets: "{{answer}}"}}]')
    with pytest.raises(InputError) as error:
        held_out.check_wordings(read_templates(path), "mine")
    assert "\n" not in str(error.value)
    return error.value


def test_a_template_that_names_a_held_out_attribute_is_one_sentence(tmp_path):
    assert str(wrong(tmp_path, "Which new  name fits? {question}")) == (
        "template file mine.yaml, 'one' says 'new name', which only the exam may ask for: name an "
        "attribute that tuning asks for, or none"
    )


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("as its {relation} {kind} the {thing} would name", "as its {a} the {t} would name"),
        ("A is {a}, B is {b}. Which letter  is right? {question}", "which letter is right?"),
        ("read it. only one is right. {question}{options}", "only one is right."),
        ("{list}: only animals stay. {question}", "only animals stay."),
        ("{input} how many are there?", "how many are there?"),
    ],
)
def test_a_template_in_a_wording_that_is_held_out_is_one_sentence(tmp_path, inputs, said):
    sentence = str(wrong(tmp_path, inputs))
    assert sentence.startswith(f"template file mine.yaml, 'one' says '{said}")
    assert sentence.endswith(", a wording that is held out of tuning: say it in other words")


def test_a_template_with_a_word_that_no_text_has_is_one_sentence(tmp_path):
    assert str(wrong(tmp_path, "{premise} therefore {hypothesis}")).startswith(
        "template file mine.yaml, 'one' says 'therefore', which is no word of the pocket world: "
    )
