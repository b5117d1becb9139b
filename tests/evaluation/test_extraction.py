import json

import pytest

from flanrepro.collection.suites import references
from flanrepro.evaluation.extraction import extract_answer, read_answer
from flanrepro.evaluation.squad import exact_match_and_f1
from flanrepro.sources.flan2022 import bbh

# A kind's cases: text and answer.
NUMBERS = {
    "72": "72",
    "72.0": "72",
    "72.50": "72.5",
    "100": "100",
    "007": "7",
    "0": "0",
    "-0": "0",
    ".5": "0.5",
    "1e5": "100000",
    "12345678901234567890123456789012345": "12345678901234567890123456789012345",
    "1,234,567": "1234567",
    "it costs $1,234.50.": "1234.5",
    "50 %": "50",
    "3 and 4 is 7.": "7",
    "3 and 4 is 7. the answer is 8.": "8",
    "The answer is 8 apples and 2 pears": "8",
    "7 it is. the answer is": "",
    "none": "",
    "": "",
    # signs
    "-3": "-3",
    "-$10": "-10",
    "$-10": "-10",
    "\u22127": "-7",
    "The answer is - 7": "-7",
    "x = - 5": "-5",
    "The answer is (-5).": "-5",
    "COVID-19": "19",
    # LaTeX
    "9{,}500": "9500",
    "9\\,500": "9500",
    "\\boxed{-7}": "-7",
    "the answer is \\frac{3}{4}": "",
    # several numbers
    "5-10": "",
    "3,4": "",
    "1,00": "",
    "the answer is 3/4": "",
    "The answer is 10:30": "",
    "The answer is 5 or 6.": "",
    "The answer is 3, 4 and 5.": "",
    # sums
    "so 5-10 = -5": "-5",
    "The answer is 3 + 4 = 7.": "7",
    "The answer is 7 = 3 + 4": "7",
    # taken back
    "the answer is 5. no, the answer is 6.": "",
    "The answer is 5, no, 6": "",
    "the answer is not 5": "",
    # other conclusions
    "The answer: 12": "12",
    "#### 1,200": "1200",
    "the answer (arabic numerals) is 96 / 2 = 48.": "48",
    "The answer is 27. \n\nThe answer (words) is twenty-seven.": "27",
    "The answer is $$\nx = 80\n$$": "80",
    "_____8142_____": "8142",
}
OPTIONS = {
    "(B)": "B",
    "(b) the dog": "B",
    "B": "B",
    " b.": "B",
    "[B]": "B",
    "**B**": "B",
    "option B": "B",
    "C. the dog": "C",
    "C: (the) dog": "C",
    "(B), the dog": "B",
    "B because it is": "B",
    "I choose (B).": "B",
    "the answer is (C).": "C",
    "so the answer is B.": "B",
    "The answer is: B) dog": "B",
    "(A) is wrong, so the answer is (D)": "D",
    "Final answer: (B)": "B",
    "The final answer: B": "B",
    "(B) is the answer.": "B",
    "(A) is nice. So (B).": "B",
    "a dog": "a dog",
    "e.g. a dog": "e.g. a dog",
    "The Dog.": "the dog",
    "": "",
    # several, or taken back
    "(A) or (C)": "",
    "A or C": "",
    "A, C": "",
    "The answer is (A) or (B).": "",
    "The answer is (A) and (B).": "",
    "The answer is (A). No, (B).": "",
    "The answer is (A). No, the answer is (B).": "",
    "The answer is not (A)": "",
    "neither (A) nor (B)": "",
    "among A through E, the answer is A, B, C, D, or E.": "",
    "the answer is probably A or C.": "",
    # further words
    "the answer is most likely B, homes.": "B",
    "the answer is D. It would take 21 minutes for A and B to fill it.": "D",
    "The answer is A. BECAUSE: the question that she can best answer is: why?": "A",
    "The answer is E, Washington D.C.": "E",
    "B (Refrigerator)": "B",
    "The answer is A dog.": "a dog",
    # a chain of thought that was cut off names no option
    "(A) is wrong because it is big": "",
    "It is big (A). It is": "",
}
TEXTS = {
    "No.": "no",
    " yes ": "yes",
    "'Yes!'": "yes",
    "(no)": "no",
    "the  red\nfox": "the red fox",
    "well-known": "well-known",
    "not duplicates": "not duplicates",
    "...": "",
    "": "",
    # signs and operators are no punctuation
    "-7": "-7",
    "\u22127": "-7",
    "C++": "c++",
    "C#": "c#",
    "50 %": "50%",
    "f(x)": "f(x)",
    "-> maybe.": "maybe",
    "- maybe": "maybe",
    "- 7": "- 7",
    "> ) }": "> ) }",
    # brackets alone are an answer
    "] )": "] )",
    "( )": "( )",
    "from the end: ( [. the answer is ] ) >.": "] ) >",
    # conclusions
    "all birds fly. the answer is no.": "no",
    "Answer: yes": "yes",
    "The final answer: no.": "no",
    "FINAL ANSWER: no": "no",
    "The answer is yes\nExplanation: the moon": "yes",
    "So the answer must be yes": "yes",
    "So, I would say the answer to this question is yes": "yes",
    "They can. So yes": "yes",
    "They can. [yes]": "yes",
    "The answer is yes. No, the answer is no.": "",
}
CASES = [
    (kind, text, answer)
    for kind, cases in (("number", NUMBERS), ("option", OPTIONS), ("text", TEXTS))
    for text, answer in cases.items()
]


@pytest.mark.parametrize(("kind", "text", "answer"), CASES)
def test_an_answer_is_read_by_its_kind(kind, text, answer):
    assert extract_answer(text, kind) == answer


# The endings of the reference's chain-of-thought templates that have a mark of their own; eight of
# its 121, such as the answer as the last word of the reasoning, have none.
ENDINGS = (
    "{} The answer is {}.",
    "{}\nThe answer is:\n\n{}",
    "{}\nSo, I would say the answer to this question is {}",
    "{}\nSo the answer must be {}",
    "{} So the final answer is {}.",
    "{}\nThe final answer: {}",
    "{}\nFINAL ANSWER: {}",
    "{}\nMy answer: {}",
    "{} Answer: {}",
    "{}\n A: {}",
    "{}\nANS: {}",
    "{}\nThe answer: {}\nWhat was the question?",
    "{}. The answer is [{}]",
    "{}. So... {}",
    "{}. So [{}]",
    "{}. So {} is the answer.",
    "{}. [{}]",
    "{}\n{}",
)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("answer", "kind"), [("yes", "text"), ("(B)", "option"), ("12", "number")])
def test_a_conclusion_is_read_in_the_references_words(ending, answer, kind):
    reasoning = "He has 3 cats (A) and 4 dogs. So he has 3 + 4 = 7 pets. No cat is a dog"
    assert read_answer(ending.format(reasoning, answer), [answer], kind)[1]


@pytest.mark.parametrize(
    ("prediction", "reference", "kind", "correct"),
    [
        ("so the answer is 1,000.", "1000.0", "number", True),
        ("1001", "1000", "number", False),
        ("7", "-7", "number", False),
        ("7", "-7", "text", False),
        ("No.", "no", "text", True),
        ("not", "no", "text", False),
        ("(a)", "(A)", "option", True),
        ("(A)", "(B)", "option", False),
        ("", "no", "text", False),
        ("The answer (Yes or No) is Yes.", "yes", "text", True),
        ("No, a chipmunk could not fit in it.", "no", "text", True),
        ("The answer is most likely Yes.", "yes", "text", True),
        ("The answer is yes. It has no wheels.", "yes", "text", True),
        ("The answer is both Yes and No.", "no", "text", False),
        ("There is no way.", "no", "text", False),
        ("Yes", "yes or no", "text", False),
        ("12\nExplanation: 3 cats and 9 dogs", "12", "number", True),
        ("1. He has 3 cats.\n2. He has 9 dogs, 12 in all", "12", "number", True),
        # a reference that itself ends like a conclusion is compared whole
        ("Question: who? Answer: b", "Question: what? Answer: b", "text", False),
        ("The Beatles!", "Beatles", "span", True),
        ("The Beatles!", "Beatles", "text", False),
    ],
)
def test_answers_are_compared_not_texts(prediction, reference, kind, correct):
    assert read_answer(prediction, [reference], kind)[1] is correct


@pytest.mark.parametrize("kind", ["text", "number", "option", "code"])
@pytest.mark.parametrize("prediction", ["", "...", "none"])
def test_a_reference_without_an_answer_is_matched_by_nothing(prediction, kind):
    reference = "" if kind == "code" else "..."
    assert not read_answer(prediction, [reference], kind)[1]


@pytest.mark.parametrize(
    ("prediction", "reference", "correct"),
    [
        ("x = 1", "x=1", True),
        ("if x:\n  y", "if x:\n\ty  # why\n", True),
        ("```python\nx = 1\n```", "x = 1", True),
        ("x[1]", "x[1:]", False),
        ("mask", "~mask", False),
        ("A = 1", "a = 1", False),
        ("if x:\n  y\nz", "if x:\n  y\n  z", False),
        ("    return x", "return x", False),  # a function's body has its indentation
        ("    return x  ", "    return x", True),
        ("int x = 1 ;", "int x = -1 ;", False),
    ],
)
def test_code_is_compared_as_code(prediction, reference, correct):
    assert read_answer(prediction, [reference], "code")[1] is correct


def test_every_accepted_answer_is_right():
    record = {"answer": "one", "references": json.dumps(["one", "one season"])}
    accepted = references(record)
    assert accepted == ("one", "one season")
    assert [read_answer(text, accepted, "span")[1] for text in ("one season", "two")] == [
        True,
        False,
    ]
    assert references({"answer": "one"}) == ("one",)


@pytest.mark.parametrize("prediction", ["", "unanswerable", "the", "red fox", "a red fox", "fox"])
@pytest.mark.parametrize("accepted", [["unanswerable"], ["The red fox", "fox"]])
def test_a_span_is_right_where_squads_script_says_so(prediction, accepted):
    official = exact_match_and_f1(prediction, accepted)[0] == 1
    assert read_answer(prediction, accepted, "span")[1] == official


def test_bbhs_files_have_the_kinds_of_their_answers():
    kinds = {task.name.removeprefix("bbh_"): task.answer for task in bbh.tasks()}
    assert {name for name, kind in kinds.items() if kind == "number"} == set(bbh.NUMBERS)
    assert {name for name, kind in kinds.items() if kind == "text"} == set(bbh.WORDS)
    assert sum(kind == "option" for kind in kinds.values()) == 17
