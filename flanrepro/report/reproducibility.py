"""The reproducibility report: words from `reproducibility.md`, numbers from what ships.

Its form is the summary that the ML Reproducibility Challenge asks for.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable

import pandas as pd

from flanrepro import markdown
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import finished
from flanrepro.model import pretrained
from flanrepro.model.tree import count
from flanrepro.packaged import read_text
from flanrepro.report.by_size import DECIDED
from flanrepro.report.claims import FAMILIES, VERDICTS, every_part, judge
from flanrepro.report.part_verdicts import verdict
from flanrepro.report.scorecard import power
from flanrepro.sources import SAID, load_collection
from flanrepro.version import __version__

PACKAGE = __package__


def report() -> str:
    """The report on the scores that ship, as Markdown."""
    job = Job(engine="shipped")
    every = every_part(finished(job))
    card = judge(every, job.settings.targets)
    said = {"version": __version__, "said": SAID[job.collection]}
    facts = said | _asked(job) | _verdicts(card) | _costs(spent())
    parts = Counter(verdict(part) for of in every.values() for part in of)
    named = ", ".join(f"{number} {name}" for name, number in parts.most_common())
    facts |= {"parts_total": str(parts.total()), "parts": named}
    return read_text(PACKAGE, "reproducibility.md").format(**facts)


def spent() -> pd.DataFrame:
    """What the project computed, a row per kind of work, and what the paper's runs would cost.

    Returns:
        what, runs (their number), hours and device (`core`, or the accelerator), dollars, bounds
        (of a search) and source; empty text where nothing is known.
    """
    file = io.StringIO(read_text(PACKAGE, "spent.csv"))
    return pd.read_csv(file, keep_default_na=False, dtype={"dollars": str})


def _asked(job: Job) -> dict[str, str]:
    """What was trained on what: the profile, its hyperparameters and its model."""
    settings, model = job.settings, job.model or job.settings.model
    params = pretrained.load(pretrained.full_name(job.collection, model))
    names = ("batch_size", "learning_rate", "inputs_length", "targets_length")
    return {
        **{name: str(settings.run[name]) for name in names},
        "collection": job.collection,
        "collection_tasks": f"{len(load_collection(job.collection).tasks):,}",
        "profile": job.profile,
        "model": model,
        "parameters": f"{count(params):,}",
        "steps": f"{settings.run['steps']:,}",
        "replay": f"{settings.run['replay']:.0%}".replace("%", " %"),
    }


def _verdicts(card: pd.DataFrame) -> dict[str, str]:
    """The tables of the primary claims and of the verdicts, and their numbers."""
    primary = card[card["family"] == FAMILIES[0]]
    shown = card[card["verdict"].isin(DECIDED) | card["claim"].isin(primary["claim"])]
    several = [row for row in card.itertuples() if row.seeds > 1]
    rows = ((name, card[card["verdict"] == name]["claim"]) for name in VERDICTS)
    counted = ((name, str(len(of)), ", ".join(of)) for name, of in rows if len(of))
    return {
        "claims": str(len(card)),
        "primary": str(len(primary)),
        "primary_table": markdown.table(
            ("", "claim", "place"), ((r.claim, r.text, r.place) for r in primary.itertuples())
        ),
        "decided_table": markdown.table(
            ("", "claim", "parts alone", "adjusted p", "verdict"), map(_decided, shown.itertuples())
        ),
        "verdict_table": markdown.table(("verdict", "claims", "which"), counted),
        "powered": str(len(several)),
        "blind": str(sum(bool(power(row)) for row in several)),
        "seeds": _span(row.seeds for row in several if row.claim.startswith("F")),
        "flan2021_seeds": _span(card[card["claim"].str.startswith("L")]["seeds"]),
    }


def _decided(row) -> tuple[str, ...]:
    """The cells of a claim; the names of its parts are left to the scorecard."""
    parts = re.sub(r" \([^)]*\)", "", row.by_part)
    p = "" if pd.isna(row.p_adjusted) else f"{row.p_adjusted:.3f}"
    return row.claim, row.text, parts, p, row.verdict


def _span(numbers: Iterable[int]) -> str:
    low, *_, high = sorted([*numbers] * 2)
    return str(low) if low == high else f"{low} to {high}"


def _costs(rows: pd.DataFrame) -> dict[str, str]:
    """The table of costs, the project's own with their sum, and the bounds of the search."""
    own = rows[rows["device"] == "core"]
    total = {
        "what": "all of these",
        "runs": own["runs"].sum(),
        "hours": own["hours"].sum(),
    }
    total |= {"device": "core", "dollars": "", "source": ""}
    table = pd.concat([own, pd.DataFrame([total]), rows[rows["device"] != "core"]])
    cells = (
        (row.what, str(row.runs), f"{row.hours:.1f}", row.device, row.dollars, row.source)
        for row in table.itertuples()
    )
    titles = ("what", "runs", "hours", "of a", "dollars", "source")
    return {"cost_table": markdown.table(titles, cells), "bounds": "".join(rows["bounds"])}
