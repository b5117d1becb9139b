"""Compares checkpoints on every suite, beside the paper's numbers for Flan-T5 XL."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import norm

from flanrepro.evaluation.uncertainty import CONFIDENCE
from flanrepro.experiments.scores import told
from flanrepro.report import coverage
from flanrepro.report.coverage import caption
from flanrepro.report.figures import COLORS, MARKERS, STYLE, new_figure
from flanrepro.report.page import Page, listed
from flanrepro.report.page import table as page_table
from flanrepro.report.panels import PAPER, SETTINGS, SUITES, add_chance, drawn_interval
from flanrepro.report.paper import published

NAMES = SUITES | {"single_task": "Single tasks"}


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per checkpoint, suite and setting.

    Args:
        scores: DataFrame of `flanrepro.experiments.models.score_models`.

    Returns:
        checkpoint, suite, setting, shots, value, low and high (95 % normal interval over items),
        chance, detectable (smallest difference found four times in five), all in per cent, n
        (items), paper (Flan-T5 XL's score in Table 1) and folder; if a suite lacks tasks here, also
        `flanrepro.report.coverage.COVERAGE`.
    """
    table = scores[scores["level"] == "suite"].copy()
    table["setting"] = np.where(table["shots"] > 0, "few_shot", "zero_shot")
    # Rounded to 1.96, the number that printed tables have.
    half = round(norm.ppf((1 + CONFIDENCE) / 2), 2) * table["standard_error"].astype(float)
    table["low"], table["high"] = table["value"] - half, table["value"] + half
    flan_t5 = published("table_1").query("group == 'flan2022'")
    paper = flan_t5.set_index(["suite", "setting"])["value"]
    keys = pd.MultiIndex.from_frame(table[["suite", "setting"]])
    table["paper"] = paper.reindex(keys).to_numpy()
    columns = ["checkpoint", "suite", "setting", "shots", "value", "low", "high", "chance"]
    columns += ["detectable", "n", *coverage.columns(table), "paper", "folder"]
    return told(table[columns].reset_index(drop=True))


def draw(table: pd.DataFrame, paper: bool) -> plt.Figure:
    """Draws a panel per setting with a group of points per suite.

    Error bars are 95 % intervals over items, dashes chance, diamonds the paper's Flan-T5 XL.

    Args:
        table: DataFrame of `table`; checkpoints are drawn in the order of their first rows.
        paper: true: draw the paper's values, which belong to the real suites.
    """
    fig, axes = new_figure(len(SETTINGS), sharey=True)
    asked = dict.fromkeys(table["suite"])
    suites = [*(s for s in NAMES if s in asked), *(s for s in asked if s not in NAMES)]
    titles = [NAMES.get(suite, suite) for suite in suites]
    with mpl.rc_context(STYLE):
        for ax, (setting, title) in zip(axes, SETTINGS.items(), strict=True):
            _draw_panel(ax, table[table["setting"] == setting], suites, paper)
            ax.set(title=title, ylim=(0, 100))
            ax.set_xticks(range(len(suites)), titles, rotation=20)
        axes[0].set_ylabel("score (%)")
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return caption(fig, table)


def _draw_panel(ax: plt.Axes, table: pd.DataFrame, suites: list[str], paper: bool) -> None:
    names = list(dict.fromkeys(table["checkpoint"]))  # side by side, so that bars do not overlap
    shifts = np.linspace(-0.3, 0.3, len(names)) if len(names) > 1 else [0.0]
    for i, (name, shift) in enumerate(zip(names, shifts, strict=True)):
        own = table[table["checkpoint"] == name].set_index("suite")
        x = np.array([suites.index(suite) for suite in own.index]) + shift
        low, high = drawn_interval(own)
        bars = np.array([own["value"] - low, high - own["value"]], float)
        style = {"color": COLORS[i % len(COLORS)], "fmt": MARKERS[i % len(MARKERS)]}
        ax.errorbar(x, own["value"], bars, **style, markersize=4, capsize=2, label=name)
    # Chance and the paper's value do not depend on the checkpoint: one row per suite has them.
    first = table.drop_duplicates("suite").set_index("suite")
    for suite, row in first.iterrows():
        x = suites.index(suite)
        add_chance(ax, x, row["chance"])
        if paper:
            label = "Flan-T5 XL (paper)" if suite == first.index[0] else None
            ax.plot(x, row["paper"], label=label, **PAPER)


def page(made: pd.DataFrame) -> Page:
    """The scores for a notebook's page: a row per suite and setting, a column per checkpoint.

    Args:
        made: DataFrame of `table`.
    """
    keys = {"suite": made["suite"], "setting": made["setting"].str.replace("_", "-")}
    told_once = {"chance": made["chance"], "paper": made["paper"]}
    return _wide(made, keys, "value", told_once)


def differences_page(made: pd.DataFrame) -> Page:
    """Differences on the same items, likewise.

    Args:
        made: DataFrame of `flanrepro.experiments.models.differences`.
    """
    return _wide(made, {"suite": made["suite"], "shots": made["shots"]}, "difference", {})


def _wide(made: pd.DataFrame, keys: dict, value: str, beside: dict) -> Page:
    """A row per key, with the columns `beside`, then per checkpoint `value [low, high]`."""
    numbers = [
        f"{getattr(row, value):.1f} [{row.low:.1f}, {row.high:.1f}]" for row in made.itertuples()
    ]
    rows: dict[tuple, dict] = {}
    for at, key in enumerate(zip(*keys.values(), strict=True)):
        first = {name: _rounded(column.iloc[at]) for name, column in beside.items()}
        row = rows.setdefault(key, dict(zip(keys, key, strict=True)) | first)
        row[made["checkpoint"].iloc[at]] = numbers[at]
    wide = pd.DataFrame(rows.values())
    return page_table(wide.assign(suite=wide["suite"].map(lambda name: NAMES.get(name, name))))


def _rounded(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.1f}"


def found(made: pd.DataFrame) -> Page:
    """A sentence per checkpoint: on how many suites it is above chance, and where it is best.

    Args:
        made: DataFrame of `table`.
    """
    said = []
    for name, own in made.groupby("checkpoint", sort=False):
        known = own[own["chance"].notna()]
        above, below = (
            (known["low"] > known["chance"]).sum(),
            (known["high"] < known["chance"]).sum(),
        )
        best = own.loc[own["value"].idxmax()]
        where = f"{NAMES.get(best['suite'], best['suite'])} {best['setting'].replace('_', '-')}"
        said.append(
            f"{name} is above chance beyond the items' noise on {above} of {len(known)} suites and "
            f"settings, and below it on {below}; its highest score is {best['value']:.1f} on "
            f"{where}."
        )
    return listed(said)
