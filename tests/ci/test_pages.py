"""The tables of the page on speed that no other test compares are those that were measured."""

import pandas as pd

from ci.bench.notebook_runs import PAGE, TABLE, page, text


def test_notebooks_runs_are_those_that_ship_and_the_pages():
    assert TABLE.read_text("utf-8") == text(), "measure anew: python -m ci.bench.notebook_runs"
    speed = PAGE.read_text("utf-8")
    assert page(speed, pd.read_csv(TABLE)) == speed
