"""Keeps the campaign's results in `ci/chaos/results.csv`, and writes them as a page."""

import platform
from importlib.metadata import version
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.csv", HERE.parent / "RELIABILITY.md"

COLUMNS = ("part", "kind", "tried", "held", "fell", "seconds", "seed", "versions")

LIBRARIES = ("jax", "orbax-checkpoint", "tensorstore", "grain", "seqio", "numpy", "pandas")

PARTS = {
    "kills": "after every SIGKILL no finished file is lost or half written, the newest checkpoint "
    "is still there and no process is left; in the end all files, parameters and rows are those of "
    "an uninterrupted process, bit for bit, and large remains are gone",
    "records": "one sentence that names the file, or records that account for every row, each row "
    "that was not touched as before",
    "stores": "the result is that of the untouched store, bit for bit, or there is one sentence: "
    "no traceback, no hang, no other parameters, scores or records in silence",
    "models": "one sentence, or finite parameters of the model's shapes; within a bound of time "
    "and memory, nothing executed, nothing written elsewhere",
    "fields": "one sentence, or a spec that is the same with the same name when it is read again; "
    "equal values give equal names",
}
"""The parts, and how a trial of each is judged."""

_HEAD = """\
# What breaks, and what holds

Written by `python -m ci.chaos --write`, from `ci/chaos/results.csv`; `python -m ci.chaos kills`
runs one part, and `--write` replaces its rows alone. The seed decides every fault; of the kills
only those with a delay depend on the machine's speed. The command ends with status 1 if anything
fell, and prints how to repeat it.

"""

_TAIL = """
What the campaign does not cover: a loss of power, which also takes what the system has not yet
written to the disk (SIGKILL does not); faults of the disk itself, for which tests limit sizes of
files; network file systems, whose locks and renames keep fewer promises; runs on several hosts and
on accelerators; the T5X engine and `seqio_cache_tasks`; permissions, since it may run as root;
files that are changed by somebody who also knows and mends their checksums; a plausible other
value where nothing says what the value should be, such as a vocabulary's piece.
"""


def write_page(table: pd.DataFrame, results: Path = RESULTS, page: Path = PAGE) -> None:
    """Puts the table's parts in the place of the kept ones, and writes the page from all.

    Args:
        table: DataFrame of `ci.chaos.__main__.run`.
        results: CSV file that keeps all parts' rows.
        page: Markdown file.
    """
    kept = pd.read_csv(results) if results.is_file() else pd.DataFrame(columns=list(COLUMNS))
    others = kept[~kept["part"].isin(table["part"])]
    whole = pd.concat([others, table], ignore_index=True) if len(others) else table
    order = {part: i for i, part in enumerate(PARTS)}
    whole = whole.sort_values("part", key=lambda names: names.map(order), kind="stable")
    whole.to_csv(results, index=False)
    page.write_text(_HEAD + _text(whole) + _TAIL, "utf-8")


def versions() -> str:
    """Versions of Python and of the libraries that write or read files."""
    found = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"Python {platform.python_version()}, {found}"


def _text(table: pd.DataFrame) -> str:
    lines = [
        "| part | fault | tried | held | fell | seconds |",
        "| --- | --- | --: | --: | --: | --: |",
    ]
    for row in table.itertuples():
        counts = f"{row.tried:,} | {row.held:,} | {row.fell:,} | {row.seconds:,.0f}"
        lines.append(f"| {row.part} | {row.kind} | {counts} |")
    sums = {name: int(table[name].sum()) for name in ("tried", "held", "fell")}
    lines.append(
        f"| all | | {sums['tried']:,} | {sums['held']:,} | {sums['fell']:,} "
        f"| {table['seconds'].sum():,.0f} |"
    )
    minutes = table.groupby("part", sort=False)["seconds"].sum() / 60
    lines += ["", "A trial holds if:", ""]
    lines += [f"- {part}: {PARTS[part]}." for part in table["part"].unique()]
    seeds = table.groupby("part", sort=False)["seed"].first()
    lines += ["", "Seeds: " + ", ".join(f"{part} {seed}" for part, seed in seeds.items()) + "."]
    spent = ", ".join(f"{part} {spent:.1f}" for part, spent in minutes.items())
    lines.append(f"Minutes on two processor cores: {spent}.")
    for text, of in table.groupby("versions", sort=False):
        lines.append(f"Versions ({', '.join(of['part'].unique())}): {text}.")
    return "\n".join(lines) + "\n"
