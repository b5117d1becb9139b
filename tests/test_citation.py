"""CITATION.cff parses, and names this version and both papers."""

from pathlib import Path

import yaml

from flanrepro.version import __version__

FILE = Path(__file__).resolve().parent.parent / "CITATION.cff"


def test_the_citation_names_this_version_and_both_papers():
    cited = yaml.safe_load(FILE.read_text("utf-8"))
    assert (cited["title"], str(cited["version"])) == ("flanrepro", __version__)
    assert cited["cff-version"] == "1.2.0" and cited["message"] and cited["authors"]
    papers = {row["title"].partition(":")[0]: row for row in cited["references"]}
    assert set(papers) == {
        "The Flan Collection",
        "Finetuned Language Models Are Zero-Shot Learners",
    }
    first = [row["authors"][0]["family-names"] for row in papers.values()]
    assert first == ["Longpre", "Wei"]
    for row, name in zip(papers.values(), ("2301.13688", "2109.01652"), strict=True):
        assert row["identifiers"] == [{"type": "other", "value": f"arXiv:{name}"}]
