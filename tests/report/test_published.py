"""The paper's numbers are the paper's, and what contradicts itself in it says so."""

import re
from pathlib import Path

import pandas as pd
import pytest

from flanrepro.collection.metrics import table_3_metrics
from flanrepro.collection.named import mixture_names
from flanrepro.errors import InputError
from flanrepro.report.paper import NAMES, published
from flanrepro.sources import load_collection

SUITES = ["held_in", "cot", "mmlu", "bbh", "bbh_cot"]
METRICS = {"Acc": "accuracy", "F1": "f1", "AUC-ROC": "auc_roc", "Spearman": "spearman"}


@pytest.fixture(scope="module")
def papers(mirror: Path) -> Path:
    """The folder of the paper's two versions; they lie beside the real data."""
    folder = mirror.parent / "paper"
    if not folder.is_dir():
        pytest.skip(f"the paper is not beside the data: there is no {folder}")
    return folder


@pytest.fixture(scope="module")
def text(papers: Path) -> str:
    """The first version, without marks of emphasis."""
    first = (papers / "flan_collection_2023.md").read_text(encoding="utf-8")
    return re.sub(r"\*\*|\*|</?b>|</?sup>", "", first)


def table_1(**where: str) -> pd.Series:
    """Values by row, suite and setting."""
    table = published("table_1")
    for column, value in where.items():
        table = table[table[column] == value]
    return table.set_index(["row", "suite", "setting"])["value"]


def table_2() -> pd.DataFrame:
    """A row per mixture, a column per suite."""
    return published("table_2").pivot(index="row", columns="suite", values="value")


def test_an_unknown_name_is_answered_by_those_that_there_are():
    with pytest.raises(InputError, match="unknown name 'table_4': choose one of table_1, table_2"):
        published("table_4")


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_its_place_and_stands_once(name):
    table = published(name)
    assert (table["place"] != "").all()
    assert not table.duplicated().any()


def test_table_1s_difference_is_flan_2022_minus_the_best_other_collection():
    best = table_1(group="other collection").groupby(["suite", "setting"]).max()
    ours = table_1(group="flan2022").droplevel("row")
    printed = table_1(group="difference").droplevel("row")
    assert len(printed) == 10
    pd.testing.assert_series_equal((ours - best).round(1), printed.sort_index(), check_names=False)


def test_table_1s_numbers_are_the_papers_in_the_order_of_its_lines(text):
    groups = {
        "T5-XL Flan 2022": "flan2022",
        "<ul>": "method ablation",
        "T5-XL Flan 2021": ("other collection", "reported elsewhere"),
        "Flan 2022 - Next Best T5-XL": "difference",
    }
    table = published("table_1")
    lines = text[text.index("T5-XL Flan 2022") :].splitlines()
    for begin, named in groups.items():
        line = next(line for line in lines if line.startswith(begin))
        found = re.findall(r"[+-]?\d+\.\d|[+]12(?= )", line)
        ours = table[table["group"].isin([named] if isinstance(named, str) else named)]
        by_column = ours.sort_values("suite", key=lambda s: s.map(SUITES.index), kind="stable")
        assert by_column["value"].tolist() == [float(number) for number in found]
    assert len(table) == 10 * (1 + 4 + 3 + 1) + 1 + 3 + 3


def test_table_2s_numbers_are_the_papers(text):
    for row, values in table_2().iterrows():
        (line,) = re.findall(rf"^{re.escape(row)}\t(.*)$", text, re.MULTILINE)
        assert [float(cell) for cell in line.split("\t")] == list(
            values[["held_in", "cot", "mmlu"]]
        )


def test_the_later_version_names_table_2s_second_column_which_the_first_has_lost(text, papers):
    assert "TRAIN MIXTURES\tHeld-In\tMMLU\t" in text
    later = (papers / "flan_collection_bilingual.md").read_text(encoding="utf-8")
    assert "| Held-In | CoT | MMLU |\n|---|---|---|---|\n" in later
    assert "| 64.9 | 41.4 | 47.3 |" in later


def test_the_drops_of_table_2_are_those_that_the_claims_name():
    table = table_2()
    drops = table.loc["All (Equal)"] - table
    left_out = drops.drop(["All (Equal)", "All (Weighted)"])
    assert left_out["held_in"].idxmax() == "All - Flan 2021"
    assert left_out["cot"].idxmax() == "All - CoT"
    assert drops.loc["All - Flan 2021", "held_in"] == pytest.approx(9.6)
    assert drops.loc["All - CoT", "cot"] == pytest.approx(12.3)
    gains = -drops.loc["All (Weighted)"]
    assert gains[["held_in", "mmlu"]].tolist() == pytest.approx([1.5, 0.8])
    assert gains["cot"] == pytest.approx(-1.3)


@pytest.mark.parametrize("name", ["table_1", "table_2"])
def test_a_tables_mixtures_are_ours(name):
    named = set(published(name)["mixture"]) - {""}
    assert named - {"equal"} and named <= set(mixture_names())


@pytest.mark.parametrize("collection", ["pocket", "flan2022"])
def test_table_3_is_what_the_collection_evaluates_and_by_which_metrics(collection):
    loaded, table = load_collection(collection), published("table_3")
    marked = {}
    for mark in ("held_in", "cot", "single_task_held_out"):
        marked[mark] = {name for names in table[table[mark]]["tasks"] for name in names.split()}
    for suite in ("held_in", "cot"):
        assert marked[suite] == {task.name for task in loaded.suites[suite].tasks}
    single = {task.name.removesuffix("_small") for task in loaded.suites["single_task"].tasks}
    assert marked["single_task_held_out"] <= single
    for row in table.itertuples():
        for name in row.tasks.split():
            assert table_3_metrics(loaded.task(name)) == (METRICS[row.metric.split()[-1]],)


def test_table_3s_rows_and_metrics_are_the_papers(text):
    lines = text[text.index("Dataset\tMetric") : text.index("Table 3: Datasets")].splitlines()[2:]
    found = [line.split("\t")[:2] for line in lines if line]
    assert found == published("table_3")[["row", "metric"]].to_numpy().tolist()
    for line, row in zip(filter(None, lines), published("table_3").itertuples(), strict=True):
        marks = [cell != "" for cell in line.split("\t")[2:6]]
        assert marks == [row.held_in, row.cot, row.single_task_held_in, row.single_task_held_out]
        assert row.citation in line


def test_figure_2s_cells_are_the_papers_or_their_note_says_what_stands_there(text):
    lines = {
        cells[1].rstrip("† "): cells
        for line in text.splitlines()
        if _is_row(cells := line.split("\t"))
    }
    rows = published("figure_2").query("version == 'first'")
    assert len(rows) == len(lines) == 13
    renamed = {"MetaICL": "MetalCL"}
    for row in rows.to_dict("records"):
        cells = lines[renamed.get(row["collection"], row["collection"])]
        printed = {"release": cells[0].replace(" ", "-"), "prompt_types": cells[6].upper()}
        printed |= dict(zip(["model", "base", "size", "public"], cells[2:6], strict=True))
        tasks = [*cells[7].split(" / "), ""][:2]
        printed |= dict(zip(["tasks_in_flan", "tasks"], tasks, strict=True))
        printed |= {"examples": cells[8], "methods": cells[9]}
        noted = set(re.findall(r"(?:^|; )(\w+): ", row["note"]))
        other = {name for name, cell in printed.items() if cell != row[name]}
        assert other <= noted, row["collection"]


def _is_row(cells: list[str]) -> bool:
    return len(cells) >= 10 and bool(re.fullmatch(r"20\d\d \d\d", cells[0]))


def test_the_later_versions_cells_of_figure_2_are_in_its_text(papers):
    later = (papers / "flan_collection_bilingual.md").read_text(encoding="utf-8")
    for row in published("figure_2").query("version == 'later'").itertuples():
        pattern = rf"^\| {row.release[:4]} ?{row.release[5:]} .*{re.escape(row.size)} \|$"
        lines = re.findall(pattern, later, re.MULTILINE)
        assert any(row.collection.lower() in line.lower() for line in lines)


def test_a_number_of_the_text_stands_in_its_quotation_and_that_in_the_paper(text):
    plain = " ".join(text.split())
    for row in published("text").itertuples():
        assert row.quotation in plain, row.id
        numbers = re.findall(r"\d+(?:\.\d+)?", row.quotation.replace(",", "").replace("1K", "1000"))
        if row.id.startswith(("subset", "exemplars", "tasks_1873")):  # lists: commas part numbers
            numbers = re.findall(r"\d+", row.quotation)
        assert row.value in map(float, numbers), row.id


def test_no_quantity_has_two_values_without_a_note():
    frames = [published("text").assign(key=lambda t: t["quantity"])]
    tables = [published(name) for name in ("table_1", "table_2")]
    both = pd.concat([table[table["mixture"] != ""] for table in tables])
    # Table 2 does not say zero- or few-shot: its value stands beside each of Table 1's.
    compared = both[both["mixture"].isin(["flan2022", "equal"]) & both["suite"].isin(table_2())]
    frames.append(compared.assign(key=compared["mixture"] + " " + compared["suite"]))
    contradictions = 0
    for frame in frames:
        for key, group in frame.groupby("key"):
            if group["value"].nunique() > 1:
                contradictions += 1
                assert (group["note"] != "").all(), key
    assert contradictions >= 2 * 3 + 3


def test_what_is_known_to_contradict_itself_is_kept_both_ways():
    values = published("text").groupby("quantity")["value"].agg(set)
    assert values["training tasks"] == {1836, 1873, 1800}
    assert values["few-shot prompts that improve zero-shot results"] == {5, 10}
    table = published("table_1").set_index(["row", "suite", "setting"])
    assert "all tested" in table.loc[("Flan 2022 - Next Best T5-XL", "bbh", "zero_shot"), "note"]
    assert "Table 2" in table.loc[("- Mixture Balancing", "held_in", "zero_shot"), "note"]
    assert "simplified settings" in table.loc[("T5-XL Flan 2022", "mmlu", "zero_shot"), "note"]
