"""From rows of FLAN 2021's data sets to records, where `fields` in `flan2021.yaml` cannot say it.

Where the reference cleans texts, so do we, in our own way. Texts from the web come with empty ones
among them. Where `_whole` makes a record, such rows are left out; anywhere else an empty text is an
error.
"""

import re
import string
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flanrepro.collection.task import Record
from flanrepro.errors import InputError
from flanrepro.raw.fields import line
from flanrepro.raw.reader import Converter

Row = Mapping[str, Any]

UNANSWERABLE = "unanswerable"
_MARK = re.compile(r"\[\w+\]\s*")
_BYTES = re.compile(r"b(['\"])(.*?)(?:\\n)?\1")
_POLARITY = {"0": "negative", "1": "positive", "bad": "negative", "good": "positive"}
_ENTAILMENT = dict.fromkeys(("0", "entailment"), "yes")
_ENTAILMENT |= dict.fromkeys(("1", "neutral"), "it is not possible to tell")
_ENTAILMENT |= dict.fromkeys(("2", "contradiction"), "no")
_YES_NO = {"0": "no", "1": "yes", "false": "no", "true": "yes"}


def _label(names: Mapping[str, str], value: Any) -> str:
    key = str(value).strip().lower()
    if key not in names:
        raise InputError(
            f"the label '{value}' is none of {', '.join(names)}; mend the file or replace it"
        )
    return names[key]


def _whole(**texts: str | None) -> list[Record]:
    record = {name: (text or "").strip() for name, text in texts.items()}
    return [record] if all(record.values()) else []


def renaming(**columns: str) -> Converter:
    """Converter with texts under other names (field: column), without those where one is empty."""
    return lambda row: _whole(**{field: row[column] for field, column in columns.items()})


# Classification.


def snli(row: Row) -> list[Record]:
    """Pairs on which the annotators did not agree have the label -1, in the original files `-`."""
    if str(row["label"]) in ("-1", "-"):
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


def _without_breaks(text: str) -> str:
    return re.sub(r"(?:<br\s*/?>\s*)+", "\n", text)


def _without_escapes(text: str) -> str:
    return re.sub(r"(?:\\n)+", "\n", text).replace('\\""', '"').replace('\\"', '"')


def glue_qqp(row: Row) -> list[Record]:
    """Questions with quotation marks in them are still quoted as in a csv file."""
    answer = _label(_YES_NO, row["label"])
    sentences = {f"sentence{n}": _unquoted(row[f"question{n}"]) for n in (1, 2)}
    return [{**r, "answer": answer, "options": "no\nyes"} for r in _whole(**sentences)]


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    return text[1:-1].replace('""', '"') if quoted else text


def stsb(row: Row) -> list[Record]:
    """The mean of several judgements, rounded as the reference does."""
    options = [str(n) for n in range(6)]
    try:
        answer = f"{float(row['label']):.0f}"
    except ValueError:
        answer = ""
    if answer not in options:
        raise InputError(f"the similarity '{row['label']}' is not from 0 to 5; mend the file")
    texts = {name: row[name].strip() for name in ("sentence1", "sentence2")}
    return [{**texts, "answer": answer, "options": "\n".join(options)}]


def wsc(row: Row) -> list[Record]:
    """The pronoun is marked in the text, where it may occur more than once."""
    pronoun, words = row["span2_text"].strip(), row["text"].strip().split(" ")
    at = row["span2_index"]
    # A few of the original indices point to another word: there nothing is marked.
    if at < len(words) and words[at].strip(string.punctuation).lower() == pronoun.lower():
        start = words[at].lower().index(pronoun.lower())
        end = start + len(pronoun)
        words[at] = f"{words[at][:start]}*{words[at][start:end]}*{words[at][end:]}"
    record = {"text": " ".join(words), "pronoun": pronoun, "noun": row["span1_text"].strip()}
    return [{**record, "answer": _label(_YES_NO, row["label"]), "options": "no\nyes"}]


# Questions.


def record(row: Row) -> list[Record]:
    """The article alone, without the `@highlight` lines that sum it up; the first answer."""
    passage = row["passage"].partition("\n@highlight")[0].strip()
    entities = "\n".join(dict.fromkeys(line(entity) for entity in row["entities"]))
    answer = line(row["answers"][0])
    return [
        {"passage": passage, "query": row["query"].strip(), "answer": answer, "options": entities}
    ]


def squad(row: Row) -> list[Record]:
    """The first reference; a word of its own where there is none (SQuAD 2.0)."""
    references = list(dict.fromkeys(line(text) for text in row["answers"]["text"]))
    texts = {"passage": row["context"], "question": row["question"]}
    texts["answer"] = next(iter(row["answers"]["text"]), UNANSWERABLE)
    texts["references"] = "\n".join(references or [UNANSWERABLE])
    return [{name: text.strip() for name, text in texts.items()}]


def drop(row: Row) -> list[Record]:
    """The first span of the answer; the few rows without one are left out."""
    answer = next(iter(row["answers_spans"]["spans"]), "")
    return _whole(passage=row["passage"], question=row["question"], answer=answer)


def _turns(passage: str, questions: Sequence[str], answers: Sequence[str]) -> list[Record]:
    """One record per question but the first, with the earlier ones and their answers."""
    if len(questions) != len(answers):
        raise InputError(f"{len(questions)} questions have {len(answers)} answers; mend the file")
    turns = [f"Q: {line(q)}\nA: {line(a)}" for q, a in zip(questions, answers, strict=True)]
    found = []
    for n in range(1, len(turns)):
        before = "\n".join(turns[:n])
        found += _whole(passage=passage, dialogue=before, question=questions[n], answer=answers[n])
    return found


def coqa(row: Row) -> list[Record]:
    """Answers in the annotators' words."""
    return _turns(row["story"], row["questions"], row["answers"]["input_text"])


def quac(row: Row) -> list[Record]:
    """The passage is title, background and section; its last word stands for `no answer`."""
    texts = (row["wikipedia_page_title"], row["background"], row["context"])
    passage = "\n".join(text.replace("CANNOTANSWER", "").strip() for text in texts)
    answers = [
        UNANSWERABLE if text == "CANNOTANSWER" else text for text in row["orig_answers"]["texts"]
    ]
    return _turns(passage, row["questions"], answers)


def hellaswag(row: Row) -> list[Record]:
    """Without the marks of WikiHow texts, such as [header] and [step]."""
    options = [line(_MARK.sub("", ending)) for ending in row["endings"]]
    answer = options[int(_label({str(n): str(n) for n in range(4)}, row["label"]))]
    made = _whole(context=_MARK.sub("\n", row["ctx"]), answer=answer) if all(options) else []
    return [{**r, "options": "\n".join(options)} for r in made]


def math_dataset(row: Row) -> list[Record]:
    r"""The Hub's texts are Python's notation of bytes: "b'Solve 2*x = 4 for x.\n'"."""
    return _whole(question=_decoded(row["question"]), answer=_decoded(row["answer"]))


def _decoded(text: str) -> str:
    notation = _BYTES.fullmatch(text)
    return notation[2] if notation else text


# Generation.


def aeslc(row: Row) -> list[Record]:
    """Mail and subject, each on one line."""
    return _whole(text=line(row["email_body"]), answer=line(row["subject_line"]))


def cnn_dailymail(row: Row) -> list[Record]:
    """The highlights as running text."""
    return _whole(text=row["article"], answer=line(row["highlights"]).replace(" .", "."))


def gigaword(row: Row) -> list[Record]:
    """As in the reference, without rows in which words or digits are masked."""
    texts = row["document"], row["summary"]
    masked = any("#" in text or "UNK" in text or "<unk>" in text for text in texts)
    return [] if masked else _whole(text=texts[0], answer=texts[1])


def multi_news(row: Row) -> list[Record]:
    """Articles are parted by a blank line instead of `|||||`."""
    articles = (text.strip() for text in row["document"].split("|||||"))
    text = "\n\n".join(filter(None, articles))
    return _whole(text=text, answer=row["summary"].strip().removeprefix("–"))


def samsum(row: Row) -> list[Record]:
    """Line feeds alone end the lines."""
    return _whole(dialogue=row["dialogue"].replace("\r\n", "\n"), answer=row["summary"])


SHOWN = 10
"""Opinions of a topic that a prompt shows, as in the reference."""


def opinions(topic: str, texts: str, answer: str) -> Converter:
    """The first opinions, one per line."""

    def rows(row: Row) -> list[Record]:
        found = [line(text) for text in row[texts].values() if text.strip()][:SHOWN]
        shown = "\n".join(f"- {text}" for text in found)
        return _whole(topic=row[topic].replace("_", " "), text=shown, answer=row[answer])

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
    """From English; the inverted templates go the other way."""

    def rows(row: Row) -> list[Record]:
        pair = row["translation"]
        names = {"source_language": "English", "target_language": language}
        return [{**r, **names} for r in _whole(text=pair["en"], answer=pair[code])]

    return rows


def common_gen(row: Row) -> list[Record]:
    """Concepts in one line."""
    return _whole(concepts=", ".join(row["concepts"]), answer=row["target"])


def dart(row: Row) -> list[Record]:
    """A triple per line. Cells in square brackets, such as [TABLECONTEXT], hold no data."""
    triples = [
        [cell.strip() for cell in triple if not re.fullmatch(r"\[.*\]", cell.strip())]
        for triple in row["tripleset"]
    ]
    data = "\n".join(" | ".join(triple) for triple in triples if triple)
    return _whole(data=data, answer=row["target"])


def web_nlg(row: Row) -> list[Record]:
    """A triple per line, with spaces for underscores."""
    return _whole(data="\n".join(row["input"]).replace("_", " "), answer=row["target"])


def lambada(row: Row) -> list[Record]:
    """A passage without its last word."""
    text, _, last = row["text"].strip().rpartition(" ")
    return _whole(text=text, answer=last)


PARTS = 80
"""Of ParaCrawl's 2.4 million English sentences each of three tasks takes one part in 80."""


def _spoiled(part: int, spoil: Callable[[str], str]) -> Converter:
    """English sentences and what they are without something; each sentence is in one task at most.

    The reference takes the first 30,000, the next and the next. A row does not know its number, so
    here the text decides; rows that stay as they were are left out, as there.
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
    "newsroom": renaming(text="text", answer="summary"),
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
    "true_case": _spoiled(0, str.lower),
    "fix_punct": _spoiled(1, lambda text: re.sub(r"[^\w\s]", "", text)),
    "word_segment": _spoiled(2, lambda text: text.replace(" ", "")),
}
"""By the names that `rows` has in `flan2021.yaml`."""
