import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from flanrepro.collection.named import named_mixture
from flanrepro.experiments.profiles import Job
from flanrepro.report import figure2, figure7
from flanrepro.report.figures import save_figure
from flanrepro.report.listing import Column, draw_table
from flanrepro.sources import load_collection

RED_GREEN = {"one": "#FF0000", "two": "#00FF00"}


@pytest.fixture(autouse=True)
def no_window():
    """Draws into memory, and closes what was drawn."""
    matplotlib.use("agg")
    yield
    plt.close("all")


def check_nothing_overlaps(fig: plt.Figure) -> None:
    """No text, and no mark's box, runs into another one or out of the figure."""
    fig.canvas.draw()
    renderer = fig.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in fig.axes[0].texts]
    for i, box in enumerate(boxes):
        assert fig.bbox.x0 <= box.x0 and box.x1 <= fig.bbox.x1
        assert fig.bbox.y0 <= box.y0 and box.y1 <= fig.bbox.y1
        for other in boxes[i + 1 :]:
            apart_x = box.x1 <= other.x0 or other.x1 <= box.x0
            apart_y = box.y1 <= other.y0 + 1 or other.y1 <= box.y0 + 1  # rounded to pixels
            assert apart_x or apart_y


def texts(fig: plt.Figure) -> list[str]:
    return [text.get_text() for text in fig.axes[0].texts if text.get_text()]


def test_a_long_cell_is_wrapped_and_makes_its_row_higher():
    column = Column("a", "A", 1.0)
    short = draw_table(pd.DataFrame({"a": ["word"]}), [column])
    long = draw_table(pd.DataFrame({"a": ["word " * 20]}), [column])
    assert short.get_size_inches()[0] == long.get_size_inches()[0] == 1.0
    assert long.get_size_inches()[1] > 2 * short.get_size_inches()[1]
    assert " ".join(texts(long)[1:]) == " ".join(["word"] * 20)
    check_nothing_overlaps(long)


def test_words_with_a_colour_are_marks_and_signs_between_stay():
    fig = draw_table(pd.DataFrame({"a": ["one / two"]}), [Column("a", "A", 1.5, RED_GREEN)])
    marks = {t.get_text(): t.get_bbox_patch().get_facecolor() for t in fig.axes[0].texts[1:]}
    assert marks == {"one": (1, 0, 0, 1), "/": (0, 0, 0, 0), "two": (0, 1, 0, 1)}


def test_dollar_signs_are_text():
    fig = draw_table(pd.DataFrame({"a": ["$5 and $6_"]}), [Column("a", "A", 1.5)])
    fig.canvas.draw()
    assert not fig.axes[0].texts[1].get_parse_math()


def test_the_timeline_has_every_collection_once_and_ours_last_on_grey(tmp_path):
    made = named_mixture("flan2022", load_collection("pocket"))
    table = figure2.table(figure2.row_of("pocket", made))
    assert table["collection"].is_unique and len(table) == 15
    assert dict(table["version"].value_counts()) == {"first": 13, "later": 1, "here": 1}
    ours = table.iloc[-1]
    assert ours["collection"] == "pocket (here, available)"
    assert ours["tasks"] == str(len(load_collection("pocket").tasks)) == "1857"
    assert ours["prompt_types"] == "ZS + FS + CoT"
    assert ours["methods"] == "+ Template Variety + Input Inversion"
    fig = figure2.draw(table)
    check_nothing_overlaps(fig)
    assert {"UnifiedQA", "2020-05", "1556 / 1613", "~2067 / 2207"} <= set(texts(fig))
    (grey,) = fig.axes[0].patches
    assert grey.get_y() + grey.get_height() == pytest.approx(fig.get_size_inches()[1])
    paths = save_figure(fig, table, Job(out=str(tmp_path)), "f")
    assert [path.suffix for path in paths] == [".png", ".svg", ".csv"]


def test_a_mixture_of_zero_shot_prompts_of_one_source_shows_no_other_type():
    row = figure2.row_of("pocket", named_mixture("p3++", load_collection("pocket")))
    assert row["prompt_types"] == "ZS"


def test_figure_7_predicts_every_part_from_every_other():
    table = figure7.table("pocket")
    assert [tuple(pair) for pair in table[["given", "predicted"]].to_numpy()] == [
        ("query", "explanation answer"),
        ("query answer", "explanation"),
        ("query explanation", "answer"),
        ("answer explanation", "query"),
        ("explanation", "query answer"),
        ("answer", "query explanation"),
    ]
    assert table["inverted"].tolist() == [False] + [True] * 5
    check_nothing_overlaps(figure7.draw(table))


@pytest.mark.parametrize("task", ["cot_gsm8k", "cot_qed"])
def test_flan2022_turns_a_record_in_the_references_four_ways_each_shown_once(
    task, mirror, monkeypatch
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    table = figure7.table("flan2022", task)
    assert [tuple(pair) for pair in table[["given", "predicted"]].to_numpy()] == [
        ("query", "explanation answer"),
        ("explanation answer", "query"),
        ("query answer", "explanation"),
        ("explanation", "query answer"),
        ("answer", "query explanation"),
    ]
    check_nothing_overlaps(figure7.draw(table))


@pytest.mark.parametrize("task", ["cot_gsm8k", "cot_aqua", "cot_qed"])
def test_the_inputs_hold_what_is_given_and_the_targets_what_is_to_be_predicted(
    task, mirror, monkeypatch
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    of = load_collection("flan2022").task(task)
    record = of.records("train")[0]
    field = {"query": "question", "answer": "answer", "explanation": "rationale"}
    for row in figure7.table("flan2022", task).itertuples():
        assert set(row.given.split()) & set(row.predicted.split()) == set()
        for part in row.predicted.split():
            assert record[field[part]] in row.targets
        assert all(record[field[part]] in row.inputs for part in row.given.split())
        # An answer may be among the options, and QED's explanation is a sentence of the passage.
        assert ("query" in row.given) == (record["question"] in row.inputs)


@pytest.mark.parametrize(
    ("task", "record", "reason"),
    [
        ("rte", 0, "'rte' has no explanations to turn around: take one of source 'cot'"),
        ("cot_gsm8k", 1000, "'cot_gsm8k' has 1000 training records: there is no record 1000"),
    ],
)
def test_a_task_or_record_that_cannot_be_turned_around_gets_a_sentence(task, record, reason):
    with pytest.raises(ValueError, match=reason):
        figure7.table("pocket", task, record)
