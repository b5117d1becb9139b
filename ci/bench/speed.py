"""One table of all rates and seconds, from the CSV of the other parts: `python -m ci.bench speed`.

It writes speed.csv, its picture, and the table of docs/speed.md; a test compares.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from ci.bench.common import OUT, ROOT
from ci.bench.picture import ENGINES
from ci.bench.results_page import filled
from flanrepro.markdown import table as as_markdown
from flanrepro.report.figures import COLORS, STYLE, new_figure, write_figure
from flanrepro.whole import write_whole

PAGE = ROOT / "docs" / "speed.md"

COLUMNS = ("what", "unit", "ours", "low", "high", "opponent")
COLUMNS += ("theirs", "theirs_low", "theirs_high", "ratio", "file", "versions")

VERSIONS = ("jax", "torch", "transformers", "lm_eval", "ctranslate2", "seqio", "t5x")

NAMES = {name: label for name, (label, _) in ENGINES.items()} | {
    "harness": "lm-evaluation-harness (Hugging Face)",
    "ctranslate2, float32": "CTranslate2, float32",
    "ctranslate2, int8": "CTranslate2, int8",
}
"""Opponents by their names in the tables."""

SUITES = {("held_in", 0): "Held-In zero-shot", ("mmlu", 3): "MMLU three-shot"}
METHODS = {"rank": "options ranked", "decode": "answers decoded"}


def rows(folder: Path) -> list[dict]:
    """The rows of all tables that are in the folder: `COLUMNS`.

    `ours` and `theirs` are medians, low and high the slowest and the fastest round. `ratio` is
    above 1 where ours is quicker, also where seconds are counted.
    """
    parts = {
        "train.csv": _train,
        "eval.csv": _eval,
        "cold.csv": _cold,
        "data.csv": _data,
        "cache.csv": _cache,
        "reproduce.csv": _reproduce,
    }
    made = []
    for name, part in parts.items():
        if (folder / name).is_file():
            found = pd.read_csv(folder / name)
            common = {"file": name, "versions": _versions(found)}
            made += [dict.fromkeys(COLUMNS) | row | common for row in part(found)]
    return made


def _versions(found: pd.DataFrame) -> str:
    row = found.iloc[0]
    return ", ".join(f"{name} {row[name]}" for name in VERSIONS if name in found)


def _pair(ours: tuple, theirs: tuple = (), opponent: str = "", seconds: bool = False) -> dict:
    """The numbers of a row: each side's median, low and high."""
    row = dict(zip(("ours", "low", "high"), ours, strict=True))
    if not theirs:
        return row
    row |= dict(zip(("theirs", "theirs_low", "theirs_high"), theirs, strict=True))
    ratio = theirs[0] / ours[0] if seconds else ours[0] / theirs[0]
    return row | {"opponent": opponent, "ratio": ratio}


# --- the tables ---


def _train(found: pd.DataFrame) -> Iterator[dict]:
    numbers = ["useful_tokens_per_s", "slowest", "fastest"]
    for (model, optimizer), same in found.groupby(["model", "optimizer"], sort=False):
        (mine,) = same[same["engine"] == "flanrepro"].to_dict("records")
        what = f"training `{model}`, {'AdamW' if optimizer == 'adamw' else 'Adafactor'}"
        for theirs in same[same["engine"] != "flanrepro"].to_dict("records"):
            decoder_only = model.startswith("lm-")
            name = "Hugging Face's Llama" if decoder_only else NAMES[theirs["engine"]]
            pair = _pair(*([one[n] for n in numbers] for one in (mine, theirs)), name)
            yield {"what": what, "unit": "useful tokens/s"} | pair
        share = 100 * mine["utilisation"]
        yield {"what": f"{what}: of the matrix products' rate", "unit": "%", "ours": share}


def _eval(found: pd.DataFrame) -> Iterator[dict]:
    numbers = ["prompts_per_s", "slowest", "fastest"]
    keys = ["model", "suite", "shots", "method", "prompts"]
    for key, same in found.groupby(keys, sort=False):
        model, suite, shots, method, prompts = key
        (mine,) = same[same["engine"] == "flanrepro"].to_dict("records")
        what = f"{prompts:,} {METHODS[method]}, `{model}`, {SUITES[suite, shots]}"
        for theirs in same[same["engine"] != "flanrepro"].to_dict("records"):
            pair = _pair(
                *([one[n] for n in numbers] for one in (mine, theirs)), NAMES[theirs["engine"]]
            )
            yield {"what": what, "unit": "prompts/s"} | pair


def _cold(found: pd.DataFrame) -> Iterator[dict]:
    numbers = ["seconds", "slowest", "fastest"]
    keys = ["model", "suite", "shots", "method", "prompts"]
    for key, same in found.groupby(keys, sort=False):
        model, suite, shots, method, prompts = key
        by = same.set_index("engine")[numbers].T.to_dict("list")
        for engine in ("flanrepro", "flanrepro, compiled before"):
            how = engine.removeprefix("flanrepro")
            what = f"a process, {prompts} {METHODS[method]}, `{model}`, {SUITES[suite, shots]}{how}"
            pair = _pair(by[engine], by["harness"], NAMES["harness"], seconds=True)
            yield {"what": what, "unit": "s"} | pair


def _data(found: pd.DataFrame) -> Iterator[dict]:
    rows = found.set_index("what")

    def numbers(name: str) -> list[float]:
        return rows.loc[name, ["value", "low", "high"]].tolist()

    reference = "the reference, published"
    for kind in ("T5's SentencePiece", "own BPE"):
        label = f"GSM8K few_shot, {kind}"
        if f"{label}, a core" not in rows.index:
            continue
        what = f"few-shot GSM8K tokenized by {kind}, a core"
        mine, alone = (numbers(f"{label}, {n}") for n in ("a core", "SentencePiece alone"))
        published = rows.loc[f"{label}, a core", "value"]
        published /= rows.loc[f"{label}, ratio to the published reference", "value"]
        missing = float("nan")
        same = {"what": what, "unit": "examples/s"}
        yield same | _pair(mine, (published, missing, missing), reference)
        yield same | _pair(mine, alone, "SentencePiece alone")
    workers = rows.index[rows.index.str.fullmatch(r"GSM8K few_shot, .*, \d+ workers")]
    for name in workers:
        one = name.rpartition(", ")[0] + ", one worker"
        what = "few-shot GSM8K tokenized by workers on all cores"
        pair = _pair(numbers(name), numbers(one), "one worker")
        yield {"what": what, "unit": "examples/s"} | pair
    for name, unit in (
        ("import flanrepro", "s"),
        ("flan2022: first prompt, with that", "s"),
        ("first mixture[10_000_000], 2000 tasks", "ms"),
        ("flan2022: few-shot", "prompts/s"),
    ):
        yield {"what": name, "unit": unit} | _pair(numbers(name))


def _cache(found: pd.DataFrame) -> Iterator[dict]:
    value = found.set_index("what")["value"]
    missing = float("nan")
    for collection in ("pocket", "flan2022"):
        mine = value.get(f"{collection}: read from packed files")
        if mine is not None:
            theirs = value[f"{collection}: read by SeqIO, task.get_dataset"]
            pair = _pair(*((one, missing, missing) for one in (mine, theirs)), "SeqIO's cache")
            what = f"{collection} read from packed files, a core"
            yield {"what": what, "unit": "examples/s"} | pair


def _reproduce(found: pd.DataFrame) -> Iterator[dict]:
    share = found.set_index("part")["share"]
    what = "training and rendering, of all cores' seconds of `make reproduce`"
    yield {"what": what, "unit": "%", "ours": 100 * share["training and rendering"]}


# --- the page and the picture ---


def page(old: str, table: pd.DataFrame, folder: Path = OUT) -> str:
    """The page with its tables as they are now."""
    parts, runs = (pd.read_csv(folder / f"{name}.csv") for name in ("reproduce", "reproduce_runs"))
    tables = {"speed": page_table(table), "reproduce": _parts_table(parts)}
    return filled(old, tables | {"reproduce_runs": _runs_table(runs)})


def _parts_table(parts: pd.DataFrame) -> str:
    """The seconds of all cores, and their shares."""
    rows = ((r.part, _number(r.core_seconds), f"{r.share:.1%}") for r in parts.itertuples())
    return as_markdown(("part", "seconds of a core", "share"), rows)


def _runs_table(runs: pd.DataFrame) -> str:
    """The seconds of each run; those of single tasks, and all, are summed up."""
    parts = ["setup", "training", "evaluation"]
    alone = runs[runs["single_task"]]
    shared = runs[~runs["single_task"]].itertuples()
    rows = [(f"`{r.run}`: {r.what}", r.setup, r.training, r.evaluation) for r in shared]
    rows.append((f"{len(alone)} runs of single tasks", *alone[parts].sum()))
    rows.append(("all of them", *runs[parts].sum()))
    return as_markdown(("run", *parts), [(name, *map(_number, of)) for name, *of in rows])


def write_page(table: pd.DataFrame) -> None:
    """Writes docs/speed.md anew."""
    write_whole(PAGE, page(PAGE.read_text("utf-8"), table))


def page_table(table: pd.DataFrame) -> str:
    """The table in Markdown, a row for each of its own."""
    return as_markdown(
        ("what", "here", "beside it", "times as quick", "file"),
        (
            (
                row.what,
                f"{_side(row.ours, row.low, row.high)} {row.unit}",
                "" if pd.isna(row.theirs) else f"{row.opponent}: {_side(*_theirs(row))}",
                "" if pd.isna(row.ratio) else f"{row.ratio:.2g}",
                f"`{row.file}`",
            )
            for row in table.itertuples()
        ),
    )


def _theirs(row) -> tuple[float, float, float]:
    return row.theirs, row.theirs_low, row.theirs_high


def _side(median: float, low: float, high: float) -> str:
    low, high = sorted((low, high))  # of seconds, low is the slowest round's
    said = "" if pd.isna(low) else f" ({_number(low)} to {_number(high)})"
    return f"{_number(median)}{said}"


def _number(value: float) -> str:
    """Three digits, or whole numbers with commas above a thousand."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def draw(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Draws speed.png and speed.svg: how many times as quick ours is, with the rounds' range."""
    compared = table[table["ratio"].notna()][::-1]
    fig, (ax,) = new_figure(1, size=(9, 0.21 * len(compared) + 1))
    opponents = list(dict.fromkeys(table["opponent"].dropna()))
    color = {name: COLORS[i % len(COLORS)] for i, name in enumerate(opponents)}
    with mpl.rc_context(STYLE):
        for y, row in enumerate(compared.itertuples()):
            sides = (row.low / row.theirs_high, row.high / row.theirs_low)
            if row.unit == "s":  # low is the slowest, of most seconds
                sides = (row.theirs_high / row.low, row.theirs_low / row.high)
            ax.plot(sides, (y, y), color=color[row.opponent], lw=2)
            ax.plot(row.ratio, y, "o", color=color[row.opponent], ms=5)
        ax.axvline(1, color="black", lw=1)
        ax.set(xscale="log", xlabel="times as quick as the opponent", ylim=(-1, len(compared)))
        names = [f"{row.what.replace('`', '')} | {row.opponent}" for row in compared.itertuples()]
        ax.set_yticks(range(len(compared)), names, fontsize=7)
        ax.xaxis.set_major_formatter("{x:g}")
    paths = write_figure(fig, folder, "speed")
    plt.close(fig)
    return paths


def table(folder: Path) -> pd.DataFrame:
    """The rows as a table; numbers have as many digits as they are written with."""
    found = pd.DataFrame(rows(folder), columns=COLUMNS)
    text = found.to_csv(index=False, float_format="%.8g")
    return pd.read_csv(io.StringIO(text))
