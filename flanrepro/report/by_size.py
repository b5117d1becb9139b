"""Claims by size of the model, beside the paper: does a small one predict larger ones' verdicts?"""

import dataclasses
import itertools
import math
import warnings
from collections.abc import Sequence

import pandas as pd

from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job, NoBase
from flanrepro.experiments.results import finished
from flanrepro.model.sizes import SIZES
from flanrepro.report.claim_parts import sign_of
from flanrepro.report.claims import claims, every_part, judge, part_table
from flanrepro.report.item_noise import answers_in

COLUMNS = ("claim", "part", "model", "paper", "ours", "low", "high", "seeds", "verdict", "runs")
LAPTOP = ("nano", "micro", "mini")
NOT_RUN, PAPER = "not run", "paper"
DECIDED = ("replicates", "opposite", "no effect")


def read_sizes(text: str) -> list[str]:
    """The sizes in a text such as `nano,micro,mini`; InputError lists the valid ones."""
    names = [name.strip() for name in text.split(",")]
    if wrong := [name for name in names if name not in SIZES]:
        raise InputError(
            f"sizes '{text}': there is no size '{wrong[0]}': expected names with commas between, "
            f"of {', '.join(SIZES)}"
        )
    return list(dict.fromkeys(names))


def usual_sizes(job: Job) -> tuple[str, ...]:
    """The sizes that train on a laptop if the job's model is one, else those of its profile."""
    own = job.model or job.settings.model
    return LAPTOP if own in LAPTOP else job.settings.sizes


def table(job: Job, sizes: Sequence[str]) -> pd.DataFrame:
    """The claims and their parts at several sizes, all else as the job says; nothing is trained.

    Args:
        job: notebook parameters; its model is replaced.
        sizes: names of sizes, see `flanrepro.model.sizes.SIZES`.

    Returns:
        a row per claim that runs can test, and one per part of it that was run, for each size:
        claim, part (suite and setting, or target; empty: the claim as a whole), model, paper, ours
        (mean over seeds), low and high (95 % t-interval), seeds, verdict (of the claim, see
        `flanrepro.report.claims.scorecard`, or of the part alone), runs (run ids).
    """
    rows = []
    for size in sizes:
        own = dataclasses.replace(job, model=size)
        with warnings.catch_warnings():  # of what would be trained; nothing is
            warnings.simplefilter("ignore", NoBase)
            found = every_part(finished(own), answers_in(own))
        card = judge(found, own.settings.targets)
        parts = dict(iter(part_table(found).groupby("claim", sort=False)))
        for row in card[card["verdict"] != "published"].itertuples():
            whole = (row.claim, "", size, "", math.nan, math.nan, math.nan)
            rows.append((*whole, row.seeds, row.verdict, row.runs))
            for part in parts[row.claim].itertuples() if row.claim in parts else ():
                name = " ".join(filter(None, (part.of, part.setting.replace("_", "-"))))
                measured = (part.paper, part.ours, part.low, part.high)
                rest = (part.seeds, part.verdict, part.runs)
                rows.append((row.claim, name, size, *measured, *rest))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def side_by_side(made: pd.DataFrame) -> pd.DataFrame:
    """A row per claim and per part of it, a column per size, the last one the paper's.

    Args:
        made: DataFrame of `table`.

    Returns:
        text: the verdict of a claim, and the effect of a part with its own verdict. A claim that
        was run at no size has one row.
    """
    sizes, rows = list(dict.fromkeys(made["model"])), {}
    for (claim, part), own in made.groupby(["claim", "part"], sort=False):
        cells = dict.fromkeys(sizes, NOT_RUN) | {row.model: _cell(row) for row in own.itertuples()}
        said = own["paper"].iloc[0]
        rows[claim, part] = cells | {PAPER: said if isinstance(said, str) else f"{said:+.1f}"}
    # A part that only a later size has comes after the claims otherwise.
    order = {name: place for place, name in enumerate(dict.fromkeys(made["claim"]))}
    index = sorted(rows, key=lambda key: order[key[0]])
    found = pd.DataFrame([rows[key] for key in index], columns=[*sizes, PAPER])
    return found.set_index(pd.MultiIndex.from_tuples(index, names=["claim", "part"]))


def _cell(row) -> str:
    if not row.part:
        return row.verdict
    interval = "" if math.isnan(row.low) else f" [{row.low:.1f}, {row.high:.1f}]"
    return f"{row.ours:+.1f}{interval}, {row.verdict}"


def agreement(made: pd.DataFrame) -> pd.DataFrame:
    """How far each size's results are those of each larger one, and of the paper.

    Args:
        made: DataFrame of `table`.

    Returns:
        a row per pair: model, other (a larger size, or `paper`), parts (number that both have, with
        a sign), same_sign (number of these whose effects have the same sign), claims (number that
        both decide: `replicates`, `opposite` or `no effect`), same_verdict (number of these). The
        paper's own verdict is `replicates`; its equivalences have no sign.
    """
    signs, verdicts = _signs(made), _verdicts(made)
    rows = []
    for model, other in itertools.combinations([*_from_smallest(made), PAPER], 2):
        of_parts = signs[[model, other]].dropna()
        of_claims = verdicts[[model, other]].dropna()
        rows.append(
            {"model": model, "other": other, "parts": len(of_parts)}
            | {"same_sign": int((of_parts[model] == of_parts[other]).sum())}
            | {"claims": len(of_claims)}
            | {"same_verdict": int((of_claims[model] == of_claims[other]).sum())}
        )
    return pd.DataFrame(rows)


def _from_smallest(made: pd.DataFrame) -> list[str]:
    found = set(made["model"])
    return [size for size in SIZES if size in found]


def _signs(made: pd.DataFrame) -> pd.DataFrame:
    """The sign of each part's effect, a column per size and one of the paper; NaN: none."""
    measured = made[made["part"] != ""]
    equivalences = [name for name, of in claims().items() if of.get("direction") == "none"]
    measured = measured[~measured["claim"].isin(equivalences)]
    signs = measured.assign(ours=measured["ours"].map(_sign))
    wide = signs.pivot_table(index=["claim", "part"], columns="model", values="ours")
    paper = signs.drop_duplicates(["claim", "part"]).set_index(["claim", "part"])["paper"]
    wide[PAPER] = paper.map(lambda said: sign_of(said) if isinstance(said, str) else _sign(said))
    return wide.reindex(columns=[*_from_smallest(made), PAPER])


def _sign(value: float) -> float:
    return math.nan if value == 0 else math.copysign(1.0, value)


def _verdicts(made: pd.DataFrame) -> pd.DataFrame:
    """The verdict of each claim that is decided, a column per size; NaN: it is not."""
    whole = made[(made["part"] == "") & made["verdict"].isin(DECIDED)]
    wide = whole.pivot(index="claim", columns="model", values="verdict")
    wide[PAPER] = "replicates"
    return wide.reindex(columns=[*_from_smallest(made), PAPER])


def printed(made: pd.DataFrame) -> str:
    """The table of `side_by_side` as text, claim by claim, and the sentences of `agreement`."""
    lines, never = [], []
    for claim, rows in side_by_side(made).groupby(level="claim", sort=False):
        if (rows == NOT_RUN).drop(columns=PAPER).all(axis=None):
            never.append(claim)
            continue
        lines += [f"{claim}: {claims()[claim]['claim']}", *_padded(rows.droplevel("claim")), ""]
    if never:
        lines += [f"{NOT_RUN} at any of these sizes: {', '.join(never)}", ""]
    return "\n".join([*lines, *sentences(agreement(made))])


def _padded(rows: pd.DataFrame) -> list[str]:
    texts = [["", *rows.columns], *([part or "verdict", *row] for part, *row in rows.itertuples())]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    padded = ([t.ljust(w) for t, w in zip(row, widths, strict=True)] for row in texts)
    return [f"    {'  '.join(row)}".rstrip() for row in padded]


def sentences(pairs: pd.DataFrame) -> list[str]:
    """A sentence per row of `agreement`."""
    return [
        f"{row.model} and {row.other}: "
        + (
            f"{row.same_sign} of {row.parts} parts have the same sign; {row.same_verdict} of "
            f"{row.claims} claims that both decide have the same verdict"
            if row.parts
            else "no part in common"
        )
        for row in pairs.itertuples()
    ]
