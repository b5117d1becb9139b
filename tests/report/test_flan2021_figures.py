"""FLAN 2021's figures and contrasts, on scores that are known."""

import numpy as np
import pandas as pd
import pytest

from flanrepro.experiments.flan2021 import CLUSTERS, MIXTURE, OF_INSTRUCTIONS, UNSEEN
from flanrepro.report import flan2021
from flanrepro.report.claim_parts import averaged, claims, parts_of
from flanrepro.report.paper import published
from flanrepro.report.templates import best_template

FIELDS = {
    "model": "nano",
    "mixture": MIXTURE,
    "state": "tuned",
    "setting": "zero_shot",
    "asking": "each",
    "templates": np.nan,
    "instructions": "",
    "examples": np.nan,
    "clusters": 7,
    "chance": 25.0,
    "standard_error": 2.0,
    "n": 100,
    "items": 100,
}


def rows(suites, value, seeds=3, **fields) -> list[dict]:
    """Rows of scores: `value` plus the seed; a name of the run follows from its fields."""
    made = []
    for suite in suites:
        for seed in range(seeds):
            own = FIELDS | fields | {"suite": suite, "seed": seed, "value": value + seed}
            named = sorted(fields.items(), key=str)
            made.append({"run": f"{abs(hash(str(named))):x}"[:6] + f"{seed}"} | own)
    return made


def untuned(suites, value, asking="each", setting="zero_shot", model="nano") -> list[dict]:
    found = rows(suites, value, 1, state="untuned", asking=asking, setting=setting, model=model)
    return [row | {"run": f"start_{model}"} for row in found]


@pytest.fixture
def clusters() -> pd.DataFrame:
    found = [*untuned(CLUSTERS, 40), *untuned(CLUSTERS, 44, "none")]
    found += untuned(CLUSTERS, 46, setting="few_shot")
    found += rows(CLUSTERS, 50) + rows(CLUSTERS, 53, setting="few_shot")
    return pd.DataFrame(found)


def test_tuning_is_compared_with_the_better_way_of_asking_what_is_not_tuned(clusters):
    (part,) = parts_of("L1", clusters)
    # The untuned model is one run for all seeds, and was better without a template.
    assert part.values == (6.0, 7.0, 8.0)
    assert "start_nano" in part.runs and part.name == "ten clusters zero-shot"
    each = parts_of("L1c", clusters)
    assert [part.of for part in each] == list(claims()["L1c"]["paper"])
    assert all(part.values == (6.0, 7.0, 8.0) for part in each)


def test_a_mean_needs_every_suite_of_a_seed_and_names_what_no_run_has(clusters):
    lacking = clusters[~((clusters["suite"] == "nli") & (clusters["seed"] == 2))]
    (part,) = parts_of("L1", lacking)
    assert part.values == (6.0, 7.0)
    (part,) = parts_of("L1", clusters[clusters["suite"] != "sentiment"])
    assert part.coverage["left_out"] == "no scores of sentiment"


def test_a_mean_s_error_is_that_of_independent_scores(clusters):
    mean = averaged(clusters, CLUSTERS, ["seed", "state", "setting", "asking"])
    assert mean["standard_error"].round(6).eq(round(2 / 10**0.5, 6)).all()
    assert mean["n"].eq(1000).all()


def test_exemplars_are_compared_within_the_tuned_runs(clusters):
    found = parts_of("L5", clusters)
    assert [part.of for part in found] == list(claims()["L5"]["paper"])
    assert all(part.values == (3.0, 3.0, 3.0) for part in found)


def test_the_slope_is_in_points_per_cluster():
    found = [row for n in range(1, 8) for row in rows(UNSEEN, 40 + 2 * n, clusters=n)]
    (part,) = parts_of("L2", pd.DataFrame(found))
    assert part.values == pytest.approx((2.0, 2.0, 2.0))


def test_a_small_size_that_tuning_hurts_replicates_and_a_larger_one_gains_more():
    found = []
    for model, before, after in (("nano", 50, 45), ("micro", 50, 54)):
        found += untuned(UNSEEN, before, model=model)
        found += untuned(UNSEEN, before - 9, "none", model=model)
        found += rows(UNSEEN, after, model=model)
    table = pd.DataFrame(found)
    (hurt,) = parts_of("L3", table)
    assert hurt.values == (-5.0, -4.0, -3.0) and hurt.direction == -1
    holds, fails = hurt.p
    assert holds < 0.05 and fails == 1.0
    (more,) = parts_of("L3l", table)
    assert more.values == (9.0, 9.0, 9.0)
    drawn = flan2021.scale_table(table)
    assert drawn["value"].tolist() == [50, 46, 50, 55]
    assert parts_of("L3l", table[table["model"] == "nano"]) == []


def test_templates_are_an_equivalence_and_all_of_them_are_ten():
    found = [*rows(UNSEEN, 50, templates=1), *rows(UNSEEN, 51, templates=4), *rows(UNSEEN, 50.5)]
    (part,) = parts_of("L4", pd.DataFrame(found))
    assert part.values == (0.5, 0.5, 0.5) and part.direction == 0
    rest = pd.DataFrame(instructed()), pd.DataFrame(listed())
    drawn = flan2021.ablations_table(pd.DataFrame(found), rest[1], rest[0])
    own = drawn[drawn["ablation"] == "templates"].set_index("level")
    assert own["value"].to_dict() == {"1": 51, "4": 52, "10": 51.5}
    assert own["paper"].to_dict() == {"1": 70.1, "4": 70.5, "10": 69.9}


def listed() -> list[dict]:
    without = "flan2021_original_without_options"
    found = [*rows(UNSEEN, 50), *rows(UNSEEN, 49, asking="each_nooptions")]
    found += rows(UNSEEN, 48, mixture=without)
    return [*found, *rows(UNSEEN, 46, mixture=without, asking="each_nooptions")]


def test_options_are_compared_as_trained_and_asked():
    found = parts_of("L7", pd.DataFrame(listed()))
    assert [part.of for part in found] == ["nli", "commonsense"]
    assert all(part.values == (4.0, 4.0, 4.0) for part in found)


def instructed() -> list[dict]:
    found = [*rows(OF_INSTRUCTIONS, 50), *rows(OF_INSTRUCTIONS, 40, instructions="none")]
    found += rows(OF_INSTRUCTIONS, 41, instructions="name")
    return [*found, *rows(OF_INSTRUCTIONS, 45, instructions="name", asking="name")]


def test_instructions_are_compared_with_the_best_other_form():
    (part,) = parts_of("L8", pd.DataFrame(instructed()))
    assert part.values == (5.0, 5.0, 5.0)
    drawn = flan2021.ablations_table(
        pd.DataFrame(rows(UNSEEN, 50)), pd.DataFrame(listed()), pd.DataFrame(instructed())
    )
    own = drawn[drawn["ablation"] == "instructions"]
    assert own["level"].tolist() == list(flan2021.INSTRUCTIONS)
    assert own["paper"].tolist() == [55.2, 37.3, 46.6, 47.0]
    assert own["value"].tolist() == [51, 41, 42, 46]


def prompted() -> pd.DataFrame:
    found = []
    for examples, lead in ((32, 10), (np.nan, 4)):
        for suite in ("nli.rte", "commonsense.copa"):
            found += rows([suite], 50, state="untuned", examples=examples)
            found += rows([suite], 50 + lead, examples=examples)
    return pd.DataFrame(found)


def test_soft_prompts_are_paired_by_seed_for_each_number_of_examples():
    (few,), (every,) = (parts_of(name, prompted()) for name in ("L6", "L6f"))
    assert few.values == (10.0, 10.0, 10.0) and every.values == (4.0, 4.0, 4.0)
    assert "nli.cb" in few.coverage["left_out"]
    drawn = flan2021.prompt_tuning_table(prompted()).set_index(["target", "examples", "state"])
    assert drawn.loc[("copa", "32", "tuned"), "paper"] == 91.0
    # The paper's mean over the same data sets: RTE and COPA.
    assert drawn.loc[("mean", "all", "untuned"), "paper"] == (82.0 + 90.0) / 2
    assert drawn.loc[("mean", "32", "tuned"), "value"] == 61


def test_every_figure_can_be_drawn(clusters):
    table = flan2021.clusters_table(clusters)
    figure = flan2021.draw_clusters(table)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights[: len(CLUSTERS)] == [44] * len(CLUSTERS)  # the better way of asking
    assert [ax.get_title() for ax in figure.axes] == ["here", "the paper (137 B)"]
    numbers = [row for n in range(1, 8) for row in rows(UNSEEN, 40 + n, clusters=n)]
    made = flan2021.numbers_table(pd.DataFrame(numbers))
    assert made.query("cluster == 'mean'")["paper"].tolist() == [
        *(49.9, 55.0, 59.3, 59.2, 60.8, 61.9, 63.5)
    ]
    for draw, table in (
        (flan2021.draw_numbers, made),
        (flan2021.draw_prompt_tuning, flan2021.prompt_tuning_table(prompted())),
    ):
        assert len(draw(table).axes) == 2


def test_the_clusters_beside_ours_are_the_means_of_tables_1_and_2(clusters):
    table = flan2021.clusters_table(clusters).set_index(["cluster", "state", "setting"])
    stated = published("flan2021_datasets").astype({"value": float})
    own = stated.query("cluster == 'nli' and model == 'FLAN' and template == 'mean'")
    own = own.query("shots == 'zero_shot'")["value"].mean()
    assert table.loc[("nli", "tuned", "zero_shot"), "paper"] == pytest.approx(own)


def stated(name: str) -> dict[str, float]:
    numbers = claims()[name]["paper"].items()
    return {suite: next(x for x in pair if x is not None) for suite, pair in numbers}


def test_the_claims_numbers_follow_from_the_paper_s_tables():
    wide = flan2021.published_by_dataset().groupby("cluster", sort=False).mean(numeric_only=True)
    gain = wide["FLAN zero_shot mean"] - wide["LaMDA-PT zero_shot"]
    assert stated("L1") == {"ten clusters": round(gain[list(CLUSTERS)].mean(), 1)}
    assert stated("L1c") == gain[list(stated("L1c"))].round(1).to_dict()
    figures = published("flan2021_figures").astype({"value": float})
    six = figures[figures["place"] == "Figure 6"]
    assert stated("L2")["three clusters"] == round(np.polyfit(range(7), six["value"], 1)[0], 1)
    nine = figures[figures["place"] == "Figure 9"].pivot(
        index="cluster", columns="level", values="value"
    )
    lead = (nine["few_shot"] - nine["zero_shot"]).round(1)
    assert stated("L5") == lead[list(stated("L5"))].to_dict() and len(lead) == 7
    four = figures[figures["place"] == "Table 4"].groupby(["level", "model"])["value"].mean()
    for name, level in (("L6", "32"), ("L6f", "all")):
        lead = four[level, "FLAN"] - four[level, "LaMDA-PT"]
        assert stated(name)["SuperGLUE"] == pytest.approx(lead, abs=0.05)


def test_the_best_template_is_chosen_on_other_items():
    def answered(right: dict[str, list[bool]]) -> list[dict]:
        return [
            {"task": "rte", "template": name, "correct": flag}
            for name, flags in right.items()
            for flag in flags
        ]

    # The first template looks best on each half by chance of that half alone.
    items = answered({"a": [True, False] * 4, "b": [True] * 6 + [False] * 2})
    score = {"suite": "nli", "run": "r"}
    made = best_template(pd.DataFrame([score]), lambda row: items)
    (row,) = made.to_dict("records")
    # Chosen on the first half: a (4 of 4); on the second: b (3 of 4). Scored on the other halves.
    assert row["mean"] == pytest.approx(62.5)
    assert row["best"] == pytest.approx((0 + 75) / 2)
    assert best_template(pd.DataFrame([score]), lambda row: None).empty
