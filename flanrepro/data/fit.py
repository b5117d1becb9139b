"""Prompts made to fit a run's lengths: a prompt that is too long keeps its question.

A few-shot prompt loses whole exemplars from the end, as in the reference, until the rest fits; one
that would keep none is left out. A zero-shot prompt is cut in the longest field that its pattern
names, then in the next longest, but never in the instruction, the answer options, the answer or the
pattern's own words. Targets are never cut, since a cut answer teaches a wrong one.
"""

import json
from dataclasses import dataclass

import numpy as np

from flanrepro.collection.prompt import Prompt, again
from flanrepro.collection.task import Task
from flanrepro.collection.templates import fields_of
from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED, without_exemplars
from flanrepro.data.vocabulary import Vocabulary

LEAST = 16
"""Number of tokens that a field keeps at least: what is left of a shorter one says nothing."""

WHOLE = ("options", "choices", "answer")
"""Names of fields that are never cut."""

PROMPTS = ("inputs", "input", "asked")
"""Names of fields with a whole prompt in them: one that was rendered before, a record of
Super-Natural Instructions, a question with its options. What is asked mostly comes last."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits, or one that is left out.

    Attributes:
        prompt: prompt as it is read; one that is left out is as it was.
        inputs, targets: int32 ids of its two texts, without EOS; empty if it is left out.
        fate: see `flanrepro.data.fates`.
        tokens: numbers of tokens, with EOS, that inputs and targets had before.
    """

    prompt: Prompt
    inputs: np.ndarray
    targets: np.ndarray
    fate: int
    tokens: tuple[int, int]


def fit(
    prompt: Prompt, task: Task, vocabulary: Vocabulary, inputs_length: int, targets_length: int
) -> Fitted:
    """Makes a prompt fit.

    Args:
        prompt: prompt of a record of `task`, from `flanrepro.collection.prompt.render`.
        task: the prompt's task.
        vocabulary: vocabulary that gives the ids.
        inputs_length, targets_length: number of tokens at most, EOS included.
    """
    inputs, targets = vocabulary.ids(prompt.inputs), vocabulary.ids(prompt.targets)
    tokens = len(inputs) + 1, len(targets) + 1
    if tokens[0] <= inputs_length and tokens[1] <= targets_length:
        return Fitted(prompt, inputs, targets, KEPT, tokens)
    found, room = None, inputs_length - 1
    if tokens[1] <= targets_length:
        # Exemplars that the reference rendered stand within the text, where nothing parts them from
        # the question.
        inseparable = prompt.setting == "few_shot" and not prompt.exemplars
        shorten = _with_fewer_exemplars if prompt.exemplars else _with_cut_fields
        found = None if inseparable else shorten(prompt, task, vocabulary, inputs, room)
    if found is None:
        return Fitted(prompt, inputs[:0], targets[:0], DROPPED, tokens)
    shorter, ids = found
    lost = len(prompt.exemplars) - len(shorter.exemplars)
    return Fitted(shorter, ids, targets, without_exemplars(lost) if lost else TRUNCATED, tokens)


Found = tuple[Prompt, np.ndarray] | None
"""A prompt that fits and its inputs' ids; None: there is none."""


def _with_fewer_exemplars(
    prompt: Prompt, task: Task, vocabulary: Vocabulary, ids: np.ndarray, room: int
) -> Found:
    """The prompt with as many of its first exemplars as `room` tokens hold, at least one."""
    found, most = None, len(prompt.exemplars) - 1
    # From the number that the exemplars' mean length makes likely, up or down to the border.
    shots = min(max(1, len(prompt.exemplars) * room // len(ids)), most)
    upwards = None
    while 1 <= shots <= most:
        shorter = again(task, prompt, shots=shots)
        ids = vocabulary.ids(shorter.inputs)
        fits = len(ids) <= room
        if fits:
            found = shorter, ids
        if upwards is None:
            upwards = fits
        elif fits != upwards:
            break
        shots += 1 if upwards else -1
    return found


def _with_cut_fields(
    prompt: Prompt, task: Task, vocabulary: Vocabulary, ids: np.ndarray, room: int
) -> Found:
    """The prompt with its record's fields cut, the longest first, until `room` tokens hold it."""
    template, turns = prompt.asked.template, prompt.format.turns
    record = dict(task.records(prompt.split)[prompt.record])
    named = fields_of(template.inputs)
    kept = {*WHOLE, *fields_of(template.instruction), *fields_of(template.targets)}
    names = sorted(set(named) - kept)
    lengths = [len(found) for found in vocabulary.encode_batch([record[name] for name in names])]
    for _, name in sorted(zip(lengths, names, strict=True), reverse=True):
        # A dialog is written from its turns, where the format has a style for them.
        field = "turns" if name == "dialogue" and turns else name
        while len(ids) > room:
            over = -(-(len(ids) - room) // named.count(name))
            shorter = _shorter(record[field], field, over, vocabulary)
            if shorter == record[field]:
                break
            record[field] = shorter
            prompt = again(task, prompt, record=record)
            ids = vocabulary.ids(prompt.inputs)
    return (prompt, ids) if len(ids) <= room else None


def _shorter(text: str, field: str, over: int, vocabulary: Vocabulary) -> str:
    """A field's text without about `over` of its tokens; the same if it cannot be shorter."""
    if field == "turns":
        return json.dumps(_last(json.loads(text), over, vocabulary), ensure_ascii=False)
    if field == "dialogue":
        return "\n".join(_last(text.split("\n"), over, vocabulary))
    shorten = _without_passage if field in PROMPTS else _head
    return shorten(text, over, vocabulary)


def _last(turns: list[str], over: int, vocabulary: Vocabulary) -> list[str]:
    """The turns without the first ones: it is the last one that is replied to."""
    if len(turns) == 1:
        return [_head(turns[0], over, vocabulary)]
    first = 0
    for ids in vocabulary.encode_batch(turns[:-1]):
        if over <= 0:
            break
        over -= len(ids)
        first += 1
    return turns[first:]


def _without_passage(text: str, over: int, vocabulary: Vocabulary) -> str:
    """The text with its longest line, which is a passage, cut; at its end if no line is so long."""
    lines = text.split("\n")
    lengths = [len(ids) for ids in vocabulary.encode_batch(lines)]
    longest = lengths.index(max(lengths))
    if lengths[longest] - over < LEAST:
        return _head(text, over, vocabulary)
    lines[longest] = _head(lines[longest], over, vocabulary)
    return "\n".join(lines)


def _head(text: str, over: int, vocabulary: Vocabulary) -> str:
    """The text without the words of its last `over` tokens."""
    ids = vocabulary.ids(text)
    keep = max(len(ids) - over, LEAST)
    if keep >= len(ids):
        return text
    # About as long as the text of these tokens, which has other white space; the caller looks again
    # if that was too long.
    end = min(len(vocabulary.decode(ids[:keep])), len(text) - 1)
    head = text[:end]
    if not text[end].isspace() and len(head.split()) > 1:
        head = head.rsplit(None, 1)[0]
    return head.rstrip() or text
