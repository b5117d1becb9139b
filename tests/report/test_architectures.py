import matplotlib.pyplot as plt
import pandas as pd
import pytest

from flanrepro.experiments.flan2021 import CLUSTERS, UNSEEN
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import scores
from flanrepro.report import architectures, claims, flan2021
from flanrepro.report.architectures import GAIN, NUMBER, SWEEPS

MODELS = {"nano": 3, "lm-nano": 2}


@pytest.fixture(scope="module")
def shipped() -> dict:
    jobs = {m: Job(model=m, engine="shipped", seeds=n) for m, n in MODELS.items()}
    return {m: {name: scores(job, name) for name in SWEEPS} for m, job in jobs.items()}


@pytest.fixture(scope="module")
def made(shipped) -> pd.DataFrame:
    return architectures.table(shipped)


def test_models_are_compared_on_the_seeds_that_both_have(shipped, made):
    assert {name: of[SWEEPS[0]]["seed"].nunique() for name, of in shipped.items()} == MODELS
    assert set(made["seeds"]) == {2}
    assert list(made["level"][made["of"] == GAIN].unique()) == [*CLUSTERS, flan2021.MEAN]
    assert set(made["level"][made["of"] == NUMBER]) == set(range(1, 8))


@pytest.mark.parametrize("model", MODELS)
def test_gains_and_the_rise_are_those_of_the_claims(model, shipped, made):
    own = {name: of[of["seed"] < 2] for name, of in shipped[model].items()}
    parts = claims.parts(own).set_index(["claim", "of"])["ours"]
    mine = made[made["model"] == model].set_index(["of", "level"])["value"]
    assert mine[GAIN, flan2021.MEAN] == pytest.approx(parts["L1", "ten clusters"])
    for cluster, value in parts["L1c"].items():
        assert mine[GAIN, cluster] == pytest.approx(value)
    last = own["flan2021_numbers"].query("clusters == 7")
    last = last[last["suite"].isin(UNSEEN)]["value"].mean()
    assert mine[NUMBER, 7] == pytest.approx(last)


def test_each_row_names_the_runs_behind_it_and_the_papers_number(shipped, made):
    row = made[(made["level"] == "nli") & (made["model"] == "lm-nano")].iloc[0]
    found = shipped["lm-nano"]["flan2021_clusters"].set_index("run")
    assert found.loc[row["runs"].split(), "state"].eq("tuned").all()
    # Table 1 and Figure 5: the means over the cluster's data sets.
    assert row["paper"] == pytest.approx(9.9, abs=0.05)


def test_a_model_that_lacks_a_sweep_is_left_out_and_one_that_is_named_twice_counts_once(shipped):
    job = Job(engine="shipped")
    assert list(architectures.beside(job, shipped["nano"], ["lm-nano"])) == list(MODELS)
    assert list(architectures.beside(job, shipped["nano"], ["nano", "lm-micro"])) == ["nano"]
    stopped = shipped["nano"] | {SWEEPS[0]: shipped["nano"][SWEEPS[0]].query("state == 'tuned'")}
    assert list(architectures.beside(job, stopped, ["lm-nano"])) == ["lm-nano"]
    own = {SWEEPS[0]: shipped["nano"][SWEEPS[0]]}
    assert list(architectures.beside(job, own, ["lm-nano"])) == ["lm-nano"]


def test_the_figure_has_a_bar_and_a_line_of_each_model(made):
    figure = architectures.draw(made)
    bars, lines = figure.axes
    assert len(bars.patches) == len(MODELS) * (len(CLUSTERS) + 1)
    assert [line.get_label() for line in lines.lines] == [
        "nano (encoder-decoder)",
        "lm-nano (decoder-only)",
        flan2021.PAPER,
    ]
    plt.close(figure)
