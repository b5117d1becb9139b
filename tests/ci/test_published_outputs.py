"""Published outputs beside ours, on a folder with the layout of one repository."""

import json

import pytest

from ci import published


@pytest.fixture
def folder(tmp_path, monkeypatch):
    own = tmp_path / "BIG-Bench-Hard/code-davinci-002-outputs/code-davinci-002-cot"
    own.mkdir(parents=True)
    rows = [
        {"prediction": "(A) fits, (B) too. So the answer is (A) or (B).", "target": "(A)"},
        {"prediction": "So the answer is (B).", "target": "(B)"},
    ]
    stem = own / "snarks_few_shot_template_0-255000"
    stem.with_suffix(".json").write_text(json.dumps({"outputs": rows}))
    metrics = own / "snarks_few_shot_template_0-255000_eval_metrics.jsonl"
    metrics.write_text('{"accuracy": 50.0}')
    monkeypatch.setattr(published, "REPOSITORIES", {"BIG-Bench-Hard": published.codex})
    return tmp_path


def test_a_set_is_scored_as_it_was_published(folder):
    (row,) = published.compare(folder).to_dict("records")
    assert (row["set"], row["items"], row["published"], row["ours"]) == ("cot snarks", 2, 50, 50)
    assert "| cot snarks | 2 | 50.0000 | 50.0000 | 0 | 0 |" in published.page(
        published.compare(folder)
    )


def test_another_figure_than_the_published_one_is_no_page(folder, monkeypatch):
    monkeypatch.setattr(published, "read_answer", lambda *_: ("A", True))
    with pytest.raises(SystemExit, match="other figures than the published ones"):
        published.page(published.compare(folder))
