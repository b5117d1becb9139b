"""What each part of a claim shows alone: a verdict, or with one seed its sign; and its power."""

import math
import re
from collections.abc import Sequence

from flanrepro.report import item_noise
from flanrepro.report.claim_parts import Part
from flanrepro.report.statistics import detectable, interval, seeds_needed

LEVEL = 0.05
VERDICTS = ("replicates", "opposite", "no effect", "undecided")
"""The verdicts on a part or on a claim that has several seeds."""


def verdict(part: Part) -> str:
    """One of `VERDICTS` for a part alone, its p not adjusted; with one seed one of `SIGNS`.

    So a claim whose parts all replicate has an unadjusted p of at most 5 %.
    """
    if len(part.values) < 2:
        return item_noise.sign(part.ours, part.direction, part.smallest, part.noise)
    holds, fails = part.p
    if min(holds, fails) <= LEVEL:
        return "replicates" if holds < fails else "opposite"
    # An equivalence that holds is `replicates`, never `no effect`.
    return "no effect" if part.direction and is_within(part) else "undecided"


def is_within(part: Part) -> bool:
    """True if the 95 % interval lies within the smallest effect; false for one seed."""
    low, high = interval(part.values)
    return -part.smallest < low and high < part.smallest


def power(parts: Sequence[Part], one_is_enough: bool) -> dict[str, float | int | None]:
    """What the present seeds can see of a claim, and how many it takes, before any adjustment.

    Args:
        parts: parts of one claim.
        one_is_enough: true if one part decides; false: every part has to.

    Returns:
        detectable: the smallest true difference that the part's seeds find, see
        `flanrepro.report.statistics.detectable`; seeds_needed: number of seeds that find one of the
        smallest effect. Both of the part that needs most (least, if one is enough); None without
        parts or where any of them has one seed.
    """
    if not parts or any(len(part.values) < 2 for part in parts):
        return {"detectable": None, "seeds_needed": None}
    worst = min if one_is_enough else max
    pairs = [(part, part.direction == 0) for part in parts]
    return {
        "detectable": worst(detectable(p.values, equivalence=equal) for p, equal in pairs),
        "seeds_needed": worst(seeds_needed(p.values, p.smallest, equal) for p, equal in pairs),
    }


def listed(parts: Sequence[Part]) -> str:
    """The parts by what they show: `replicates 1 of 3 (cot few-shot); undecided 2 of 3 (...)`."""
    found = {name: [] for name in (*VERDICTS, *item_noise.SIGNS)}
    for part in parts:
        found[verdict(part)].append(part.name)
    return "; ".join(
        f"{name} {len(of)} of {len(parts)} ({', '.join(of)})" for name, of in found.items() if of
    )


def alone(text: str) -> dict[str, str]:
    """What each part shows, by its name, from a text of `listed`."""
    kinds = "|".join((*VERDICTS, *item_noise.SIGNS))
    found = re.findall(rf"(?:^|; )({kinds}) \d+ of \d+ \(([^)]*)\)", text)
    return {name: kind for kind, names in found for name in names.split(", ")}


def number(value: float | None, form: str) -> str:
    """A number as text; empty for None and NaN."""
    return "" if value is None or math.isnan(value) else format(value, form)
