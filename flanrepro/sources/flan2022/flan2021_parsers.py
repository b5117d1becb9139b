"""Parsers of original files of FLAN 2021's data sets, into rows in the Hub's schema.

A parser yields (where, row) and raises an InputError that names file and line of a bad row. Two
families of files are re-layouts by others, with all texts of a row in one: O-LoRA's
(github.com/cmnfriend/O-LoRA: `sentence`, `label`) and LLM-Adapters'
(github.com/AGI-Edgerunners/LLM-Adapters: `instruction`, `answer`).
"""

import re
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.raw.fields import at, objects, text
from flanrepro.raw.parsers import (
    Columns,
    Parser,
    Row,
    converted,
    csv_with_header,
    described,
    jsonl,
    renamed,
    tsv_with_header,
)
from flanrepro.raw.reading import read_json_object, read_jsonl, read_lines, read_tsv, shown


def _parted(columns: tuple[str, str], form: str, separator: str = " ") -> Parser:
    """Returns a parser of lines of a label, a separator and a text."""

    def read(path: Path) -> Iterator[Row]:
        for n, line in enumerate(read_lines(path), 1):
            label, found, rest = line.partition(separator)
            if not found:
                raise InputError(
                    f"{path}, line {n}: expected {form}, found {shown(line)}; mend the line"
                )
            yield f"{path}, line {n}", dict(zip(columns, (label, rest), strict=True))

    return read


def question_with_choices(path: Path) -> Iterator[Row]:
    """Reads JSON lines of ARC and AI2: question{stem, choices[{text, label}]}, answerKey."""
    fields = ("question.stem", "question.choices", "answerKey")
    # `converted` takes a parser, and these rows are read already, their nested fields checked.
    rows = ((f"{path}, line {n}", row) for n, row in enumerate(read_jsonl(path, fields), 1))
    return converted(lambda: rows, _flat_question)()


def _flat_question(row: Columns) -> Sequence[Columns]:
    choices = objects(row, "question.choices")
    lists = {name: [choice[name] for choice in choices] for name in ("text", "label")}
    return [{**row, "question": row["question"]["stem"], "choices": lists}]


def _prompted_question(row: Columns) -> Sequence[Columns]:
    # The first one's mark is not in the column.
    first, *rest = re.split(r" Answer(\d+): ", row["options"])
    numbers, texts = rest[::2], [first, *rest[1::2]]
    labels = [f"answer{n}" for n in range(1, len(texts) + 1)]
    named = [f"answer{n}" for n in ("1", *numbers)]
    if not labels == named == row["format"].split("/"):
        raise ValueError(f"options are {', '.join(named)}, expected {shown(row['format'])}")
    return [{**row, "choices": {"text": texts, "label": labels}}]


def unified_qa(path: Path) -> Iterator[Row]:
    r"""Reads UnifiedQA: question, `\n` in two characters, (A) text (B) text ..., tab, text."""
    for n, row in enumerate(read_tsv(path, ("input", "answerKey")), 1):
        where = f"{path}, line {n}"
        question, *rest = re.split(r"\s*\(([A-Z])\)\s+", row["input"].replace("\\n", " "))
        letters, texts = rest[::2], rest[1::2]
        # A question or an option may have such a mark too: `vitamin (C) is`.
        if letters != list(string.ascii_uppercase[: len(letters)]):
            raise InputError(
                f"{where}: the options' letters are {', '.join(letters)}, expected A, B and so on; "
                f"mend the line or replace the file"
            )
        # The key is the right option's text, not its letter: labels are the texts, too.
        choices = {"text": texts, "label": texts}
        yield where, {"question": question, "choices": choices, "answerKey": row["answerKey"]}


def squad(path: Path) -> Iterator[Row]:
    """Reads SQuAD's one object: data[title, paragraphs[context, qas[id, question, answers]]]."""
    with at(str(path)):
        articles = objects(read_json_object(path), "data")
    rows = ((f"{path}, article {n}", article) for n, article in enumerate(articles, 1))
    return converted(lambda: rows, _questions)()


def _questions(article: Columns) -> Sequence[Columns]:
    return [
        {
            "id": question["id"],
            "title": article["title"],
            "context": paragraph["context"],
            "question": question["question"],
            "answers": {
                name: [answer[name] for answer in _answers(question)]
                for name in ("text", "answer_start")
            },
        }
        for paragraph in objects(article, "paragraphs")
        for question in objects(paragraph, "qas")
    ]


def _answers(question: Columns) -> Sequence[Columns]:
    found = objects(question, "answers")
    # SQuAD 2.0 marks what its passage does not answer; in 1.1 every question has an answer.
    if not found and question.get("is_impossible") is not True:
        raise ValueError(f"the question {shown(question.get('id'))} has no answer")
    return found


def _multirc(row: Columns) -> Sequence[Columns]:
    passage = row["passage"]
    return [
        {
            "paragraph": passage["text"],
            "question": question["question"],
            "answer": answer["text"],
            "label": answer["label"],
        }
        for question in objects(passage, "questions")
        for answer in objects(question, "answers")
    ]


def _record(row: Columns) -> Sequence[Columns]:
    passage = text(row, "passage.text")
    spans = [(span["start"], span["end"] + 1) for span in objects(row, "passage.entities")]
    # ReCoRD's `end` is an entity's last character, not the one behind it.
    if not all(0 <= start < end <= len(passage) for start, end in spans):
        raise ValueError("an entity's characters are not in the passage")
    entities = [passage[start:end] for start, end in spans]
    return [
        {
            "passage": passage,
            "query": query["query"],
            "entities": list(dict.fromkeys(entities)),
            "answers": list(dict.fromkeys(text(one, "text") for one in objects(query, "answers"))),
        }
        for query in objects(row, "qas")
    ]


def piqa(path: Path, labels: Path) -> Iterator[Row]:
    """Reads PIQA's two files: questions, one JSON object a line, and their labels, one a line."""
    rows, keys = read_jsonl(path), read_lines(labels)
    if len(rows) != len(keys):
        raise InputError(
            f"{labels} has {len(keys)} lines and {path} {len(rows)}; expected as many labels as "
            f"questions, so replace the shorter one"
        )
    for n, (row, key) in enumerate(zip(rows, keys, strict=True), 1):
        yield f"{path}, line {n}", {**row, "label": key}


def cola(path: Path) -> Iterator[Row]:
    """Reads CoLA's four tab-separated columns, which have no header."""
    for n, row in enumerate(read_tsv(path, ("source", "label", "mark", "sentence")), 1):
        yield f"{path}, line {n}", row


def _coarse(row: Columns) -> Sequence[Columns]:
    found = re.fullmatch(r"([A-Z]+):[a-z]+", row["coarse_label"])  # NUM:date
    if not found:
        raise ValueError(f"the label {shown(row['coarse_label'])} is not of the form NUM:date")
    return [{**row, "coarse_label": found[1]}]


_STARS = {"very negative": 0, "negative": 0, "positive": 1, "very positive": 1}


def _polarity(row: Columns) -> Sequence[Columns]:
    """Turns five classes into Yelp polarity's two; three stars are in neither and give nothing."""
    if row["label"] == "neutral":
        return []
    return [{**row, "label": _STARS.get(row["label"], row["label"])}]


# ANLI's annotated files hold all three rounds; a row's tag begins with its round.
_ROUNDS = ("r1", "r2", "r3")


def _of_round(name: str) -> Callable[[Columns], Sequence[Columns]]:
    def rows(row: Columns) -> Sequence[Columns]:
        if row["tag"][:2] not in _ROUNDS:
            raise ValueError(f"the tag '{row['tag']}' names none of {', '.join(_ROUNDS)}")
        return [row] if row["tag"][:2] == name else []

    return rows


_PAIR = {"sentence1": "premise", "sentence2": "hypothesis", "gold_label": "label"}
_ANLI = {"context": "premise", "statement": "hypothesis", "gold_label": "label"}
# The Hub's names, for those in the csv files of Story Cloze.
_STORY = {
    "RandomFifthSentenceQuiz1": "sentence_quiz1",
    "RandomFifthSentenceQuiz2": "sentence_quiz2",
}
_STORY |= {f"InputSentence{n}": f"input_sentence_{n}" for n in range(1, 5)}
_STORY |= {"AnswerRightEnding": "answer_right_ending"}

PARSERS = {
    "question_with_choices": question_with_choices,
    "openbookqa": renamed(question_with_choices, {"question": "question_stem"}),
    "unified_qa": unified_qa,
    "squad": squad,
    "multirc": converted(jsonl, _multirc),
    "record": converted(jsonl, _record),
    "wsc": converted(jsonl, lambda row: [{**row, **row["target"]}]),  # spans are nested there
    "superglue_boolq": renamed(jsonl, {"label": "answer"}),  # BoolQ's own name, and the Hub's
    "nli_pairs": renamed(jsonl, _PAIR),
    "nli_tsv": renamed(tsv_with_header, _PAIR),
    "anli": renamed(jsonl, _ANLI),
    "anli_annotated": renamed(csv_with_header, _ANLI),
    **{f"anli_{name}": converted(jsonl, _of_round(name)) for name in _ROUNDS},
    "piqa": piqa,
    "cola": cola,
    "mrpc": renamed(
        tsv_with_header, {"Quality": "label", "#1 String": "sentence1", "#2 String": "sentence2"}
    ),
    "qqp": renamed(tsv_with_header, {"is_duplicate": "label"}),
    "stsb": renamed(tsv_with_header, {"score": "label"}),
    "sst2": _parted(("label", "sentence"), "a label, a space and a sentence"),
    "trec": converted(
        _parted(("coarse_label", "text"), "COARSE:fine, a space and a question"), _coarse
    ),
    "ag_news": renamed(
        csv_with_header,
        {"Class Index": "label", "Title": "title", "Description": "description"},
    ),
    "e2e": renamed(csv_with_header, {"mr": "meaning_representation", "ref": "human_reference"}),
    "story_cloze": renamed(csv_with_header, _STORY),
    "olora_boolq": renamed(
        described("sentence", "label", r"question: (?P<question>.*)\npassage: (?P<passage>.*)"),
        {"label": "answer"},
    ),
    "olora_wic": described(
        "sentence", "label", r"word: (?P<word>.*)\n(?P<sentence1>.*)\n(?P<sentence2>.*)"
    ),
    "olora_multirc": described(
        "sentence",
        "label",
        r"paragraph: (?P<paragraph>.*)\nquestion: (?P<question>.*)"
        r"\ncandidate answer: (?P<answer>.*)",
    ),
    "olora_qqp": described(
        "sentence",
        "label",
        r"first sentence: (?P<question1>.*)\nsecond sentence: (?P<question2>.*)",
    ),
    "olora_mnli": described(
        "sentence", "label", r"sentence 1: (?P<premise>.*)\nsentence 2: (?P<hypothesis>.*)"
    ),
    "olora_titled": described(
        "sentence", "label", r"Title: (?P<title>.*)\nText: (?P<description>.*)"
    ),
    "olora_text": described("sentence", "label", r"(?P<text>.*)"),
    "olora_yelp": converted(described("sentence", "label", r"Text: (?P<text>.*)"), _polarity),
    "llm_adapters_arc": converted(
        renamed(
            described(
                "instruction",
                "answer",
                r"Please choose the correct answer to the question: (?P<question>.*)"
                r"\n\nAnswer1: (?P<options>.*)\n\nAnswer format: (?P<format>.*)",
            ),
            {"answer": "answerKey"},
        ),
        _prompted_question,
    ),
    "llm_adapters_winogrande": converted(
        described(
            "instruction",
            "answer",
            r"Please choose the correct answer to fill in the blank to complete the given "
            r"sentence: (?P<sentence>.*)\n\nOption1: (?P<option1>.*) Option2: (?P<option2>.*) "
            r"Answer format: (?P<format>.*)",
        ),
        lambda row: [{**row, "answer": row["answer"].removeprefix("option")}],  # the Hub has 1, 2
    ),
}
"""Parsers by the name that a file has in `flan2021.yaml`."""
