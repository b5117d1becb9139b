"""What the tests of figures and tables need: no window, and scores that can be summed by hand."""

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest


@pytest.fixture(autouse=True)
def no_window():
    """Draws into memory, and closes what was drawn."""
    matplotlib.use("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def scored():
    """scored(values, suites, settings, chance): a table of scores as sweeps give it.

    `values`: per run's description, as pairs of column and value, its score by seed. The runs are
    called `a0`, `a1`, ... for the first description, `b0`, ... for the second.
    """

    def made(values, suites=("held_in",), settings=("zero_shot", "few_shot"), chance=25.0):
        return pd.DataFrame(
            {"run": f"{'abcdefghij'[i]}{seed}", "seed": seed, "suite": suite, "setting": setting}
            | {"model": "nano", "value": value, "chance": chance, "n": 40}
            | dict(described)
            for i, (described, by_seed) in enumerate(values.items())
            for suite in suites
            for setting in settings
            for seed, value in enumerate(by_seed)
        )

    return made


@pytest.fixture(scope="session")
def stars():
    """stars(ax): where the stars of a panel are, as (x, y)."""

    def found(ax):
        lines = [line for line in ax.lines if line.get_marker() == "*"]
        return [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines]

    return found


@pytest.fixture(scope="session")
def legend():
    """legend(figure): the labels of its legend."""
    return lambda figure: [text.get_text() for text in figure.legends[0].get_texts()]
