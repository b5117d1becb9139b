"""The scorecard as its readers see it, on made-up scores of Table 1's runs."""

import numpy as np
import pandas as pd
import pytest

from flanrepro.experiments.profiles import Job
from flanrepro.report.claims import parts, scorecard
from flanrepro.report.part_verdicts import alone
from flanrepro.report.scorecard import draw, power, printed, summary

JOB = Job(profile="smoke")
OTHERS = ("flan2022_without_cot", "flan2022_without_inversion", "equal")
OTHERS += ("flan2022_without_few_shot", "flan2021", "p3++", "niv2")


@pytest.fixture(scope="module")
def runs(scored):
    """runs(seeds, lead): scores of Table 1's runs on CoT and MMLU, Flan 2022 ahead by `lead`."""

    def made(seeds: int, lead: float = 20.0) -> dict[str, pd.DataFrame]:
        rng = np.random.default_rng(0)
        values = {
            (("mixture", name),): tuple(np.round(value + rng.normal(0, 1.0, seeds), 3))
            for name, value in [("flan2022", 40.0 + lead), *((name, 40.0) for name in OTHERS)]
        }
        return {"ablations": scored(values, ("cot", "mmlu")).assign(subset=np.nan, tasks=1800)}

    return made


def lines_of(text: str, claim: str) -> list[str]:
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{claim} "))
    after = (i for i, line in enumerate(lines) if i > at and not line.startswith("    "))
    return lines[at : next(after)]


def test_the_printed_scorecard_has_all_that_a_verdict_rests_on(runs):
    text = printed(scorecard(runs(seeds=5)), JOB)
    head, tested, paper, here, by_part, magnitude, said, ids = lines_of(text, "F2")
    assert head.startswith("F2  replicates (5 seeds, p 0.000 alone, 0.0")
    assert " among the secondary claims): " in head
    assert head.endswith("Flan 2022 beats the next best collection on CoT. (Table 1)")
    assert tested == "    parts: 2 of 2 tested"
    assert paper == "    paper: cot zero-shot +10.2; cot few-shot +8.5"
    assert here.startswith("    here:  cot zero-shot +19") and " [" in here
    assert by_part == "    alone: replicates 2 of 2 (cot zero-shot, cot few-shot)"
    assert magnitude == "    magnitude met: 2 of 2"
    assert said.startswith("    power: 5 seeds see ")
    assert ids.startswith("    runs:  a0 a1") and ids.endswith("more")
    assert "    parts: 4 of 10 tested, not held_in zero-shot, held_in few-shot, bbh " in text
    assert "    beside: F6 replicates, F7 not testable" in lines_of(text, "F29")
    last = text.splitlines()[-1]
    assert last.startswith("profile smoke, collection pocket, model nano: ")
    assert "no verdicts" not in text


def test_a_claim_says_how_many_seeds_its_smallest_effect_takes_where_these_do_not_see_it(runs):
    card = scorecard(runs(seeds=5)).set_index("claim", drop=False)
    (row,) = card.loc[["F2"]].itertuples()
    assert row.detectable > row.smallest_effect == 1
    assert power(row) == (
        f"5 seeds see {row.detectable:.1f} or more (points); the smallest effect that counts, 1, "
        f"takes {row.seeds_needed}"
    )
    (easy,) = card.assign(smallest_effect=row.detectable).loc[["F2"]].itertuples()
    assert power(easy) == ""
    (never,) = card.loc[["L1"]].itertuples()
    assert power(never) == ""


def test_one_seed_ends_in_numbers_of_signs_and_in_no_verdict(runs):
    table = runs(seeds=1)
    # Per part 40 items: an error of about 11 points for a difference of 20.
    card = scorecard(table)
    text = printed(card, JOB)
    assert lines_of(text, "F2")[0].startswith("F2  one seed, no verdict: ")
    assert "undecided" not in text and "replicates" not in text
    signs = [kind for of in card["by_part"] for kind in alone(of).values()]
    lead, found = text.splitlines()[-2:]
    assert lead.startswith("profile smoke, collection pocket, model nano: ")
    assert f"{(card['verdict'] == 'one seed').sum()} one seed, " in lead
    names = ("agrees in sign", "disagrees in sign", "within item noise")
    agree, disagree, within = map(signs.count, names)
    assert found == (
        f"one seed, no verdicts: of {len(signs)} parts {agree} agree in sign with the paper beyond "
        f"the items' noise, {disagree} disagree, {within} are within it"
    )


@pytest.mark.parametrize(
    ("lead", "said"),
    [
        (3.0, " 0 agree in sign with the paper beyond the items' noise, 0 disagree, "),
        (40.0, " 17 agree in sign with the paper beyond the items' noise, 0 disagree, "),
        (-35.0, " 0 agree in sign with the paper beyond the items' noise, 17 disagree, "),
    ],
)
def test_the_numbers_of_signs_follow_the_scores(runs, lead, said):
    assert said in summary(scorecard(runs(seeds=1, lead=lead)), JOB).splitlines()[-1]


def test_parts_of_one_seed_have_their_items_noise(runs):
    made = parts(runs(seeds=1)).set_index(["claim", "of", "setting"])
    assert made.loc[("F6", "cot", "zero_shot"), "noise"] == pytest.approx(10.8, abs=0.5)
    assert parts(runs(seeds=2))["noise"].isna().all()


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_figure_has_each_parts_own_verdict_and_lists_what_was_not_tested(runs):
    card = scorecard(runs(seeds=5))
    card.loc[card["claim"] == "F2", "by_part"] = (
        "replicates 1 of 2 (cot few-shot); opposite 1 of 2 (cot zero-shot)"
    )
    figure = draw(card)
    shown = texts(figure)
    at = shown.index("F2")
    until = next(i for i in range(at + 1, len(shown)) if shown[i] in set(card["claim"]))
    own = shown[at:until]
    assert own.index("opposite") < len(own) - 1 - own[::-1].index("replicates")
    assert own.count("replicates") == 2  # the claim's, and one part's
    assert " ".join(own[own.index("replicates") + 1 :][:4]) == "1 of 2 replicate"
    # Primary claims come first, on grey.
    assert shown.index("F3") < at
    primary = card[(card["family"] == "primary") & (card["seeds"] > 0)]
    assert len(figure.axes[0].patches) == len(primary) > 0
    (never,) = [text for text in shown if text.startswith("F1, ")]
    assert "F4" in never and "F2" not in never.split(", ")


def test_the_figure_of_one_seed_says_how_many_parts_agree(runs):
    shown = " ".join(texts(draw(scorecard(runs(seeds=1, lead=40.0)))))
    assert "one seed 2 of 2 agree" in shown
    assert "agrees in sign" in shown


def test_a_scorecard_without_any_run_can_be_drawn_and_printed():
    card = scorecard({})
    shown = " ".join(" ".join(texts(draw(card))).split())
    assert ", L7, L8 not run" in shown and shown.endswith("F33 published")
    assert printed(card, JOB).splitlines()[-1].endswith("not run, 1 published")
