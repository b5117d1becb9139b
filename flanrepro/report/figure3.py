"""Figure 3: scores over the share of few-shot training data (section 3.2)."""

from importlib import resources

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import yaml
from scipy import stats

from flanrepro.report.figures import COLORS, MARKERS, STYLE, new_figure

PANELS = {"zero_shot": "Zero-shot evaluation", "few_shot": "Few-shot evaluation"}
SUITES = {
    "held_in": "Held-In",
    "mmlu": "Held-Out (MMLU)",
    "bbh": "Held-Out (BBH)",
    "cot": "CoT",
    "bbh_cot": "BBH, CoT",
}
CLAIMED = ("held_in", "mmlu", "bbh")
"""The suites that the section's claims name."""


def curves(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per point of the figure.

    Args:
        scores: from `flanrepro.experiments.sweep.evaluate_all`.

    Returns:
        evaluation (`zero_shot` or `few_shot`), suite, few_shot_fraction, value (mean over seeds),
        low and high (95 % t-interval over seeds; empty for one seed), chance, seeds, n items, runs.
    """
    suite_scores = scores[scores["task"] == "mean"].copy()
    suite_scores["evaluation"] = suite_scores["shots"].map(
        lambda k: "few_shot" if k else "zero_shot"
    )
    rows = []
    keys = ["evaluation", "suite", "few_shot_fraction"]
    for key, group in suite_scores.groupby(keys):
        low, high = interval(group["value"])
        rows.append(
            dict(zip(keys, key, strict=True))
            | {"value": group["value"].mean(), "low": low, "high": high}
            | {"chance": group["chance"].mean(), "seeds": len(group), "n": group["n"].iloc[0]}
            | {"runs": " ".join(group["run"])}
        )
    return pd.DataFrame(rows)


def interval(values: pd.Series) -> tuple[float, float]:
    """95 % t-interval of the mean; NaN for fewer than two values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return values.mean() - half, values.mean() + half


def draw(table: pd.DataFrame) -> plt.Figure:
    """The figure from `curves`: a panel per evaluation setting, a line per suite, stars at peaks.

    Bands are 95 % intervals over seeds, where there are several; dotted lines are chance.
    """
    fig, axes = new_figure(len(PANELS), sharey=True)
    suites = [suite for suite in SUITES if suite in set(table["suite"])]
    with mpl.rc_context(STYLE):
        for ax, (setting, title) in zip(axes, PANELS.items(), strict=True):
            for color, marker, suite in zip(COLORS, MARKERS, suites, strict=False):
                line = table[(table["evaluation"] == setting) & (table["suite"] == suite)]
                _draw_line(ax, line.sort_values("few_shot_fraction"), color, marker, SUITES[suite])
            ax.set(title=title, xlabel="few-shot prompts in training (%)", xticks=range(0, 101, 25))
        axes[0].set_ylabel("accuracy (%)")
        fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig


def _draw_line(ax: plt.Axes, line: pd.DataFrame, color: str, marker: str, label: str) -> None:
    x = 100 * line["few_shot_fraction"]
    ax.plot(x, line["value"], color=color, marker=marker, markersize=4, label=label)
    ax.fill_between(x, line["low"], line["high"], color=color, alpha=0.15, linewidth=0)
    ax.axhline(line["chance"].mean(), color=color, linestyle=":", linewidth=1)
    if line["value"].nunique() > 1:  # a flat line has no peak
        peak = line["value"].idxmax()
        ax.plot(x[peak], line["value"][peak], marker="*", markersize=13, color=color, mec="black")


def beside_the_paper(scores: pd.DataFrame) -> pd.DataFrame:
    """The section's claims: what the paper says, and the same contrasts on our scores.

    Returns:
        claim, evaluation, suite, paper, ours (a difference in points, or the peak's fraction), low
        and high (95 % interval of differences paired by seed), seeds.
    """
    claims = yaml.safe_load(
        resources.files("flanrepro.report").joinpath("claims.yaml").read_text(encoding="utf-8")
    )
    rows = []
    named = scores[(scores["task"] == "mean") & scores["suite"].isin(CLAIMED)]
    for (suite, shots), group in named.groupby(["suite", "shots"]):
        setting = "few_shot" if shots else "zero_shot"
        wide = group.pivot_table(index="seed", columns="few_shot_fraction", values="value")
        wide = wide.dropna()  # a seed counts where all of its runs are there
        for claim, difference in _contrasts(wide, setting).items():
            low, high = interval(difference)
            rows.append(
                {"claim": claim, "evaluation": setting, "suite": suite}
                | {"contrast": claims[claim]["contrast"], "paper": claims[claim]["paper"]}
                | {"ours": round(difference.mean(), 2), "low": low, "high": high}
                | {"seeds": len(difference)}
            )
    columns = ["claim", "evaluation", "suite", "contrast", "paper", "ours", "low", "high", "seeds"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(columns[:3], ignore_index=True)


def _contrasts(wide: pd.DataFrame, setting: str) -> dict[str, pd.Series]:
    """Per claim, one value per seed; a claim whose fractions were not run is left out."""
    result = {"F14": wide.idxmax(axis=1)}
    little = [f for f in wide.columns if 0.05 <= f <= 0.1]
    if setting == "zero_shot" and little and 0 in wide:
        result["F12"] = wide[little].mean(axis=1) - wide[0]
    if setting == "few_shot" and 0.9 in wide and 1 in wide:
        result["F13"] = wide[0.9] - wide[1]
    return result
