"""Source `dialog`: what is said next in a conversation, and what a question in one means.

A record's `dialogue` is what was said before, one line per turn, marked `User: ` or `Assistant: `.
Where the two take turns, `turns` holds the same without these marks, as a list in JSON, so that a
format can write its own. The tasks and their records:

| task              | `answer`                         | a record for every                    |
| ----------------- | -------------------------------- | ------------------------------------- |
| `qrecc`           | the answer to the last question  | question with an answer               |
| `wiki_dialog`     | a turn of the assistant          | conversation                          |
| `task_master`     | a turn of the assistant          | turn of the assistant but the first   |
| `qrecc_rewriting` | the question without its context | question but a conversation's first   |
| `trec_cast`       | the same                         | the same                              |
| `trec_cast_2019`  | the user's next question         | the same                              |

The first three are the Flan Collection's; the others are ours. The reference takes one random turn
of every QReCC and WikiDialog conversation, in QReCC only a late one. Here all turns of QReCC and
Taskmaster are taken, and one of each of WikiDialog's eleven million conversations.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.raw.dataset import read_datasets
from flanrepro.raw.fields import at, label, line, objects, optional, text, texts
from flanrepro.raw.reader import tasks_of
from flanrepro.raw.reading import read_json, read_table, shown

Row = tuple[str, Mapping[str, Any]]


def tasks() -> tuple[Task, ...]:
    """Makes a task per data set of `dialog.yaml`; no data is read."""
    return tasks_of(read_datasets("dialog"), "dialog", __name__)


def _turns(said: Sequence[str], speakers: Sequence[str]) -> list[str]:
    return [f"{who}: {line(turn)}" for who, turn in zip(speakers, said, strict=True)]


def _alternating(said: Sequence[str]) -> list[str]:
    return _turns(said, [("User", "Assistant")[i % 2] for i in range(len(said))])


def _next_turn(turns: Sequence[str], answer: str) -> Record:
    """The record that asks for what the assistant says after `turns`, which name their speakers."""
    record = {"dialogue": "\n".join(turns), "answer": answer}
    speakers = [turn.partition(": ")[0] for turn in turns]
    # A format marks turns by their position: another order would give a turn to the wrong speaker.
    if speakers[::-1] == [("User", "Assistant")[i % 2] for i in range(len(turns))]:
        said = [turn.partition(": ")[2] for turn in turns]
        record["turns"] = json.dumps(said, ensure_ascii=False)
    return record


# QReCC: `Context` is question, answer, question, answer ... before `Question`.


def qrecc(row: Mapping[str, Any]) -> list[Record]:
    """The answer is the next turn; a row without one (none was found) gives nothing."""
    answer = line(text(row, "Answer", ""))
    turns = _alternating([*texts(row, "Context"), text(row, "Question")])
    return [_next_turn(turns, answer)] if answer else []


def qrecc_rewriting(row: Mapping[str, Any]) -> list[Record]:
    """The answer is the rewritten question; a conversation's first question gives nothing."""
    history = _alternating(texts(row, "Context"))
    return _rewriting(history, text(row, "Question"), text(row, "Rewrite", ""))


def _rewriting(history: Sequence[str], question: str, rewrite: str) -> list[Record]:
    if not history or not rewrite.strip():
        return []
    dialogue = "\n".join(history)
    return [{"dialogue": dialogue, "question": line(question), "answer": line(rewrite)}]


# WikiDialog: the writer of a passage, whose turns are its sentences, and an imagined reader.


def wiki_dialog(row: Mapping[str, Any]) -> list[Record]:
    """The answer is one of the writer's turns, but no conversation's first."""
    said, authors = texts(row, "utterances"), [label(one) for one in row["author_num"]]
    if not said or len(said) != len(authors):
        raise InputError(
            f"{len(said)} utterances and {len(authors)} authors, expected one author for each of "
            f"at least one; mend the file or replace it"
        )
    writer = authors[-1]  # the last turn is the passage's last sentence
    turns = _turns(said, ["Assistant" if author == writer else "User" for author in authors])
    own = [i for i in range(1, len(said)) if authors[i] == writer]
    if not own:
        return []
    # The passage's name decides, so that a record is the same in every run.
    chosen = own[zlib.crc32(str(row["pid"]).encode()) % len(own)]
    return [_next_turn(turns[:chosen], line(said[chosen]))]


# Taskmaster: conversations as lists of utterances (TM-1, TM-2, TM-3, TM-4, the Hub); or, in the
# folder `splits` of TM-3, one turn and what precedes it as text with markers.

_SPEAKERS = {"user": "User", "assistant": "Assistant", "agent": "Assistant"}


def taskmaster(*paths: Path) -> Iterator[Row]:
    """Reads files of any of the four releases, told apart by their names' ends."""
    for path in paths:
        if path.suffix == ".tsv":
            yield from _marked(path)
        else:
            for n, row in enumerate(read_json(path, ("utterances",)), 1):
                yield f"{path}, record {n}", row


def _marked(path: Path) -> Iterator[Row]:
    # Written by a spreadsheet's rules: quoted cells, doubled quotation marks, CRLF.
    for where, cells in read_table(path, delimiter="\t"):
        if len(cells) != 3:
            raise InputError(
                f"{where}: {len(cells)} tab-separated columns, expected 3 (input, target, "
                f"conversation); mend the line or replace the file"
            )
        yield where, {"input": cells[0], "target": cells[1]}


def task_master(row: Mapping[str, Any]) -> list[Record]:
    """A record per turn of the assistant, after what was said before."""
    if "input" in row:
        # The latest turn stands first; `<C>` begins the context before it.
        latest, *contexts = row["input"].split("<C>")
        if len(contexts) > 1:
            raise InputError("the marker <C> is there twice; mend the file or replace it")
        before = "".join(contexts)
        if before + latest == "<S>":  # the assistant speaks first
            return []
        dialogue = _marked_turns(before + latest, _IN_INPUTS)
        spoken = _marked_turns(row["target"], _IN_TARGETS)
        answer = "\n".join(spoken).removeprefix("Assistant: ")
        return [_next_turn(dialogue, answer)]
    turns = []
    for utterance in objects(row, "utterances"):
        speaker = text(utterance, "speaker").strip().lower()
        if speaker not in _SPEAKERS:
            raise InputError(
                f"the speaker {shown(speaker)} is none of {', '.join(_SPEAKERS)}; mend the "
                f"file or replace it"
            )
        if utterance["text"].strip():
            turns.append((_SPEAKERS[speaker], line(utterance["text"])))
    lines = [f"{speaker}: {said}" for speaker, said in turns]
    return [
        _next_turn(lines[:i], said)
        for i, (speaker, said) in enumerate(turns)
        if i and speaker == "Assistant"  # an opening turn answers nothing
    ]


# The other kind of brackets is a text's own.
_IN_INPUTS = re.compile(r"<(U|A|S|PN|PAN|PAV|PR|PRAN|PRAV)>")
_IN_TARGETS = re.compile(r"\[(U|A|S|PN|PAN|PAV|PR|PRAN|PRAV)\]")
_STARTS = {"U": "User: ", "A": "Assistant: ", "PN": "Call: ", "PR": "Result: "}


def _marked_turns(marked: str, markers: re.Pattern) -> list[str]:
    """Returns turns `<U>` (user) and `<A>` (assistant), calls `<PN>` and results `<PR>` as lines.

    `<PN>find_movies<PAN>location<PAV>nearby` becomes `Call: find_movies, location: nearby`. The
    marker `<S>`, where a conversation starts, says nothing.
    """
    pieces = markers.split(marked)
    turns: list[str] = []
    previous = ""
    # `split` with one group gives text, marker, text, marker, text, ...
    for marker, content in zip(pieces[1::2], map(line, pieces[2::2]), strict=True):
        if marker in _STARTS:
            turns.append(_STARTS[marker] + content)
        elif content if marker == "S" else not turns:
            raise InputError(
                f"expected a turn behind the marker {marker}, found {shown(content)}; mend the "
                f"file or replace it"
            )
        elif marker != "S":
            # A name may have several values, which are listed.
            value_of_name = marker in ("PAV", "PRAV") and marker != previous
            turns[-1] += f": {content}" if value_of_name else f", {content}"
        previous = marker
    if pieces[0].strip() or not turns:
        raise InputError(
            f"expected turns that begin with a marker such as <U> or [A], found {shown(marked)}; "
            f"mend the file or replace it"
        )
    return turns


# TREC CAsT: topics as lists of a user's turns, with or without rewritten questions and responses.


def trec_cast(*paths: Path) -> Iterator[Row]:
    """Yields a row per turn with what was said before; a turn that a file repeats comes once.

    The years differ: 2019 and 2020 have the user's turns alone, 2021 has a `passage` as response,
    2022 a `response`, and a copy of a topic for every way through it.
    """
    for path in paths:
        seen = set()
        for n, topic in enumerate(read_json(path, ("number", "turn")), 1):
            history: list[str] = []
            with at(f"{path}, record {n}"):
                turns = objects(topic, "turn")
            for i, turn in enumerate(turns, 1):
                where = f"{path}, record {n}, turn {i}"
                with at(where):
                    said, rewrite, response = _cast_turn(turn)
                # The ways through a topic share their first turns, then go apart.
                key = (label(topic["number"]), *history, said)
                if key not in seen:
                    seen.add(key)
                    yield where, {"history": list(history), "question": said, "rewrite": rewrite}
                history.append(f"User: {line(said)}")
                if response:
                    history.append(f"Assistant: {line(response)}")


def _cast_turn(turn: Mapping[str, Any]) -> tuple[str, str, str]:
    """Returns a turn's question, its rewriting and the response; the last two may be empty."""
    said = optional(turn, "raw_utterance").strip() or optional(turn, "utterance").strip()
    if not said:
        raise InputError("the turn has no utterance; mend or replace the file")
    response = optional(turn, "response") or optional(turn, "passage")
    return said, optional(turn, "manual_rewritten_utterance"), response


def cast_rewriting(row: Mapping[str, Any]) -> list[Record]:
    """The answer is the rewritten question; a first turn, or one not rewritten, gives nothing."""
    return _rewriting(row["history"], row["question"], row["rewrite"])


def cast_next_question(row: Mapping[str, Any]) -> list[Record]:
    """The answer is the user's question as the next turn; a topic's first gives nothing."""
    if not row["history"]:
        return []
    return [{"dialogue": "\n".join(row["history"]), "answer": line(row["question"])}]


PARSERS = {"taskmaster": taskmaster, "trec_cast": trec_cast}
CONVERTERS = {
    "qrecc": qrecc,
    "qrecc_rewriting": qrecc_rewriting,
    "wiki_dialog": wiki_dialog,
    "task_master": task_master,
    "cast_rewriting": cast_rewriting,
    "cast_next_question": cast_next_question,
}
