"""What notebooks say of their scores: verdicts as a table, findings as sentences."""

import html

import numpy as np
import pandas as pd
import pytest

from flanrepro.experiments.profiles import Job
from flanrepro.report import found, verdicts

JOB = Job(profile="smoke")
OTHERS = ("flan2022_without_cot", "flan2022_without_inversion", "equal")
OTHERS += ("flan2022_without_few_shot", "flan2021", "p3++", "niv2")


@pytest.fixture
def judged(scored):
    """judged(seeds, lead): claims on Table 1's runs on CoT and MMLU, Flan 2022 ahead by `lead`."""

    def made(seeds: int, lead: float = 20.0, only=()) -> verdicts.Judged:
        rng = np.random.default_rng(0)
        values = {
            (("mixture", name),): tuple(np.round(value + rng.normal(0, 1.0, seeds), 3))
            for name, value in [("flan2022", 40.0 + lead), *((name, 40.0) for name in OTHERS)]
        }
        table = scored(values, ("cot", "mmlu")).assign(subset=np.nan, tasks=1800)
        sweeps = ("ablations", "inversion_dose")
        return verdicts.judged({"ablations": table}, sweeps, only=only)

    return made


def line(of: verdicts.Judged, claim: str) -> str:
    (said,) = [one for one in found.page(of).text.splitlines() if one.startswith(f"- {claim}:")]
    return said


def test_a_claim_has_a_sentence_with_its_verdict_our_numbers_and_the_papers(judged):
    of = judged(seeds=5)
    parts = of.parts[of.parts["claim"] == "F2"].set_index("setting")
    here = [
        f"{row.ours:+.1f} [{row.low:.1f}, {row.high:.1f}] on CoT {row.Index.replace('_', '-')}"
        for row in parts.itertuples()
    ]
    assert line(of, "F2") == (
        "- F2: replicates with 5 seeds; its 2 parts alone: 2 replicate. “Flan 2022 beats the next "
        f"best collection on CoT” (Table 1). Here, {here[0]} and {here[1]} (points); the paper has "
        "+10.2 and +8.5."
    )


def test_other_scores_give_another_sentence(judged):
    assert line(judged(seeds=5, lead=-20.0), "F2").startswith("- F2: opposite with 5 seeds; ")
    assert line(judged(seeds=5, lead=0.2), "F2").startswith("- F2: undecided with 5 seeds; ")


def test_one_seed_has_signs_and_no_verdict(judged):
    said = line(judged(seeds=1, lead=40.0), "F2")
    assert said.startswith("- F2: one seed; its 2 parts alone: 2 agree in sign. ")
    assert "[" not in said and "replicates" not in said


def test_of_many_parts_a_sentence_has_the_lowest_and_the_highest(judged):
    of = judged(seeds=5)
    own = of.parts[of.parts["claim"] == "F10"]
    assert len(own) > found.LISTED
    said = line(of, "F10")
    assert f"Here, from {own['ours'].min():+.1f} [" in said
    assert f" to {own['ours'].max():+.1f} [" in said


def test_claims_of_the_notebooks_sweeps_that_were_not_run_are_named(judged):
    assert "- F8d, F8h, F8i: not run" in found.page(judged(seeds=2)).text
    assert set(judged(seeds=2).card["claim"]) >= {"F2", "F8d"}


def test_a_claim_without_scores_that_is_alone_with_its_verdict_has_its_words(judged):
    of = judged(seeds=2, only=("F8", "F8d"))
    assert line(of, "F8d") == (
        "- F8d: not run “Flan 2022's inverted templates, of all sources together, help Held-Out” "
        "(Table 1, section 3.4, over every source)."
    )


def test_a_notebook_may_judge_some_claims_alone(judged):
    of = judged(seeds=2, only=("F8", "F8d"))
    assert of.card["claim"].tolist() == ["F8", "F8d"]
    assert set(of.parts["claim"]) == {"F8"}


def test_the_table_has_each_claims_words_and_a_mark_per_claim_and_part(judged):
    of = judged(seeds=5)
    page = verdicts.page(of, JOB)
    for row in of.card.itertuples():
        assert f"<b>{html.escape(row.text)}</b> ({html.escape(row.place)})" in page.html
    several = of.parts["claim"].value_counts()
    marks = len(of.card) + several[several > 1].sum()
    assert page.html.count('<span style="background') == marks
    assert "5 seeds, p &lt; 0.001, adjusted" in page.html
    assert page.text.startswith("F1 ") and "profile smoke, collection pocket" in page.text


def test_an_empty_scorecard_can_be_shown():
    of = verdicts.judged({}, ["few_shot"])
    assert found.page(of).text == "- F12, F13, F14: not run"
    assert verdicts.page(of, JOB).html.count(">not run</span>") == 3


def test_numbers_of_the_paper_without_a_number_are_signs():
    part = pd.DataFrame([{"paper": ">0", "ours": 1.0, "low": np.nan, "high": np.nan}])
    (row,) = part.itertuples()
    assert verdicts.paper(row) == ">0" and verdicts.ours(row) == "+1.0"
