"""Judges the conditions of a pocket collection, and shows two editions side by side."""

import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flanrepro.errors import InputError
from flanrepro.experiments.condition_runs import Measured
from flanrepro.fields import shown
from flanrepro.packaged import read_yaml
from flanrepro.report.statistics import detectable

HOLDS, FAILS, PARTLY, UNMEASURED = VERDICTS = ("holds", "fails", "holds in part", "not measured")
"""What is said of a condition: one that holds in part has quantities that were not measured."""

COLUMNS = (
    "condition",
    "quantity",
    "what",
    "value",
    "bound",
    "holds",
    "n",
    "runs",
    "seeds",
    "seconds",
)
KEPT = [*COLUMNS, "needs"]
"""Columns of the CSV."""


def conditions() -> dict[str, dict[str, Any]]:
    """The conditions of `conditions.yaml`, by name."""
    return read_yaml("flanrepro.report", "conditions")


def bound_of(row: Mapping[str, Any]) -> str:
    """A quantity's bound in signs, e.g. `>= 80`; empty: it has none."""
    if {"at_least", "at_most"} <= set(row):
        return f"{row['at_least']} to {row['at_most']}"
    signs = {"at_least": ">=", "at_most": "<=", "above": ">"}
    return next((f"{sign} {row[name]}" for name, sign in signs.items() if name in row), "")


def is_met(value: float, row: Mapping[str, Any]) -> bool:
    """True if a value is within a quantity's bound."""
    least, most = row.get("at_least", -math.inf), row.get("at_most", math.inf)
    return least <= value <= most and value > row.get("above", -math.inf)


def table(measured: Iterable[Measured]) -> pd.DataFrame:
    """A row per measured quantity, judged.

    Args:
        measured: what `flanrepro.experiments.conditions.measure` gives.

    Returns:
        condition, quantity, what (it was measured on), value, bound, holds (`holds`, `fails`, `not
        measured`, or nothing where there is no bound), n, runs (run ids), seeds, seconds (of the
        evaluations) and needs (what is needed where it was not measured).
    """
    return pd.DataFrame([_judged(one) for one in measured], columns=KEPT)


def _judged(one: Measured) -> dict[str, Any]:
    row = conditions()[one.condition]["quantities"][one.quantity]
    value, bound = one.value, bound_of(row)
    if one.quantity == "smallest_difference" and not math.isnan(value):
        # Two numbers with the measured spread; how many seeds there will be is a number of its own.
        value = detectable([0, math.sqrt(2) * value], one.seeds)
    holds = "" if not bound else HOLDS if is_met(value, row) else FAILS
    holds = UNMEASURED if math.isnan(value) else holds
    return vars(one) | {"value": value, "bound": bound, "holds": holds}


def verdict(rows: pd.DataFrame, name: str) -> str:
    """One of `VERDICTS` for a condition; all of its bounded quantities have to hold."""
    quantities = conditions()[name]["quantities"]
    bounded = {quantity for quantity, row in quantities.items() if bound_of(row)}
    own = rows[(rows["condition"] == name) & rows["quantity"].isin(bounded)]
    said = set(own["holds"])
    if FAILS in said:
        return FAILS
    if HOLDS not in said:
        return UNMEASURED
    return PARTLY if UNMEASURED in said or set(own["quantity"]) < bounded else HOLDS


def printed(rows: pd.DataFrame) -> str:
    """The table `condition | measured | bound | holds`, a line per quantity, and the verdicts."""
    lines = []
    for name, condition in conditions().items():
        for quantity, row in condition["quantities"].items():
            own = rows[(rows["condition"] == name) & (rows["quantity"] == quantity)]
            if len(own) or name not in set(rows["condition"]):
                said, holds = _said(own, row), _holds(own)
                head = f"{name} {condition['name']}: {row['says']}"
                lines.append((head, said, bound_of(row) or "-", holds))
    head = ("condition", "measured", "bound", "holds")
    verdicts = "\n".join(f"{n} {c['name']}: {verdict(rows, n)}" for n, c in conditions().items())
    return f"{_aligned([head, *lines])}\n\n{verdicts}"


def _holds(own: pd.DataFrame) -> str:
    said = [text for text in own["holds"] if isinstance(text, str) and text]
    return next(
        (text for text in (FAILS, HOLDS, UNMEASURED) if text in said),
        "" if len(own) else UNMEASURED,
    )


def _said(own: pd.DataFrame, row: Mapping[str, Any]) -> str:
    """The measured values in words: the range, and where the bound is missed by most."""
    found = own[own["value"].notna()]
    if not len(found):
        needs = [text for text in own["needs"] if isinstance(text, str) and text]
        return f"needs {needs[0]}" if needs else "needs a check of this condition"
    low, high = found["value"].min(), found["value"].max()
    unit = f" {row['unit']}" if row["unit"] else ""
    text = _number(low) if low == high else f"{_number(low)} to {_number(high)}"
    missed = found[found["holds"] == FAILS]
    if len(found) == 1:
        return f"{text}{unit} ({found['what'].iloc[0]})"
    if not len(missed):
        return f"{text}{unit} ({len(found)} measured)"
    worst = missed.loc[_missed_by(missed["value"], row).idxmax()]
    most = f"{worst['what']} {_number(worst['value'])}"
    return f"{text}{unit} ({len(missed)} of {len(found)} miss: {most})"


def _missed_by(values: pd.Series, row: Mapping[str, Any]) -> pd.Series:
    least = row.get("at_least", row.get("above", -math.inf))
    below, above = least - values, values - row.get("at_most", math.inf)
    return below.where(below > above, above)


def _number(value: float) -> str:
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}"
    return text.rstrip("0").rstrip(".")


def _aligned(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(" | ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def smallest_differences(rows: pd.DataFrame) -> str:
    """A line per suite and setting with the smallest difference found; empty: unmeasured."""
    own = rows[(rows["quantity"] == "smallest_difference") & rows["value"].notna()]
    if not len(own):
        return ""
    lines = [(row.what, f"{row.value:.1f}") for row in own.itertuples()]
    head = ("suite, at 80 % power", "points")
    return _aligned([head, *lines])


def side_by_side(editions: Mapping[str, pd.DataFrame]) -> str:
    """The tables of several collections beside each other, a line per quantity with its bound."""
    lines = [("condition", "bound", *editions)]
    for name, condition in conditions().items():
        for quantity, row in condition["quantities"].items():
            cells = []
            for rows in editions.values():
                own = rows[(rows["condition"] == name) & (rows["quantity"] == quantity)]
                cells.append(_cell(own, row))
            lines.append(
                (f"{name} {condition['name']}: {row['says']}", bound_of(row) or "-", *cells)
            )
        verdicts = (verdict(rows, name) for rows in editions.values())
        lines.append((f"{name} {condition['name']}", "", *verdicts))
    return _aligned(lines)


def _cell(own: pd.DataFrame, row: Mapping[str, Any]) -> str:
    found = own[own["value"].notna()]
    if not len(found):
        return UNMEASURED
    low, high = _number(found["value"].min()), _number(found["value"].max())
    text = low if low == high else f"{low} to {high}"
    missed, unit = int((found["holds"] == FAILS).sum()), f" {row['unit']}" if row["unit"] else ""
    return f"{text}{unit}" + (f", {missed} of {len(found)} miss" if missed else "")


def read(path: Path) -> pd.DataFrame:
    """Reads a table that `flanrepro pocket check` wrote; InputError if there is none."""
    try:
        texts = dict.fromkeys(("what", "bound", "holds", "runs", "needs"), str)
        found = pd.read_csv(io.StringIO(path.read_text("utf-8")), dtype=texts, keep_default_na=True)
        found = found[KEPT].astype({"value": float, "seeds": int, "n": int})
    except (OSError, ValueError, KeyError) as error:  # pandas' own errors are ValueErrors
        raise InputError(
            f"{path} has no measured conditions ({shown(error, 100)}): write it with `flanrepro "
            "pocket check --collection NAME`, or name its folder with --out"
        ) from None
    return found.fillna({name: "" for name in texts})
