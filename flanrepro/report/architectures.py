"""FLAN 2021's first two results with an encoder-decoder and with a decoder-only model.

The paper has a decoder-only model alone; the models that are set beside each other have as many
parameters, the same base text and the same runs.
"""

import dataclasses
from collections.abc import Iterable, Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from flanrepro.experiments.flan2021 import CLUSTERS
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import scores
from flanrepro.model.sizes import DECODER_ONLY_SIZES
from flanrepro.report import flan2021
from flanrepro.report.figures import COLORS, MARKERS, STYLE, new_figure
from flanrepro.report.panels import PAPER as DIAMOND
from flanrepro.report.panels import add_legend, draw_bars
from flanrepro.report.statistics import over_seeds

SWEEPS = ("flan2021_clusters", "flan2021_numbers")
GAIN, NUMBER = "tuned minus not tuned", "clusters in tuning"


def beside(
    job: Job, own: Mapping[str, pd.DataFrame], models: Iterable[str]
) -> dict[str, dict[str, pd.DataFrame]]:
    """Finds the scores that `table` takes, of a job's model and of others; nothing is trained.

    Args:
        job: notebook parameters; for the others its model is replaced.
        own: DataFrames of scores of the job's model, by sweep.
        models: names of the others.

    Returns:
        scores of `SWEEPS` by model, the job's first; a model that lacks a sweep is left out.
    """
    of = {job.model or job.settings.model: own}
    for name in models:
        other = dataclasses.replace(job, model=name)
        of.setdefault(name, {sweep: scores(other, sweep, train=False) for sweep in SWEEPS})
    return {
        name: {sweep: found[sweep] for sweep in SWEEPS}
        for name, found in of.items()
        if all(sweep in found and len(found[sweep]) for sweep in SWEEPS)
        # Of a sweep that was stopped, the model that is not tuned may be what there is.
        and set(found[SWEEPS[0]]["state"]) == {"tuned", "untuned"}
    }


def table(of: Mapping[str, Mapping[str, pd.DataFrame]]) -> pd.DataFrame:
    """Sets models beside each other, on the seeds that all of them have.

    Args:
        of: by model, DataFrames of scores of `SWEEPS`.

    Returns:
        a row per model and level. `of` is `GAIN`, whose levels are the held-out clusters and `mean`
        (zero-shot, each model that is not tuned asked in its better way), or `NUMBER`, whose levels
        are numbers of training clusters (mean of the three clusters that are held out). Then the
        columns of `flanrepro.report.statistics.over_seeds`, in points and in per cent, and paper.
    """
    seeds = set.intersection(*(set(own["seed"]) for found in of.values() for own in found.values()))
    found = []
    for model, own in of.items():
        shared = [own[name][own[name]["seed"].isin(seeds)] for name in SWEEPS]
        found += [_gains(shared[0]).assign(model=model), _numbers(shared[1]).assign(model=model)]
    made = pd.concat(found, ignore_index=True)
    columns = ["of", "level", "model"]
    return made[[*columns, *made.columns.difference(columns, sort=False)]]


def _gains(scores: pd.DataFrame) -> pd.DataFrame:
    rows = flan2021.with_mean(scores[scores["shots"] == 0], CLUSTERS, ["state", "asking"])
    untuned = rows["state"] == "untuned"
    # It is one run, whatever the seed of the others, and its better way of being asked counts.
    before = rows[untuned].groupby(["suite", "asking"])["value"].mean().groupby("suite").max()
    gains = rows[~untuned].assign(value=lambda tuned: tuned["value"] - tuned["suite"].map(before))
    made = over_seeds(gains, ["suite"]).rename(columns={"suite": "level"})
    stated = flan2021.clusters_table(scores).query("setting == 'zero_shot'")
    stated = stated.groupby(["cluster", "state"])["paper"].first().unstack("state")
    paper = stated["tuned"] - stated["untuned"]
    paper[flan2021.MEAN] = paper.mean()
    order = [*CLUSTERS, flan2021.MEAN]
    made = made.sort_values("level", key=lambda column: column.map(order.index))
    return made.assign(of=GAIN, paper=made["level"].map(paper))


def _numbers(scores: pd.DataFrame) -> pd.DataFrame:
    made = flan2021.numbers_table(scores)
    made = made[made["cluster"] == flan2021.MEAN].drop(columns="cluster")
    return made.rename(columns={"clusters": "level"}).assign(of=NUMBER)


def draw(made: pd.DataFrame) -> plt.Figure:
    """Draws bars of gains by held-out cluster, and a line per model over clusters in tuning.

    Two seeds get no interval, which would be ten times as wide as their difference.
    """
    models = {name: _named(name) for name in dict.fromkeys(made["model"])}
    few = made["seeds"] < 3
    drawn = made.assign(
        **{end: made[end].mask(few) for end in ("low", "high")}, metric="difference"
    )
    gains, numbers = drawn[drawn["of"] == GAIN], drawn[drawn["of"] == NUMBER]
    names = {name: flan2021.short(name) for name in dict.fromkeys(gains["level"])}
    styles = {
        name: (label, {"color": color})
        for (name, label), color in zip(models.items(), COLORS, strict=False)
    }
    fig, axes = new_figure(2, size=(11.0, 4.2))
    with mpl.rc_context(STYLE):
        draw_bars(axes[0], gains, ("level", names), ("model", styles))
        stated = gains.drop_duplicates("level").set_index("level")["paper"].reindex(names)
        axes[0].plot(range(len(names)), stated, label=flan2021.PAPER, **DIAMOND)
        axes[0].axhline(0, color="black", linewidth=0.8)
        axes[0].set(title=f"{GAIN}, by held-out cluster", ylabel="points")
        for (name, (label, style)), mark in zip(styles.items(), MARKERS, strict=False):
            line = numbers[numbers["model"] == name]
            axes[1].plot(line["level"], line["value"], label=label, marker=mark, **style)
        line = numbers.drop_duplicates("level")
        axes[1].plot(line["level"], line["paper"], label=flan2021.PAPER, **DIAMOND)
        axes[1].set(title="mean of three held-out clusters", xlabel=NUMBER)
        axes[1].set(ylabel="zero-shot score (%)", xticks=list(line["level"]))
        add_legend(fig, axes)
    return fig


def _named(model: str) -> str:
    kind = "decoder-only" if model in DECODER_ONLY_SIZES else "encoder-decoder"
    return f"{model} ({kind})"
