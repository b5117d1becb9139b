"""The text that asks and answers says what is so, in wordings of its own."""

import re
from collections import Counter

import pytest

from flanrepro.sources.pocket import flan2021, lexicon, niv2, questions, steps
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.text import BEGINNING, Documents
from flanrepro.sources.pocket.world import INSIDE, KIND_OF, KNOWN, TUNED, WARM, fact

MADE = (
    questions.twin,
    questions.chosen,
    questions.judged,
    questions.checks,
    questions.alike,
    questions.operated,
)


def texts(make, n: int = 300) -> list[str]:
    return [make(Dice(f"{make.__name__} {i}")) for i in range(n)]


def test_every_kind_of_record_has_wordings():
    made = {make.__name__ for make in flan2021.MAKERS.values()}
    assert made == set(questions.WORDINGS["twins"])


@pytest.mark.parametrize("make", MADE)
def test_a_text_is_whole_short_and_of_the_worlds_words(make):
    for text in texts(make):
        assert "{" not in text and ".." not in text and text == " ".join(text.split()), text
        assert re.search(r"\w\.?$", text), text
        assert len(re.findall(r"\w+|[^\w\s]", text)) < 64, text
    lexicon.check_words(texts(make), "a text")


def test_options_are_said_in_some_texts_and_not_in_others():
    ends = [shown.format("").split()[-1] for shown, _ in questions.WORDINGS["options"]]
    assert len(ends) == 7
    among = re.compile(r"(\w+)( or |/| / |, |\? | and |; )(\w+)\2?")
    said = [text for text in texts(questions.chosen) if among.search(text.partition("?")[2])]
    assert 0.5 < len(said) / 300 < 1


def test_a_chosen_answer_is_true():
    for text in texts(questions.chosen):
        named = [name for name in TUNED if f" {name}" in text]
        attribute = max(named, key=len)
        things = [thing for thing in KNOWN if re.search(rf"\b{thing}\b", text)]
        answer = re.search(r"(\w+)(?:, said \w+)?\.$", text)[1]
        if "which of these has" in text:
            value = re.search(rf"the {attribute} (\w+)\?", text)[1]
            assert fact(attribute, answer) == value, text
        else:
            assert answer in {fact(attribute, thing) for thing in things}, text


def test_a_statement_is_judged_by_the_facts():
    judged = {True: 0, False: 0}
    for text in texts(questions.judged):
        attribute = max((name for name in TUNED if f" {name}" in text), key=len)
        kind = TUNED[attribute]
        said = [thing for thing in KNOWN if re.search(rf"\bthe {thing}\b", text)]
        words = re.findall(r"\w+", text)
        holds = any(fact(attribute, thing) in words for thing in said)
        true = any(word in ("yes", "true", "right") for word in words)
        # "is that true?" has one of the words in it.
        true = words[-1] in ("yes", "true", "right") or ("i think" in text and true)
        judged[true] += 1
        if kind not in ("animal", "name"):  # which the wordings name, too
            assert holds == true, text
    assert min(judged.values()) > 100


def test_two_things_are_alike_where_their_values_are():
    for text in texts(questions.alike):
        attribute = max((name for name in TUNED if f" {name}" in text), key=len)
        first, second = (fact(attribute, one) for one in two(text))
        same = first == second
        denied = re.search(r"\bno\b|not the same", text) is not None
        assert denied != same, text


def two(text: str) -> list[str]:
    """The two things that a text compares, which it names first."""
    return [word for word in re.findall(r"\bthe (\w+)", text) if word in KNOWN][:2]


def test_an_operation_is_one_that_tuning_has_and_its_answer_is_right():
    for i in range(200):
        dice = Dice(f"worked {i}")
        text = questions.operated(dice)
        answers = {
            answer
            for one in niv2.choice().trained
            if niv2.told(one, shown(text, one)) in text
            and (answer := worked(one, shown(text, one)))
        }
        assert any(text.endswith(f" {answer}.") for answer in answers - {""}), (text, answers)


def shown(text: str, one: steps.Operation) -> str:
    """The list that a text shows, if it is one for the operation; else empty."""
    kinds = steps.KINDS.get(one.kind)
    runs = re.findall(r"[a-z0-9]+(?: [a-z0-9]+)*", text)
    for run in runs:
        words = run.split()
        if not 3 <= len(words) <= steps.LONGEST:
            continue
        if kinds and all(word in kinds for word in words):
            return run
        if one.kind == "number" and all(word.isdigit() for word in words):
            return run
        if one.kind == "truth" and all(word in ("yes", "no") for word in words):
            return run
        if one.kind == "mixed" and all(steps.KIND_OF.get(word) in steps.MIXED for word in words):
            return run
    return ""


def worked(one: steps.Operation, words: str) -> str:
    """The answer on a list; empty if a step leaves less than two words."""
    after = steps.states(one, words.split())
    last = after[-1] if after else words.split()
    return steps.ANSWERS[one.answer](last) if len(last) >= 2 else ""


def test_checks_go_by_the_story():
    told = {
        "inside": r"the {} is in the (\w+)\.",
        "color": r"the {} is (\w+)\.",
        "food": r"{} has the (\w+)\.",
    }
    said = r"(?:is|does|so)? ?(?:the )?(\w+) (?:is |has |have )?(?:a warm )?(inside|color|food)"
    answered = r"[?.] (?:\w+: )?(yes|no|true|false)\."
    answers = Counter()
    for text in texts(questions.checks):
        for subject, what, answer in re.findall(said + answered, text):
            value = re.search(told[what].format(subject), text)[1]
            holds = value in INSIDE + WARM or KIND_OF[value] == "food"
            assert (answer in ("yes", "true")) == holds, text
            answers[holds] += 1
        # What is denied is false, and what no story tells is open.
        for denial in re.findall(r"(?: not (?!known)[\w ]+)\. (?:\w+: )?(\w+)", text):
            assert denial in ("no", "false"), text
            answers["denied"] += 1
        for untold in re.findall(r" (?:likes|wants|sold) the \w+\. (?:\w+: )?(\w+)", text):
            assert untold in ("maybe", "not"), text
            answers["open"] += 1
    assert len(answers) == 4 and min(answers.values()) > 30, answers


def test_the_text_begins_with_pairs_said_again():
    for i in (0, BEGINNING - 1):
        pairs = Documents(first=0)[i].rstrip(".").split(". ")
        assert set(pairs[-6:]) <= set(pairs[:-6]), pairs
        assert {len(pair.split()) for pair in pairs} == {2}
    # What a vocabulary, a check or a run with replay reads is the text behind its beginning.
    assert Documents()[7] == Documents(first=0)[BEGINNING + 7]
