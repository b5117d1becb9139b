"""Wrong and borderline values in every field of a run's spec and of a notebook's parameters.

A value is refused in one sentence that names its field, or it is taken. A spec that was made is the
same after a way through JSON, with the same run id, and so is one of an equal value.
"""

import dataclasses
import json
import math
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ci.chaos.common import Trial, sentence
from flanrepro.collection.mixture import PROMPTS
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.fields import Row, make, shown, table
from flanrepro.training.spec import RunSpec

NUMBER = 4400

LONGEST = 1500
"""Most characters of a sentence."""

SPEC = {
    "collection": "pocket",
    "model": "nano",
    "vocabulary": "pocket",
    "steps": 100,
    "batch_size": 4,
    "inputs_length": 64,
    "targets_length": 16,
    "learning_rate": 1e-3,
}
BASES = {RunSpec: SPEC, Job: {}}


class Unwritable:
    """A value that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("several\nlines")


def _nested(depth: int) -> list:
    found: list = []
    for _ in range(depth):
        found = [found]
    return found


NUMBERS = (
    *(math.nan, math.inf, -math.inf, -1, 0, 1, 2, 3, 7, 100, 101, 0.5, 1.5, 4.0, 1.0, 0.0, -0.0),
    *(2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63, -(2**63), 10**400, -(10**400), 10**5000),
    *(sys.float_info.max, sys.float_info.min, 5e-324, -1e-300, 1e30, 1e39, 1 - 1e-17, 1e-46),
    *(True, False, Decimal(1), Fraction(1, 2), 1j, np.int64(4), np.uint8(4), np.float32(0.5)),
    *(np.float64(0.25), np.float16(np.nan), np.bool_(True), np.longdouble(1), np.array(4)),
)
TEXTS = (
    *("", "x", " ", "1", "0.5", "true", "None", "nano ", "NANO", "../..", "4x2", "0x1", "9" * 5000),
    *(
        "\ud800",
        "a\nb",
        "a\rb",
        "a\x00b",
        "a\u2028b",
        "a\x85b",
        "\x1b[31m",
        "é",
        "日本",
        "x" * 10**5,
    ),
    *(
        b"",
        b"nano",
        np.str_("nano"),
        np.bytes_(b"nano"),
        "0123456789ab",
        "google/t5-small-lm-adapt",
    ),
)
OTHERS = (
    *(None, [], (), {}, {"a": 1}, [[]], ["rte"], ("rte", "copa"), ["rte", "rte"], [None], [1]),
    *(["a\nb"], ("\ud800",), [np.str_("rte")], {"rte"}, frozenset(), np.array(["rte"]), "rte"),
    *(object(), Unwritable(), Unwritable, [Unwritable()], len, iter("a"), np.zeros((300, 300))),
    *(_nested(50_000), np.datetime64("2026-01-01"), slice(1), ..., NotImplemented),
)


def values(row: Row) -> Iterator[Any]:
    """The values to try in a field: those of every type, and what lies at its own bounds."""
    yield from (*NUMBERS, *TEXTS, *OTHERS)
    for bound in (row.rule.least, row.rule.most, row.rule.below):
        if bound is not None:
            yield from (bound, bound - 1, bound + 1, float(bound), np.float64(bound))
            yield from (math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf))
    for choice in row.rule.valid():
        yield from (choice, np.str_(choice), choice.upper(), f"{choice} ", f"{choice}\n", [choice])


def trials(number: int, seed: int, folder: Path) -> Iterator[Trial]:
    """Yields a trial per value of a field, in a random order, see `ci.chaos.common.Part`."""
    every = [(spec, row, value) for spec in BASES for row in table(spec) for value in values(row)]
    order = np.random.default_rng(seed).permutation(len(every))
    taken: dict[tuple, list] = {}
    for i in order[:number]:
        spec, row, value = every[i]
        before = taken.setdefault((spec, row.name), [])
        fell = sentence(lambda: _tried(spec, row.name, value, before), row.name)  # noqa: B023
        yield Trial(f"fields of {spec.__name__}", f"{row.name} = {shown(value)}", fell)


def _tried(spec: type, name: str, value: Any, before: list) -> None:
    """Makes a spec with a value, and compares it with itself and with those of equal values."""
    try:
        made = make(spec, **{**BASES[spec], name: value})
    except InputError as error:
        assert len(str(error)) <= LONGEST, f"a sentence of {len(str(error))} characters"
        raise
    text = _text(made)
    # The version of the prompts is written even where it is the default.
    fields = {key: x for key, x in json.loads(text).items() if (key, x) != ("prompts", PROMPTS)}
    for again in (make(spec, **fields), make(spec, **json.loads(_all(made)))):
        assert again == made and _text(again) == text, "JSON makes another one of it"
    kept = getattr(made, name)
    assert kept == kept, "NaN was taken"
    for other, said in before:
        assert (other == made) == (said == text), "equal ones with two names, or one name for two"
        assert (getattr(other, name) == kept) == (other == made), "equal values are not equal specs"
    before.append((made, text))


def _text(spec: Any) -> str:
    return spec.to_json() if isinstance(spec, RunSpec) else _all(spec)


def _all(spec: Any) -> str:
    return json.dumps(dataclasses.asdict(spec), sort_keys=True)
