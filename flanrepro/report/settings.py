"""A notebook's settings as a table: what its runs share, what they differ in, what they cost."""

import re
from collections.abc import Sequence

import pandas as pd

from flanrepro import fields
from flanrepro.experiments.planned import measured
from flanrepro.experiments.profiles import Job
from flanrepro.report.page import Page, table
from flanrepro.sources import SAID
from flanrepro.training.spec import RunSpec

DIGESTS = ("data", "vocabulary_digest")
MOST = 10
"""Most values of a field that are listed."""


def page(job: Job, specs: Sequence[RunSpec]) -> Page:
    """The table of a notebook's settings, and what stands beside the collection's scores.

    Args:
        job: notebook parameters.
        specs: specs of the runs of one seed, see `flanrepro.experiments.planned.planned`.
    """
    made = table(rows(job, specs))
    said = SAID.get(job.collection, "")
    return Page(f"{made.html}<p>{said}</p>", f"{made.text}\n{said}") if said else made


def rows(job: Job, specs: Sequence[RunSpec]) -> pd.DataFrame:
    """A row per setting that differs from `RunSpec`'s default, and one per device for the cost.

    Returns:
        text: setting, value (`different: ...` where the runs differ in it), meaning.
    """
    ships = job.engine == "shipped"
    seeds = job.seeds or job.default_seeds
    how_many = f"{len(specs)} per seed, {'at most ' if ships else ''}{_times(seeds)}"
    made = [("runs", how_many, _of(Job, "seeds"))]
    made += [(name, getattr(job, name), _of(Job, name)) for name in ("profile", "engine")]
    for row in fields.table(RunSpec):
        values = list(dict.fromkeys(getattr(spec, row.name) for spec in specs))
        said = row.name not in (*DIGESTS, "seed") and values != [row.default]
        made += [(row.name, _value(values), _short(row.rule.meaning))] if said else []
    for device, seconds in measured(job, (spec for spec in specs if spec.steps)).items():
        low, high = round(min(seconds)), round(max(seconds))
        took = f"{low}" if low == high else f"{low} to {high}"
        made.append(("seconds per run", took, f"of training, as measured on {device}"))
    return pd.DataFrame(made, columns=["setting", "value", "meaning"])


def _times(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"{seeds} seeds"


def _of(spec: type, name: str) -> str:
    return next(_short(row.rule.meaning) for row in fields.table(spec) if row.name == name)


def _short(meaning: str) -> str:
    """A field's meaning without its further values, and without the function that says more."""
    return re.sub(r",? see `[^`]*`|`", "", meaning.split(";")[0])


def _value(values: Sequence[object]) -> str:
    texts = [_text(value) for value in values]
    if len(texts) == 1:
        return texts[0]
    more = f" and {len(texts) - MOST} more" if len(texts) > MOST else ""
    return f"different: {', '.join(texts[:MOST])}{more}"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    if value is None:  # `none` is a value of some fields
        return "not set"
    return "none" if value == "" else f"{value:g}" if type(value) is float else f"{value}"
