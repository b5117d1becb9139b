"""The line below a figure, and the watermark of profile `smoke`."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from flanrepro.experiments import shipped_scores
from flanrepro.experiments.profiles import Job
from flanrepro.report.figures import new_figure, save_figure
from flanrepro.report.provenance import SMOKE, provenance
from flanrepro.sources.pocket.lexicon import WORDS

POCKET = "pocket, a made-up world of some 750 words"


def table(*seeds: int, **columns) -> pd.DataFrame:
    """A row per number of seeds; no such runs are known."""
    runs = [" ".join(f"run{i}x{seed}" for seed in range(n)) for i, n in enumerate(seeds)]
    return pd.DataFrame({"value": 1.0, "seeds": seeds, "runs": runs} | columns)


def shipped(**fields) -> list[str]:
    """The shipped runs whose specs have these fields."""
    rows = shipped_scores.shipped_table("pocket", "runs")["run"]
    specs = {run: shipped_scores.shipped_run("pocket", run)["spec"] for run in rows}
    return [run for run, spec in specs.items() if fields.items() <= spec.items()]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [((1,), "1 seed"), ((3, 3), "3 seeds"), ((5, 2, 0), "2 to 5 seeds"), ((0,), "nothing trained")],
)
def test_the_seeds_are_those_of_the_table(tmp_path, seeds, said):
    job = Job(out=str(tmp_path))
    text = provenance(table(*seeds), job, "figure_3")
    assert text == f"{POCKET}; nano, 0.3 M parameters; quick, {said}"
    assert abs(len(WORDS) - 800) <= 50


def test_several_sizes_are_all_named_from_the_smallest(tmp_path):
    job = Job(out=str(tmp_path))
    text = provenance(table(5, 2, model=["micro", "nano"]), job, "figure_4")
    assert "; nano with 0.3 M and micro with 0.5 M parameters; quick, 2 to 5 seeds" in text
    three = provenance(table(1, 1, 1, model=["nano", "mini", "micro"]), job, "figure_4")
    assert "nano with 0.3 M, micro with 0.5 M and mini with 7.5 M parameters" in three


def test_the_models_are_those_of_the_runs_and_one_that_is_not_trained_has_no_seed(tmp_path):
    job = Job(out=str(tmp_path))
    (micro, *_), (still, *_) = shipped(model="micro", steps=6000), shipped(model="nano", steps=0)
    rows = pd.DataFrame({"seeds": [3, 1], "runs": [micro, still]})
    text = provenance(rows, job, "flan2021_clusters")
    assert "nano with 0.3 M and micro with 0.5 M parameters; quick, 3 seeds" in text


def test_real_data_and_t5x_are_said_as_what_they_are(tmp_path):
    job = Job(profile="smoke", engine="t5x", out=str(tmp_path))
    assert provenance(table(1), job, "figure_3").endswith("; smoke, 1 seed; trained with T5X")
    text = provenance(table(1), Job("flan2022", "small", out=str(tmp_path)), "figure_2")
    assert text == (
        "the paper's numbers; last row: flan2022, public data sets in prompts of this package; "
        "no model"
    )


def test_a_figure_without_a_model_and_one_of_checkpoints_say_so(tmp_path):
    job = Job(out=str(tmp_path))
    text = provenance(pd.DataFrame({"inputs": ["a"]}), job, "figure_7")
    assert text == f"prompts of {POCKET}; no model, no scores"
    names = pd.DataFrame({"checkpoint": ["pocket-nano", "random", "random"]})
    text = provenance(names, job, "checkpoints")
    assert text == f"{POCKET}; pocket-nano, random; quick, nothing trained"


def saved(job: Job) -> plt.Figure:
    fig, axes = new_figure(2)
    axes[0].plot([0, 1], [0, 1], label="a")
    axes[0].set(xlabel="steps", ylabel="score")
    fig.legend(loc="outside lower center")
    save_figure(fig, table(3), job, "name")
    return fig


@pytest.mark.parametrize("profile", ["quick", "smoke"])
def test_the_line_stands_below_everything_and_smoke_is_written_across(tmp_path, profile):
    fig = saved(Job(profile=profile, out=str(tmp_path)))
    line, *across = fig.texts
    assert line.get_text().replace("\n", " ").endswith(f"; {profile}, 3 seeds")
    assert [text.get_text() for text in across] == [SMOKE] * (profile == "smoke")
    (legend,) = (one.get_window_extent() for one in fig.legends)
    box = line.get_window_extent()
    lowest = min(ax.get_tightbbox().y0 for ax in fig.axes)
    assert 0 <= box.y0 < box.y1 <= legend.y0 < legend.y1 <= lowest
    assert box.x1 <= fig.bbox.x1
    for text in across:
        assert text.get_window_extent().x0 >= 0 and text.get_window_extent().x1 <= fig.bbox.x1


def test_a_figure_that_is_saved_twice_has_one_line_and_the_same_bytes(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    fig = saved(job)
    path = job.figures / "name_pocket.svg"
    first, texts = path.read_bytes(), len(fig.texts)
    save_figure(fig, table(3), job, "name")
    assert (path.read_bytes(), len(fig.texts)) == (first, texts)


def test_text_is_text_and_nothing_is_smaller_than_nine_points(tmp_path):
    job = Job(out=str(tmp_path))
    fig = saved(job)
    svg = (job.figures / "name_pocket.svg").read_text()
    assert ">steps</text>" in svg and "3 seeds" in svg
    sizes = [text.get_fontsize() for text in fig.findobj(plt.Text) if text.get_text()]
    assert min(sizes) >= 9
