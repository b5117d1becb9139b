from pathlib import Path

import pandas as pd

from ci.bench.first_edition_page import tables

ROOT = Path(__file__).resolve().parents[2]


def test_the_pages_tables_are_those_of_the_measurements():
    page = (ROOT / "data_cards" / "pocket1.md").read_text("utf-8")
    made = tables()
    assert list(made) == ["exposure", "rates", "replay", "operations"]
    for part, text in made.items():
        assert f"\n\n{text}\n\n" in page, f"the page's table {part} is another one: it is\n{text}"


def test_held_out_operations_stand_beside_those_trained_on_with_their_errors(tmp_path):
    rows = [
        {"tasks": 0, "prompts": 0, "score": "operations_held_out", "value": 0.0, "n": 400},
        {"tasks": 8, "prompts": 50_000, "score": "operations_held_out", "value": 20.0, "n": 400},
        {"tasks": 8, "prompts": 50_000, "score": "operations_trained", "value": 50.0, "n": 64},
    ]
    table = pd.DataFrame([row | {"run": f"{row['tasks']}e5"} for row in rows])
    table.to_csv(tmp_path / "first_edition_operations.csv", index=False)
    *_, untuned, eight = tables(tmp_path)["operations"].split("\n")
    assert untuned == "| untuned | 0 |  | 0.0 ± 0.0 |  |"
    assert eight == "| 8 | 50,000 | 50.0 ± 6.2 | 20.0 ± 2.0 | 0.40 |"
