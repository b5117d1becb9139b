"""FLAN 2021's figures: clusters held out, and what its ablations vary, beside the paper's numbers.

The paper's model has 137 B parameters, and its clusters other data: what can be compared is the
sign and the order of differences, not the height of bars.
"""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.collection.clusters import title
from flanrepro.experiments.flan2021 import CLUSTERS, MIXTURE, OF_INSTRUCTIONS, UNSEEN
from flanrepro.model.sizes import MODELS
from flanrepro.report.claim_parts import averaged
from flanrepro.report.coverage import caption
from flanrepro.report.figures import COLORS, MARKERS, STYLE, new_figure
from flanrepro.report.panels import PAPER as DIAMOND
from flanrepro.report.panels import add_band, add_chance, add_legend, draw_bars
from flanrepro.report.paper import published
from flanrepro.report.statistics import over_seeds

LIGHT, HATCH = ("#9CC7E3", "#F0B58A"), "///"
"""Light shades of the first two colours; tuned models are hatched, for print without colours."""

BARS = {
    "untuned zero_shot": ("not tuned, zero-shot", {"color": LIGHT[0]}),
    "untuned few_shot": ("not tuned, few-shot", {"color": COLORS[0]}),
    "tuned zero_shot": ("tuned, zero-shot", {"color": LIGHT[1], "hatch": HATCH}),
    "tuned few_shot": ("tuned, few-shot", {"color": COLORS[1], "hatch": HATCH}),
}
PAPER = "the paper (137 B)"
MEAN = "mean"

ABLATIONS = ("templates", "options", "instructions")
"""The ablations that share a figure; the sweep of each is `flan2021_` and its name."""

OPTIONS = {
    "with, asked with": (MIXTURE, "each"),
    "with, asked without": (MIXTURE, "each_nooptions"),
    "without, asked with": ("flan2021_original_without_options", "each"),
    "without, asked without": ("flan2021_original_without_options", "each_nooptions"),
}
INSTRUCTIONS = {
    "instructions": ("", "each"),
    "no template": ("none", "each"),
    "data set's name": ("name", "each"),
    "name, asked by name": ("name", "name"),
}
"""The bars of Figure 8 in its order, each with the form of training and of asking."""


def clusters_table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per cluster, state, setting and way of asking of `flan2021_clusters`.

    Returns:
        cluster, state (`untuned` or `tuned`), setting, asking, the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent, and paper (the mean over the
        cluster's data sets, of FLAN by the mean template and of LaMDA-PT; BLEU for translation).
    """
    keys = ["suite", "state", "setting", "asking"]
    made = over_seeds(scores, keys).rename(columns={"suite": "cluster"})
    stated = _of_clusters()
    places = zip(made["cluster"], made["state"], made["setting"], strict=True)
    made["paper"] = [stated.get(place) for place in places]
    order = {name: i for i, name in enumerate(CLUSTERS)}
    keys[0] = "cluster"
    return made.sort_values(
        keys, key=lambda column: column.map(order) if column.name == "cluster" else column
    ).reset_index(drop=True)


def _of_clusters() -> dict[tuple[str, str, str], float]:
    rows = published("flan2021_datasets")
    rows = rows[rows["model"].isin(["LaMDA-PT", "FLAN"]) & (rows["template"] != "best")]
    state = rows["model"].map({"LaMDA-PT": "untuned", "FLAN": "tuned"})
    rows = rows.assign(state=state, value=rows["value"].astype(float))
    return rows.groupby(["cluster", "state", "shots"])["value"].mean().to_dict()


def published_by_dataset() -> pd.DataFrame:
    """The paper's scores per data set of Tables 1 and 2, in per cent (BLEU for translation).

    Returns:
        a row per data set, named by cluster and dataset, with columns for LaMDA-PT, GPT-3 and FLAN
        (zero-shot by the mean and by the best template; WSC273 has no best one), and of_25 and
        large_margin, see `flanrepro.report.paper.published`.
    """
    rows = published("flan2021_datasets").astype({"value": float})
    rows = rows[rows["model"].isin(["LaMDA-PT", "GPT-3", "FLAN"])]
    text = rows["model"] + " " + rows["shots"] + " " + rows["template"]
    rows = rows.assign(column=text.str.strip())
    wide = rows.pivot_table(
        index=["cluster", "dataset"], columns="column", values="value", sort=False
    )
    compared = published("flan2021_compared").set_index("dataset")[["of_25", "large_margin"]]
    return wide.join(compared, on="dataset")


def draw_clusters(table: pd.DataFrame) -> plt.Figure:
    """Draws bars per cluster in two panels, ours and the paper's.

    The model that is not tuned has the better one of its two ways of being asked.
    """
    best = table.sort_values("value").groupby(["cluster", "state", "setting"]).tail(1)
    best = best.assign(bar=best["state"] + " " + best["setting"])
    names = {name: short(name) for name in CLUSTERS if name in set(best["cluster"])}
    fig, axes = new_figure(2, size=(11.0, 4.2), sharey=True)
    with mpl.rc_context(STYLE):
        draw_bars(axes[0], best, ("cluster", names), ("bar", BARS))
        chance = best.groupby("cluster")["chance"].mean()
        for place, name in enumerate(names):
            add_chance(axes[0], place, chance[name])
        stated = best.assign(value=best["paper"], low=float("nan"), high=float("nan"))
        draw_bars(axes[1], stated, ("cluster", names), ("bar", BARS))
        axes[0].set(title="here", ylabel="score (%)")
        axes[1].set(title=PAPER)
        add_legend(fig, axes[:1])
    return caption(fig, table.rename(columns={"cluster": "suite"}))


def short(cluster: str) -> str:
    """A cluster's title, broken into lines for an axis."""
    return textwrap.fill(title(cluster), 22)


def numbers_table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per number of clusters and held-out cluster of `flan2021_numbers`, and of their mean.

    Returns:
        clusters (their number), cluster (one that is held out, or `mean`), the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent, and paper (Figure 6's mean).
    """
    keys = ["clusters", "suite"]
    made = over_seeds(with_mean(scores, UNSEEN, ["clusters"]), keys)
    made = made.rename(columns={"suite": "cluster"}).sort_values(["cluster", "clusters"])
    stated = _figure("Figure 6")
    means = {int(row["level"]): float(row["value"]) for row in stated.to_dict("records")}
    places = zip(made["cluster"], made["clusters"], strict=True)
    made["paper"] = [means.get(n) if cluster == MEAN else None for cluster, n in places]
    return made.reset_index(drop=True)


def draw_numbers(table: pd.DataFrame) -> plt.Figure:
    """Draws a line per held-out cluster and their mean over the number of training clusters."""
    fig, axes = new_figure(2, size=(8.0, 3.4), sharex=True, sharey=True)
    with mpl.rc_context(STYLE):
        # The mean comes last, in black above the others.
        lines = sorted(table.groupby("cluster", sort=False), key=lambda pair: pair[0] == MEAN)
        for color, mark, (name, line) in zip(COLORS, MARKERS, lines, strict=False):
            style = {"color": color, "marker": mark}
            style |= {"linewidth": 2.5, "color": "black"} if name == MEAN else {}
            axes[0].plot(line["clusters"], line["value"], label=title(name), **style)
            add_band(axes[0], line, "clusters", style["color"])
        mean = table[table["cluster"] == MEAN]
        axes[1].plot(mean["clusters"], mean["paper"], **style)  # the mean's
        for ax, of in zip(axes, ("here", PAPER), strict=True):
            ax.set(title=of, xlabel="clusters in tuning", xticks=sorted(set(table["clusters"])))
        axes[0].set_ylabel("zero-shot score (%)")
        add_legend(fig, axes, columns=4)
    return caption(fig, table.rename(columns={"cluster": "suite"}))


def scale_table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per size, state and kind of clusters of `flan2021_scale`.

    Returns:
        model, state, clusters (`unseen` or `seen`: the mean over these clusters), asking (of the
        way that is better for the model, on average), and the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent. The paper prints no numbers.
    """
    seen = [name for name in CLUSTERS if name in set(scores["suite"]) - set(UNSEEN)]
    keys = ["model", "state", "asking"]
    kinds = {"unseen": UNSEEN, "seen": seen}
    found = []
    for kind, suites in kinds.items():
        means = averaged(scores, suites, ["seed", "setting", *keys])
        found.append(over_seeds(means, keys).assign(clusters=kind))
    made = pd.concat(found).sort_values("value")
    made = made.groupby(["model", "state", "clusters"]).tail(1)
    order = {"model": list(MODELS), "clusters": list(kinds), "state": ["untuned", "tuned"]}
    by = ["model", "clusters", "state"]
    columns = ["model", "state", "clusters", "asking"]
    made = made.sort_values(by, key=lambda column: column.map(order[column.name].index))
    return made[[*columns, *made.columns.difference(columns, sort=False)]].reset_index(drop=True)


def draw_scale(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel of unseen and one of seen clusters, with bars per size."""
    styles = _by_state("not tuned", "tuned")
    fig, axes = new_figure(2, size=(7.0, 3.4), sharey=True)
    with mpl.rc_context(STYLE):
        for ax, kind in zip(axes, ("unseen", "seen"), strict=True):
            shown = table[table["clusters"] == kind]
            names = {name: name for name in MODELS if name in set(shown["model"])}
            draw_bars(ax, shown, ("model", names), ("state", styles))
            ax.set(title=f"{kind} clusters")
        axes[0].set_ylabel("zero-shot score (%)")
        add_legend(fig, axes)
    return fig


def _by_state(untuned: str, tuned: str) -> dict[str, tuple[str, dict]]:
    """Labels and styles of bars by state."""
    named = (("untuned", untuned, "untuned few_shot"), ("tuned", tuned, "tuned few_shot"))
    return {state: (label, BARS[bar][1]) for state, label, bar in named}


def ablations_table(
    templates: pd.DataFrame, options: pd.DataFrame, instructions: pd.DataFrame
) -> pd.DataFrame:
    """A row per bar of the ablations of templates, options and instructions.

    Args:
        templates, options, instructions: DataFrames of scores of `flan2021_templates`, of
            `flan2021_options` and of `flan2021_instructions`.

    Returns:
        ablation (one of the three), level (of the bar), the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent, and paper (its mean over the same
        clusters; of templates, that with four data sets per cluster).
    """
    found = []
    means = averaged(templates, UNSEEN, ["seed", "setting", "templates"])
    every = means["templates"].astype(object).where(means["templates"].notna(), 10)
    means = means.assign(level=[f"{int(n)}" for n in every])
    stated = _figure("Figure 11")
    stated = stated[stated["given"] == "datasets_per_cluster=4"].set_index("level")["value"]
    found.append(over_seeds(means, ["level"]).assign(ablation="templates"))
    found[-1]["paper"] = found[-1]["level"].map(stated.astype(float))
    for name, scores, suites, column, bars in (
        ("options", options, UNSEEN, "mixture", OPTIONS),
        ("instructions", instructions, OF_INSTRUCTIONS, "instructions", INSTRUCTIONS),
    ):
        means = averaged(scores, suites, ["seed", "setting", column, "asking"])
        of = {how: level for level, how in bars.items()}
        pairs = zip(means[column], means["asking"], strict=True)
        means = means.assign(level=[of.get(pair) for pair in pairs]).dropna(subset="level")
        made = over_seeds(means, ["level"]).assign(ablation=name)
        stated = _instructed() if name == "instructions" else {}
        made["paper"] = [stated.get(level) for level in made["level"]]
        found.append(made)
    made = pd.concat(found, ignore_index=True)
    columns = ["ablation", "level"]
    return made[[*columns, *made.columns.difference(columns, sort=False)]]


def _instructed() -> dict[str, float]:
    """The paper's means by level: Figure 8's four bars, in its order."""
    rows = published("flan2021_figures")
    rows = rows[(rows["claim"] == "L8") & (rows["cluster"] == "average of the four")]
    return dict(zip(INSTRUCTIONS, rows["value"].astype(float), strict=True))


def draw_ablations(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel of bars per ablation, with the paper's means as diamonds."""
    names = list(dict.fromkeys(table["ablation"]))
    fig, axes = new_figure(len(names), size=(3.4 * len(names), 3.8), sharey=True)
    with mpl.rc_context(STYLE):
        for ax, name in zip(axes, names, strict=True):
            shown = table[table["ablation"] == name].assign(bar="ours")
            levels = {level: level for level in shown["level"]}
            _bars_and_paper(ax, shown, "level", levels)
            ax.set(title="templates per data set" if name == "templates" else name)
        axes[0].set_ylabel("zero-shot score (%)")
        add_legend(fig, axes)
    return fig


def _bars_and_paper(ax: plt.Axes, shown: pd.DataFrame, by: str, names: Mapping[str, str]) -> None:
    draw_bars(ax, shown, (by, names), ("bar", {"ours": ("here", {"color": COLORS[0]})}))
    stated = shown.set_index(by)["paper"].reindex(names).astype(float)
    ax.plot(range(len(names)), stated, label=PAPER, **DIAMOND)


def prompt_tuning_table(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per target, number of examples and state of `flan2021_prompt_tuning`, and their mean.

    Returns:
        target, examples (number, or `all`), state, the other columns of
        `flanrepro.report.statistics.over_seeds`, in per cent, and paper (Table 4).
    """
    targets = list(dict.fromkeys(scores["suite"]))
    keys = ["suite", "examples", "state"]
    rows = scores.assign(examples=[_amount(n) for n in scores["examples"]])
    made = over_seeds(with_mean(rows, targets, ["examples", "state"]), keys)
    made["target"] = [name.rpartition(".")[2] for name in made["suite"]]
    stated = _figure("Table 4")
    state = stated["model"].map({"LaMDA-PT": "untuned", "FLAN": "tuned"})
    stated = stated.assign(state=state, value=stated["value"].astype(float))
    stated = stated.assign(target=stated["dataset"].str.lower().replace({"boolq": "bool_q"}))
    values = stated.set_index(["target", "level", "state"])["value"].to_dict()
    here = {name.rpartition(".")[2] for name in targets}
    means = stated[stated["target"].isin(here)].groupby(["level", "state"])["value"].mean()
    values |= {(MEAN, *key): value for key, value in means.items()}
    places = zip(made["target"], made["examples"], made["state"], strict=True)
    made["paper"] = [values.get(place) for place in places]
    columns = ["target", "examples", "state"]
    made = made.drop(columns="suite")
    return made[[*columns, *made.columns.difference(columns, sort=False)]]


def _amount(examples: float) -> str:
    return "all" if pd.isna(examples) else f"{int(examples)}"


def draw_prompt_tuning(table: pd.DataFrame) -> plt.Figure:
    """Draws a panel per number of examples, with bars per target and state."""
    amounts = list(dict.fromkeys(table["examples"]))
    printed = {name.lower(): name for name in _figure("Table 4")["dataset"]} | {"bool_q": "BoolQ"}
    targets = {name: printed.get(name, name) for name in dict.fromkeys(table["target"])}
    styles = _by_state("from the model that is not tuned", "from the tuned model")
    fig, axes = new_figure(len(amounts), size=(max(7.5, 4.2 * len(amounts)), 3.6), sharey=True)
    with mpl.rc_context(STYLE):
        for ax, amount in zip(axes, amounts, strict=True):
            shown = table[table["examples"] == amount]
            places = draw_bars(ax, shown, ("target", targets), ("state", styles))
            for state, at in places.items():
                own = shown[shown["state"] == state].set_index("target")["paper"]
                ax.plot(at, own.reindex(targets).astype(float), label=PAPER, **DIAMOND)
            ax.set(title=f"{amount} examples")
        axes[0].set_ylabel("score (%)")
        add_legend(fig, axes)
    return fig


def with_mean(scores: pd.DataFrame, suites: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """The scores of the suites with rows of their mean, whose suite is `mean`."""
    rows = scores[scores["suite"].isin(suites)]
    mean = averaged(rows, list(suites), ["seed", "setting", *keys]).assign(suite=MEAN)
    return pd.concat([rows, mean], ignore_index=True)


def _figure(place: str) -> pd.DataFrame:
    rows = published("flan2021_figures")
    return rows[rows["place"] == place]
