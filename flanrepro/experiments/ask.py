"""One question put to several models: what they answer, and how likely each option is to them."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from flanrepro.collection.prompt import shorten
from flanrepro.collection.question import Question, typed
from flanrepro.collection.task import Protocol, protocol
from flanrepro.data.vocabulary import EOS, Vocabulary, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.load import load
from flanrepro.experiments.profiles import Job
from flanrepro.model import compile_cache, pretrained
from flanrepro.model.model import Model
from flanrepro.training.spec import PRETRAINED, RUN_ID, RunSpec

WORLD = (
    "pocket is a made-up world of some 700 words: these models know its cows, barns and sums, and "
    "nothing else."
)
"""The line under every answer of a model with pocket's vocabulary."""

DEFAULT_MODELS = ("pocket-nano", "pocket-nano-tuned")
"""Names of the checkpoints that are asked unless others are named: before and after tuning."""


def beside(
    job: Job,
    question: str | Question,
    *,
    options: Sequence[str] = (),
    tuned: RunSpec | None = None,
):
    """Answers one prompt before and after tuning, as a DataFrame with a row per model.

    The models are those of `before_and_after(job, tuned)`.

    Args:
        job: the notebook's job.
        question: the prompt's text, which may list options (`Options:`, then `- yes`, `- no`), or
            a question of `flanrepro.collection.question`.
        options: options to list below the text.
        tuned: spec of the tuned run; None: the job's first run of Flan 2022, or what ships.

    Returns:
        columns of `answers`.

    Raises:
        InputError: the question is empty, too long or has bad options, or no tuned model is there.
    """
    asked = typed(question, options) if isinstance(question, str) else question
    return answers(before_and_after(job, tuned), asked)


def before_and_after(job: Job, tuned: RunSpec | None = None) -> dict[str, Model]:
    """The model that the job's runs start from and a tuned one, by name.

    The tuned one is the run of `tuned`, trained first if the store has none; or, without `tuned`,
    the job's first run of Flan 2022 if it is finished, else the tuned checkpoint that ships, else
    that run, trained. With the engine `shipped`, which has no run's parameters, it is always what
    ships. The first model is the one that the tuned one started from.

    Raises:
        InputError: the engine is `shipped`, and nothing tuned of the collection ships.
    """
    if job.engine == "shipped":
        name = pretrained.tuned_name(job.collection)
        if not name:
            raise InputError(
                f"no tuned model of collection '{job.collection}' ships: choose engine local"
            )
        return _pair(name)
    spec = tuned or next(dataclasses.replace(job, seeds=1).specs(mixture="flan2022"))
    ships = pretrained.tuned_name(job.collection, spec.model)
    if not tuned and ships and not job.store.find(spec):
        return _pair(ships)
    after = job.store.get(spec, bar=spec.label())
    if PRETRAINED.fullmatch(spec.start):
        before = {pretrained.find(spec.start).short_name: load(spec.start)}
    else:  # random parameters, the Hub's, or another run's: a run without steps has them
        none = dataclasses.replace(spec, steps=0, warmup_steps=0, decay_steps=0)
        before = {spec.start or "random": job.store.get(none).model()}
    return {**before, spec.run_id: after.model()}


def _pair(tuned: str) -> dict[str, Model]:
    rows = [pretrained.find(pretrained.find(tuned).tuned_from), pretrained.find(tuned)]
    return {row.short_name: load(row.name) for row in rows}


def models_of(names: Sequence[str], runs: Path) -> dict[str, Model]:
    """Models by name: run ids of the store in `runs`, and all that `flanrepro.load` takes."""
    return {name: _model(name, runs) for name in names}


def _model(name: str, runs: Path) -> Model:
    if not RUN_ID.fullmatch(name) or (runs / name).is_dir():
        return load(runs / name if RUN_ID.fullmatch(name) else name)
    raise InputError(
        f"there is no run {name} in {runs}: name the folder that has runs/ with --out, or take one "
        f"of {', '.join(row.short_name for row in pretrained.index().values())}"
    )


def answers(models: Mapping[str, Model], question: Question):
    """The models' answers to a question, as a DataFrame with a row per model.

    Returns:
        columns `model`, `answer` (generated greedily), and per option `p(OPTION)`: its share of
        the probability that the model gives to all options together.

    Raises:
        InputError: the question is longer than a model's input.
    """
    import pandas as pd

    from flanrepro.evaluation.predict import decode, rank

    compile_cache.enable()
    rows = []
    for name, model in models.items():
        how = _protocol(model, question)
        ids = [*model.vocabulary.encode(fitted(model, question).inputs), EOS]
        row = {"model": name, "answer": decode(model, [ids], how.targets_length)[0]}
        if question.options:
            (ranked,) = rank(model, [ids], [question.options])
            odds = np.exp(np.array(ranked.log_likelihoods) - max(ranked.log_likelihoods))
            shares = odds / odds.sum()
            row |= {f"p({one})": share for one, share in zip(question.options, shares, strict=True)}
        rows.append(row)
    return pd.DataFrame(rows)


def fitted(model: Model, question: Question):
    """The prompt with as many of its exemplars as the model's input has room for.

    Raises:
        InputError: it is too long without any.
    """
    longest = _protocol(model, question).inputs_length
    length = lambda prompt: len(model.vocabulary.encode(prompt.inputs)) + 1  # noqa: E731
    prompt = shorten(question.prompt, question.task, lambda one: length(one) <= longest)
    if length(prompt) > longest:
        raise InputError(
            f"the question has {length(prompt)} tokens in the vocabulary of '{model.name}', which "
            f"reads {longest} at most: ask for less, or in fewer words"
        )
    return prompt


def _protocol(model: Model, question: Question) -> Protocol:
    own = protocol("pocket" if knows_pocket(model) else "flan2022", "single_task")
    return question.protocol or own


def knows_pocket(model: Model) -> bool:
    """True if the model has pocket's vocabulary, of whole words."""
    return model.vocabulary.digest == load_vocabulary("pocket").digest


_WORDS = re.compile(r"[^\W_]+|[^\w\s]|_")


def unknown_words(vocabulary: Vocabulary, text: str) -> list[str]:
    """The words and signs of a text that the vocabulary lacks, each once, in order.

    Pocket's vocabulary has whole words, and spells others letter by letter, which its models were
    never taught to read. Of another vocabulary, these are words with a sign that no piece has.
    """
    whole = vocabulary.digest == load_vocabulary("pocket").digest
    words = dict.fromkeys(_WORDS.findall(text.lower()))
    return [word for word in words if not vocabulary.has(word, whole)]
