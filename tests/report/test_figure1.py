import numpy as np
import pytest
from matplotlib.colors import to_hex

from flanrepro.experiments.sweep import COLLECTIONS_OF_TABLE_1
from flanrepro.report.figure1 import GREEN, draw
from flanrepro.report.figure1 import table as figure1_table
from flanrepro.report.table1 import table


@pytest.fixture
def found(scored):
    values = dict.fromkeys(COLLECTIONS_OF_TABLE_1, (40.0, 42.0)) | {"flan2022": (50.0, 54.0)}
    values = {(("mixture", name),): by_seed for name, by_seed in values.items()}
    scores = scored(values, suites=("held_in", "mmlu"))
    worse = (scores["setting"] == "zero_shot") & (scores["mixture"] == "flan2022")
    scores.loc[worse & (scores["suite"] == "mmlu"), "value"] = 30.0
    return figure1_table(table(scores))


def test_each_collection_has_a_bar_per_setting_with_its_interval(found, legend):
    fig = draw(found)
    held_in, mmlu = fig.axes
    assert [held_in.get_title(), mmlu.get_title()] == ["Held-In", "MMLU"]
    heights = [bar.get_height() for bar in held_in.patches]
    np.testing.assert_equal(heights, 2 * [41, 41, 41, np.nan, 52])
    assert [tick.get_text() for tick in held_in.get_xticklabels()][-1] == "Flan 2022"
    (chance,) = [line for line in held_in.lines if line.get_linestyle() == ":"]
    assert chance.get_ydata()[0] == 25
    assert {bar.get_hatch() for bar in held_in.patches} == {None, "///"}
    assert set(legend(fig)) == {"zero-shot", "few-shot", "the paper's: T5-XL 3B, OPT-IML 175B"}


def test_diamonds_are_the_papers_numbers_and_opt_iml_has_nothing_else(found):
    mmlu = draw(found).axes[1]
    zero_shot = next(line for line in mmlu.lines if line.get_marker() == "D")
    np.testing.assert_equal(zero_shot.get_ydata(), [41.4, 46.1, 35.6, 49.1, 50.3])
    assert np.isnan(mmlu.patches[3].get_height())


def test_every_bar_has_its_number_below_it_and_one_that_is_missing_has_none(found):
    held_in = draw(found).axes[0]
    numbers = [(text.xy[0], text.get_text()) for text in held_in.texts if text.get_rotation() == 90]
    bars = [bar for bar in held_in.patches if bar.get_height() == bar.get_height()]
    assert numbers == [
        (pytest.approx(bar.get_x() + bar.get_width() / 2), f"{bar.get_height():.1f}")
        for bar in bars
    ]
    assert len(numbers) == 8


def test_what_flan_2022_has_over_the_next_best_is_green_and_what_it_lacks_is_not(found):
    texts = [
        [(text.get_text(), to_hex(text.get_color()) == GREEN.lower()) for text in ax.texts[-2:]]
        for ax in draw(found).axes
    ]
    assert texts[0] == [("+11.0 / ", True), ("+11.0", True)]
    assert texts[1] == [("-11.0 / ", False), ("+11.0", True)]
