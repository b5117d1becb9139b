"""Converters of rows of FLAN 2021's data sets, where `fields` in `flan2021.yaml` do not suffice.

A converter takes a row and returns its records. Texts are cleaned where the reference cleans them,
in our own way. Data from the web has rows with empty texts: `_whole` leaves them out; elsewhere an
empty text, like an unknown label, is an InputError.
"""

import ast
import json
import re
import string
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flanrepro.collection.task import Record
from flanrepro.errors import InputError
from flanrepro.raw import fields
from flanrepro.raw.fields import Converter, line
from flanrepro.raw.reading import shown

Row = Mapping[str, Any]

UNANSWERABLE = "unanswerable"
_MARK = re.compile(r"\[\w+\]\s*")  # WikiHow's, such as [header]
# Labels are numbers on the Hub and words in others' re-layouts; both are read.
_POLARITY = {"0": "negative", "1": "positive", "bad": "negative", "good": "positive"}
_ENTAILMENT = dict.fromkeys(("0", "entailment"), "yes")
_ENTAILMENT |= dict.fromkeys(("1", "neutral"), "it is not possible to tell")
_ENTAILMENT |= dict.fromkeys(("2", "contradiction"), "no")
_YES_NO = {"0": "no", "1": "yes", "false": "no", "true": "yes"}


def _label(names: Mapping[str, str], value: Any) -> str:
    key = fields.label(value).lower()
    if key not in names:
        raise InputError(
            f"the label {shown(value)} is none of {', '.join(names)}; mend the file or replace it"
        )
    return names[key]


def _whole(**texts: str | None) -> list[Record]:
    record = {name: fields.text(texts, name, "").strip() for name in texts}
    return [record] if all(record.values()) else []


def renaming(**columns: str) -> Converter:
    """Returns a converter that only renames columns (field: column); empty texts give nothing."""
    return lambda row: _whole(**{field: row[column] for field, column in columns.items()})


# Classification.


def snli(row: Row) -> list[Record]:
    """A pair with its label; one without an agreed label (-1, or `-` in files) gives nothing."""
    if fields.label(row["label"]) in ("-1", "-"):
        return []
    answer = _label(_ENTAILMENT, row["label"])
    options = "yes\nit is not possible to tell\nno"
    texts = {name: row[name].strip() for name in ("premise", "hypothesis")}
    return [{**texts, "answer": answer, "options": options}]


def _sentiment(clean: Callable[[str], str]) -> Converter:
    def rows(row: Row) -> list[Record]:
        answer = _label(_POLARITY, row["label"])
        text = clean(row["text"]).strip()
        return [{"text": text, "answer": answer, "options": "negative\npositive"}]

    return rows


# IMDb's texts are cut from HTML; Yelp's have line ends and quotation marks escaped, the latter in
# two ways.


def _without_breaks(text: str) -> str:
    return re.sub(r"(?:<br\s*/?>\s*)+", "\n", text)


def _without_escapes(text: str) -> str:
    return re.sub(r"(?:\\n)+", "\n", text).replace('\\""', '"').replace('\\"', '"')


def glue_qqp(row: Row) -> list[Record]:
    """Two questions; one with quotation marks in it is still quoted as in a csv file."""
    answer = _label(_YES_NO, row["label"])
    sentences = {f"sentence{n}": _unquoted(row[f"question{n}"]) for n in (1, 2)}
    return [{**r, "answer": answer, "options": "no\nyes"} for r in _whole(**sentences)]


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    return text[1:-1].replace('""', '"') if quoted else text


def stsb(row: Row) -> list[Record]:
    """Two sentences; the mean of several judgements is rounded to 0 to 5, as in the reference."""
    options = [str(n) for n in range(6)]
    try:
        answer = f"{float(row['label']):.0f}"
    except (ValueError, TypeError, OverflowError):
        answer = ""
    if answer not in options:
        raise InputError(f"the similarity {shown(row['label'])} is not from 0 to 5; mend the file")
    texts = {name: row[name].strip() for name in ("sentence1", "sentence2")}
    return [{**texts, "answer": answer, "options": "\n".join(options)}]


def wsc(row: Row) -> list[Record]:
    """The text with its pronoun between asterisks, since the word may occur more than once."""
    pronoun, words = row["span2_text"].strip(), row["text"].strip().split(" ")
    at = row["span2_index"]
    # The index counts words between single spaces. A few of the original ones point to another
    # word: there nothing is marked.
    if 0 <= at < len(words) and words[at].strip(string.punctuation).lower() == pronoun.lower():
        start = words[at].lower().index(pronoun.lower())
        end = start + len(pronoun)
        words[at] = f"{words[at][:start]}*{words[at][start:end]}*{words[at][end:]}"
    record = {"text": " ".join(words), "pronoun": pronoun, "noun": row["span1_text"].strip()}
    return [{**record, "answer": _label(_YES_NO, row["label"]), "options": "no\nyes"}]


# Questions.


def record(row: Row) -> list[Record]:
    """The article without the `@highlight` lines that sum it up, and the first of its answers."""
    passage = row["passage"].partition("\n@highlight")[0].strip()
    # An entity is listed once per mention; an option stands once.
    entities = "\n".join(dict.fromkeys(line(entity) for entity in fields.texts(row, "entities")))
    answers = [line(text) for text in fields.texts(row, "answers")]
    texts = {"passage": passage, "query": row["query"].strip(), "answer": answers[0]}
    references = json.dumps(list(dict.fromkeys(answers)), ensure_ascii=False)
    return [{**texts, "references": references, "options": entities}]


def squad(row: Row) -> list[Record]:
    """The first reference is the answer, `unanswerable` where there is none (SQuAD 2.0)."""
    # Some annotators gave a full stop, which the official script drops.
    given = [text for text in fields.texts(row, "answers.text") if re.search(r"\w", text)]
    references = list(dict.fromkeys(given)) or [UNANSWERABLE]
    texts = {"passage": row["context"], "question": row["question"], "answer": references[0]}
    texts["title"] = row["title"].replace("_", " ")  # as in Wikipedia's addresses
    texts["references"] = json.dumps(references, ensure_ascii=False)
    return [{name: text.strip() for name, text in texts.items()}]


def drop(row: Row) -> list[Record]:
    """The first span is the answer; the few rows without one give nothing."""
    answer = next(iter(fields.texts(row, "answers_spans.spans")), "")
    return _whole(passage=row["passage"], question=row["question"], answer=answer)


def _turns(
    texts: Mapping[str, str], questions: Sequence[str], answers: Sequence[str]
) -> list[Record]:
    """Makes a record per question but the first, with the earlier questions and answers.

    `texts` are the fields that all records have alike; if all are empty, there are no records.
    """
    if len(questions) != len(answers):
        raise InputError(f"{len(questions)} questions have {len(answers)} answers; mend the file")
    turns = [f"Q: {line(q)}\nA: {line(a)}" for q, a in zip(questions, answers, strict=True)]
    found = []
    for n in range(1, len(turns)):  # the first question has no dialogue before it
        before = "\n".join(turns[:n])
        found += _whole(dialogue=before, question=questions[n], answer=answers[n])
    return [{**texts, **turn} for turn in found] if any(texts.values()) else []


def coqa(row: Row) -> list[Record]:
    """A record per question; `input_text` has the answers in the annotators' own words."""
    answers = fields.texts(row, "answers.input_text")
    story = {"passage": row["story"].strip()}
    return _turns(story, fields.texts(row, "questions"), answers)


def quac(row: Row) -> list[Record]:
    """An article's title, opening and section, without the section's last word, a mark."""
    columns = {"title": "wikipedia_page_title", "background": "background", "passage": "context"}
    article = {
        name: row[column].replace("CANNOTANSWER", "").strip() for name, column in columns.items()
    }
    answers = [
        UNANSWERABLE if text == "CANNOTANSWER" else text
        for text in fields.texts(row, "orig_answers.texts")
    ]
    return _turns(article, fields.texts(row, "questions"), answers)


def hellaswag(row: Row) -> list[Record]:
    """A context and its four endings, without the marks of WikiHow texts."""
    options = [line(_MARK.sub("", ending)) for ending in fields.texts(row, "endings")]
    if len(options) != 4:
        raise InputError(f"there are {len(options)} endings, expected 4; mend the file")
    answer = options[int(_label({str(n): str(n) for n in range(4)}, row["label"]))]
    # An ending of nothing but a mark is no option: the row gives nothing.
    made = _whole(context=_MARK.sub("\n", row["ctx"]), answer=answer) if all(options) else []
    return [{**r, "options": "\n".join(options)} for r in made]


def math_dataset(row: Row) -> list[Record]:
    r"""The Hub's texts are Python's notation of bytes: "b'Solve 2*x = 4 for x.\n'"."""
    return _whole(question=_decoded(row["question"]), answer=_decoded(row["answer"]))


def _decoded(text: str) -> str:
    if not text.startswith(("b'", 'b"')):
        return text
    try:
        return ast.literal_eval(text).decode()
    except (ValueError, SyntaxError):
        raise InputError(
            f"{shown(text)} is no notation of bytes; mend the file or replace it"
        ) from None


# Generation.


def aeslc(row: Row) -> list[Record]:
    """A mail and its subject, each put on one line."""
    return _whole(text=line(row["email_body"]), answer=line(row["subject_line"]))


def cnn_dailymail(row: Row) -> list[Record]:
    """An article and its highlights as running text."""
    # The highlights are tokenised: a full stop stands apart.
    return _whole(text=row["article"], answer=line(row["highlights"]).replace(" .", "."))


def gigaword(row: Row) -> list[Record]:
    """A text and its headline; as in the reference, masked words or digits give nothing."""
    texts = row["document"], row["summary"]
    # Digits are `#` in the corpus, rare words `UNK` or `<unk>`.
    masked = any("#" in text or "UNK" in text or "<unk>" in text for text in texts)
    return [] if masked else _whole(text=texts[0], answer=texts[1])


def multi_news(row: Row) -> list[Record]:
    """Articles are parted by a blank line instead of `|||||`; a summary loses its leading dash."""
    articles = (text.strip() for text in fields.text(row, "document", "").split("|||||"))
    text = "\n\n".join(filter(None, articles))
    return _whole(text=text, answer=fields.text(row, "summary", "").strip().removeprefix("–"))


def samsum(row: Row) -> list[Record]:
    """A dialogue, whose lines end in line feeds alone, and its summary."""
    return _whole(dialogue=row["dialogue"].replace("\r\n", "\n"), answer=row["summary"])


SHOWN = 10
"""Number of a topic's opinions that a prompt shows, as in the reference."""


def opinions(topic: str, texts: str, answer: str) -> Converter:
    """Returns a converter for columns of a topic, its opinions (a dict of texts) and their gist."""

    def rows(row: Row) -> list[Record]:
        found = [line(text) for text in row[texts].values() if text.strip()][:SHOWN]
        shown = "\n".join(f"- {text}" for text in found)
        about = row[topic].replace("_", " ")
        return _whole(topic=about, text=shown, first="".join(found[:1]), answer=row[answer])

    return rows


LANGUAGES = {
    "cs": "Czech",
    "de": "German",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "ro": "Romanian",
    "ru": "Russian",
    "tr": "Turkish",
}


def translation(code: str, language: str) -> Converter:
    """Returns a converter from English to `language`; inverted templates go the other way."""

    def rows(row: Row) -> list[Record]:
        pair = row["translation"]
        names = {"source_language": "English", "target_language": language}
        return [{**r, **names} for r in _whole(text=pair["en"], answer=pair[code])]

    return rows


def common_gen(row: Row) -> list[Record]:
    """The concepts, on one line and on a line each, and a sentence that has them all."""
    concepts = fields.texts(row, "concepts")
    lists = {"concepts": ", ".join(concepts), "concept_lines": "\n".join(concepts)}
    return _whole(**lists, answer=row["target"])


def dart(row: Row) -> list[Record]:
    """A triple per line; cells in square brackets, such as [TABLECONTEXT], are no data and go."""
    triples = [
        [cell.strip() for cell in triple if not re.fullmatch(r"\[.*\]", cell.strip())]
        for triple in fields.lists(row, "tripleset")
    ]
    data = "\n".join(" | ".join(triple) for triple in triples if triple)
    return _whole(data=data, answer=row["target"])


def web_nlg(row: Row) -> list[Record]:
    """A triple per line, with spaces for underscores."""
    data = "\n".join(fields.texts(row, "input")).replace("_", " ")
    return _whole(data=data, answer=row["target"])


def lambada(row: Row) -> list[Record]:
    """A passage without its last word."""
    text, _, last = row["text"].strip().rpartition(" ")
    return _whole(text=text, answer=last)


PARTS = 80
"""Number of parts of ParaCrawl's 2.4 million English sentences; a task takes one, about 30,000."""


def _spoiled(part: int, spoil: Callable[[str], str]) -> Converter:
    """Returns a converter from what `spoil` makes of an English sentence back to the sentence.

    The reference gives the first 30,000 rows to one task, the next to another. A row does not know
    its number, so the text's checksum assigns it to one task at most. Rows that `spoil` leaves
    unchanged give nothing, as there.
    """

    def rows(row: Row) -> list[Record]:
        text = line(row["translation"]["en"])
        if zlib.crc32(text.encode()) % PARTS != part or spoil(text) == text:
            return []
        return _whole(text=spoil(text), answer=text)

    return rows


CONVERTERS = {
    "snli": snli,
    "imdb_reviews": _sentiment(_without_breaks),
    "yelp_polarity_reviews": _sentiment(_without_escapes),
    "glue_qqp": glue_qqp,
    "stsb": stsb,
    "wsc": wsc,
    "record": record,
    "squad": squad,
    "drop": drop,
    "coqa": coqa,
    "quac": quac,
    "hellaswag": hellaswag,
    "math_dataset": math_dataset,
    "aeslc": aeslc,
    "cnn_dailymail": cnn_dailymail,
    "gigaword": gigaword,
    "multi_news": multi_news,
    "newsroom": renaming(text="text", title="title", answer="summary"),
    "xsum": renaming(text="document", answer="summary"),
    "wiki_lingua": renaming(text="source", answer="target"),
    "samsum": samsum,
    "opinions_idebate": opinions("_debate_name", "_argument_sentences", "_claim"),
    "opinions_rotten_tomatoes": opinions("_movie_name", "_critics", "_critic_consensus"),
    **{
        f"english_{language.lower()}": translation(code, language)
        for code, language in LANGUAGES.items()
    },
    "common_gen": common_gen,
    "dart": dart,
    "web_nlg": web_nlg,
    "lambada": lambada,
    # Tasks that undo the spoiling, each on a part of its own.
    "true_case": _spoiled(0, str.lower),
    "fix_punct": _spoiled(1, lambda text: re.sub(r"[^\w\s]", "", text)),
    "word_segment": _spoiled(2, lambda text: text.replace(" ", "")),
}
"""Converters by the name that `convert` gives in `flan2021.yaml`."""
