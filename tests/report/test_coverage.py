"""Where a suite lacks tasks, every table, caption and claim says how many it is a mean of."""

import numpy as np
import pandas as pd
import pytest

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import told
from flanrepro.report import coverage, figure1, figure3, figure6, table1, tables
from flanrepro.report.claims import parts, scorecard
from flanrepro.report.figures import save_figure
from flanrepro.report.scorecard import printed
from flanrepro.report.statistics import over_seeds

JOB = Job(profile="smoke")
LACK = "anli_r1, anli_r2, anli_r3 have no training data here"
FULL = {"evaluated": "8 of 8 tasks", "left_out": ""}
PART = {"evaluated": "5 of 8 tasks", "left_out": LACK}
SENTENCE = f"Held-In few-shot, 5 of 8 tasks: {LACK}."


@pytest.fixture
def partial(scored):
    """partial(values): scores as sweeps give them; few-shot, Held-In lacks three tasks."""

    def made(values):
        table = scored(values)
        few_shot = table["setting"] == "few_shot"
        for column in FULL:
            table[column] = np.where(few_shot, PART[column], FULL[column])
        return table

    return made


def caption_of(figure) -> str:
    """The notes below a figure, without line breaks."""
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


FRACTIONS = {(("few_shot_fraction", f),): (40.0 + 10 * f,) for f in (0.0, 0.5, 1.0)}
MIXTURES = {
    (("mixture", name),): (value, value + 1)
    for name, value in (("flan2022", 60.0), ("flan2021", 50.0), ("niv2", 55.0))
}


def test_a_mean_over_seeds_keeps_what_its_rows_say_and_says_each_text_once(partial):
    table = over_seeds(partial(MIXTURES), ["mixture", "setting"])
    said = table.set_index(["mixture", "setting"])
    assert said.loc[("niv2", "few_shot"), "left_out"] == LACK
    assert said.loc[("niv2", "few_shot"), "evaluated"] == "5 of 8 tasks"
    assert said.loc[("niv2", "zero_shot"), "left_out"] == ""
    changed = partial(MIXTURES)
    changed.loc[(changed["seed"] == 1) & (changed["left_out"] != ""), "evaluated"] = "6 of 8 tasks"
    both = over_seeds(changed, ["mixture", "setting"]).query("setting == 'few_shot'")
    assert set(both["evaluated"]) == {"5 of 8 tasks; 6 of 8 tasks"}


def test_a_figures_caption_says_it_and_its_csv_has_it(partial):
    table = figure3.table(partial(FRACTIONS))
    assert coverage.notes(table) == [SENTENCE]
    figure = figure3.draw(table)
    assert caption_of(figure) == SENTENCE
    assert table.query("setting == 'few_shot'")["left_out"].eq(LACK).all()


def test_a_figure_of_whole_suites_is_drawn_as_without_the_columns(scored):
    table = figure3.table(scored(FRACTIONS))
    figure = figure3.draw(table)
    assert caption_of(figure) == ""
    assert not set(FULL) & set(table.columns)


def test_a_caption_is_one_sentence_for_both_settings_and_is_wrapped(scored):
    table = scored(FRACTIONS).assign(**PART)
    figure = figure3.draw(figure3.table(table))
    assert caption_of(figure) == f"Held-In, 5 of 8 tasks: {LACK}."
    longer = PART | {"left_out": f"{LACK}; {LACK}"}
    narrow = figure6.draw(figure6.table(curves().assign(**longer)))
    assert "\n" in narrow.texts[-1].get_text()
    assert caption_of(narrow) == f"Held-Out, 5 of 8 tasks: {LACK}; {LACK}."


def curves() -> pd.DataFrame:
    return pd.DataFrame(
        {"run": f"{state}", "target": "condaqa", "group": "held_out", "state": state, "seed": 0}
        | {"metric": "accuracy", "step": step, "validation": 40.0 + step, "test": 41.0}
        for state in ("untuned", "tuned")
        for step in (0, 5)
    )


def test_a_caption_stands_below_the_legend_and_the_axes_and_within_the_figure(partial, tmp_path):
    table = figure1.table(table1.table(partial(MIXTURES)))
    figure = figure1.draw(table)
    save_figure(figure, table, Job(out=str(tmp_path)), "figure_1")
    (text,), (legend,) = figure.texts, figure.legends
    note, below = text.get_window_extent(), legend.get_window_extent()
    lowest = min(ax.get_tightbbox().y0 for ax in figure.axes)
    assert 0 <= note.y0 < note.y1 <= below.y0 < below.y1 <= lowest
    assert note.x1 <= figure.bbox.x1


def test_groups_of_targets_are_named_like_suites():
    said = {"evaluated": "2 of 5 targets", "left_out": "wanli, cxc have no test data here"}
    (note,) = coverage.notes(curves().assign(**said))
    assert note == "Held-Out, 2 of 5 targets: wanli, cxc have no test data here."


def test_table_1_and_figure_1_say_it_and_show_a_collection_that_was_not_run(partial):
    table = table1.table(partial(MIXTURES))
    assert coverage.notes(table) == [SENTENCE]
    p3 = table[table["row"] == "P3++"]
    assert p3["value"].isna().all() and p3["paper"].notna().all() and (p3["seeds"] == 0).all()
    printed_rows = table1.printed(table)
    assert printed_rows.loc["P3++", ("Held-In", tables.HERE)] == ""
    assert list(printed_rows.index[:4]) == ["Flan 2022", "Flan 2021", "P3++", "Super-Natural Inst."]
    lead = table[table["row"] == table1.NEXT_BEST].set_index("setting")["left_out"]
    assert dict(lead) == {"zero_shot": "", "few_shot": LACK}
    figure = figure1.draw(figure1.table(table))
    assert caption_of(figure) == SENTENCE


def test_a_claims_parts_and_the_scorecard_say_it(partial):
    values = partial(MIXTURES).assign(subset=np.nan, tasks=100)
    made = parts({"ablations": values}).set_index(["claim", "setting"])
    assert made.loc[("F1", "few_shot"), "evaluated"] == "5 of 8 tasks"
    lacks = f"{LACK}; p3++ not run, so not compared with"
    assert made.loc[("F1", "few_shot"), "left_out"] == lacks
    assert made.loc[("F1", "zero_shot"), "left_out"] == "p3++ not run, so not compared with"
    card = scorecard({"ablations": values})
    said = card.set_index("claim").loc["F1", "left_out"]
    assert f"held_in few-shot, 5 of 8 tasks: {LACK}, p3++ not run" in said
    lines = printed(card, JOB).splitlines()
    (lack,) = [line for line in lines if line.startswith("    lacks: held_in few-shot")]
    assert lack.endswith(f", 5 of 8 tasks: {LACK}, p3++ not run, so not compared with")


def test_columns_that_say_nothing_are_left_out():
    whole = pd.DataFrame([FULL, {"evaluated": np.nan, "left_out": np.nan}])
    assert told(whole.assign(value=1)).columns.tolist() == ["value"]
    assert set(told(pd.DataFrame([FULL, PART])).columns) == set(FULL)
