"""Section 3.6's comparison: one plain format beside varied ones."""

import numpy as np

from flanrepro.report.formats import draw, table

SCORES = {
    (("formats", "plain"), ("mixture", "flan2022")): (50.0, 52.0),
    (("formats", "reference"), ("mixture", "flan2022")): (58.0, 56.0),
}
SAME = {"few_shot_fraction": 0.5, "subset": np.nan, "inversion_rate": np.nan}
SAME |= {"state": "tuned", "clusters": 12, "templates": np.nan, "instructions": ""}
SAME |= {"examples": np.nan}


def test_it_has_a_row_per_suite_setting_and_way_of_writing_prompts(scored):
    scores = scored(SCORES, suites=("mmlu", "held_in")).assign(**SAME)
    made = table(scores).set_index(["setting", "suite", "formats"])["value"]
    assert len(made) == 2 * 2 * 2
    assert made["few_shot", "mmlu", "plain"] == 51.0
    assert made["zero_shot", "held_in", "reference"] == 57.0


def test_with_one_way_alone_there_is_nothing_to_compare(scored):
    scores = scored(SCORES).assign(**SAME)
    assert table(scores[scores["formats"] == "plain"]).empty


def test_it_draws_two_bars_per_suite_in_a_panel_per_setting(scored, legend):
    figure = draw(table(scored(SCORES, suites=("mmlu", "held_in")).assign(**SAME)))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["Zero-shot evaluation", "Few-shot evaluation"]
    heights = [[bar.get_height() for bar in ax.patches] for ax in figure.axes]
    assert heights == [[51.0, 51.0, 57.0, 57.0]] * 2
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert names == ["Held-In", "MMLU"]
    assert legend(figure) == ["one plain format", "varied formats, as in the reference"]
