"""Verdicts on simulated scores whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from flanrepro.experiments.flan2021 import FLAN2021
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.report import contrasts
from flanrepro.report.claims import (
    FAMILIES,
    VERDICTS,
    Part,
    claims,
    judge,
    parts,
    parts_of,
    scorecard,
)

SUITES = ("held_in", "cot", "mmlu", "bbh", "bbh_cot")
MIXTURES = (
    "flan2022",
    "flan2022_without_cot",
    "flan2022_without_inversion",
    "equal",
    "flan2022_without_few_shot",
    "flan2021",
    "p3++",
    "niv2",
)


def rows(values: dict, seeds: int, noise: float, rng, **common) -> list[dict]:
    """Scores of runs with a seed effect that all runs of a seed share: values[run's column]."""
    column = common.pop("column")
    shared = rng.normal(0, 5, seeds)
    return [
        {"run": f"{key}-{seed}", "seed": seed, "model": "nano", "subset": np.nan, "tasks": 1000}
        | {column: key, "suite": suite, "setting": setting}
        | {"value": value(suite, setting) + shared[seed] + rng.normal(0, noise)}
        for key, value in values.items()
        for seed in range(seeds)
        for suite in SUITES
        for setting in ("zero_shot", "few_shot")
    ]


def ablations(seeds=5, noise=0.3, effect=10.0, rng=None, **of) -> pd.DataFrame:
    """Table 1's runs: flan2022 has 60, the others `effect` less, or what `of` says."""
    rng = rng or np.random.default_rng(0)
    values = {name: lambda *_: 60.0 - effect for name in MIXTURES}
    values["flan2022"] = lambda *_: 60.0
    values |= {name.replace("_minus_", "_without_"): value for name, value in of.items()}
    return pd.DataFrame(rows(values, seeds, noise, rng, column="mixture"))


def verdicts(**tables: pd.DataFrame) -> dict[str, str]:
    return scorecard(tables).set_index("claim")["verdict"].to_dict()


def test_every_claim_has_its_contrast_smallest_effect_and_place():
    numbered = {f"F{i}" for i in range(1, 34)} | {f"L{i}" for i in range(1, 9)}
    assert numbered <= set(claims()) and len(claims()) == 54
    for claim in claims().values():
        assert claim["place"] and claim["claim"].endswith(".")
        assert set(claim.get("beside", ())) < set(claims())
        assert ("sweep" in claim) != ("published" in claim)
        if "sweep" in claim:
            assert callable(getattr(contrasts, claim["contrast"]))
            assert claim["smallest_effect"] > 0
            assert claim["sweep"] in (*SWEEPS, *FLAN2021, "single_task")


def test_a_large_effect_replicates_and_its_reverse_is_opposite():
    found = verdicts(ablations=ablations())
    assert {found[name] for name in ("F1", "F2", "F3", "F5", "F6", "F7", "F10")} == {"replicates"}
    assert found["F9"] == "opposite"  # it claims that there is no effect
    assert found["F4"] == "opposite"  # it claims that zero-shot BBH is worse
    turned = verdicts(ablations=ablations(effect=-10.0))
    assert {turned[name] for name in ("F1", "F2", "F3", "F5", "F6", "F8", "F11")} == {"opposite"}


def test_where_nothing_differs_there_is_no_effect_and_the_equivalence_replicates():
    found = verdicts(ablations=ablations(effect=0.0, noise=0.05))
    assert {found[name] for name in ("F2", "F6", "F7", "F8", "F10", "F11")} == {"no effect"}
    assert found["F9"] == "replicates"


def test_noise_alone_is_undecided():
    found = verdicts(ablations=ablations(effect=0.0, noise=5.0))
    assert {found[name] for name in ("F6", "F7", "F8", "F9", "F11")} == {"undecided"}


@pytest.mark.parametrize("effect", [0.0, 5.0, 50.0])
def test_one_seed_decides_nothing(effect):
    found = verdicts(ablations=ablations(seeds=1, effect=effect))
    assert {found[f"F{i}"] for i in range(1, 12)} == {"one seed"}


def test_claims_without_their_runs_are_listed():
    found = verdicts(ablations=ablations())
    assert len(found) == 54
    assert {found[name] for name in ("F12", "F18", "F23", "L1", "L7")} == {"not run"}
    missing = ablations()
    missing = missing[missing["mixture"] != "flan2022_without_cot"]
    assert verdicts(ablations=missing)["F6"] == "not testable"
    assert set(found.values()) <= set(VERDICTS)


def test_a_claim_of_several_parts_needs_all_of_them():
    def worse(suite, setting):
        return 60.0 if suite == "bbh_cot" else 50.0

    assert verdicts(ablations=ablations())["F10"] == "replicates"
    assert verdicts(ablations=ablations(equal=worse))["F10"] == "undecided"


def test_the_next_best_is_the_best_of_the_three_collections_by_its_mean():
    table = ablations(noise=0.0, niv2=lambda *_: 57.0)
    (zero, few) = parts_of("F3", table)
    assert (zero.ours, few.ours) == (pytest.approx(3.0), pytest.approx(3.0))
    assert zero.runs == tuple(
        table[
            table["mixture"].isin(["flan2022", "flan2021", "p3++", "niv2"])
            & (table["suite"] == "mmlu")
            & (table["setting"] == "zero_shot")
        ]["run"]
    )


def simulated(rng, seeds: int, effect: float, noise: float, claims: int = 12) -> dict:
    """Parts of claims of which the first two have two parts; a shared seed effect is paired out."""
    shared = rng.normal(0, 8, seeds)

    def part(name: str) -> Part:
        first, second = (shared + rng.normal(0, noise, seeds) for _ in range(2))
        return Part(name, "mmlu", "zero_shot", ">0", 1, 1.0, tuple(first - second + effect), ())

    names = [f"F{i}" for i in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13)][:claims]
    return {name: [part(name) for _ in range(1 + (i < 2))] for i, name in enumerate(names)}


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_false_verdict_among_all_claims_is_as_rare_as_stated(seeds):
    rng, trials = np.random.default_rng(seeds), 400
    found = [judge(simulated(rng, seeds, effect=0.0, noise=2.0)) for _ in range(trials)]
    for name in FAMILIES:
        own = [card[card["family"] == name]["verdict"] for card in found]
        false = np.mean([of.isin(["replicates", "opposite"]).any() for of in own])
        assert 0.01 < false < 0.08, name  # 5 % by Holm's promise, with 400 trials


def test_the_primary_claims_are_adjusted_by_themselves_and_so_are_the_others():
    every = simulated(np.random.default_rng(8), 5, effect=2.0, noise=1.0)
    together = judge(every).set_index("claim")
    for name in FAMILIES:
        own = {claim: of for claim, of in every.items() if together.loc[claim, "family"] == name}
        assert 1 < len(own) < len(every)
        alone = judge(own).set_index("claim").loc[list(own)]
        assert alone["p_adjusted"].equals(together.loc[list(own), "p_adjusted"])
        p = alone["p"].sort_values()
        assert alone["p_adjusted"].min() == pytest.approx(min(1, len(own) * p.iloc[0]))


def test_one_claim_per_section_is_primary_and_none_of_published_numbers_is_in_a_family():
    families = judge({}).set_index("claim")["family"]
    assert set(families[families == "primary"].index) == {
        name for name, claim in claims().items() if claim.get("primary")
    }
    assert families["F33"] == "" and "F33" not in families[families == "secondary"]


def test_a_claim_on_published_numbers_shows_them_and_is_no_replication():
    card = judge({}).set_index("claim")
    assert card.loc["F33", "verdict"] == "published"
    assert card.loc["F33", "paper"].startswith("mmlu zero-shot +1.2; ")
    assert card.loc["F33", "ours"] == card.loc["F33", "by_part"] == ""


@pytest.mark.parametrize(("seeds", "effect"), [(3, 60.0), (5, 12.0)])
def test_a_true_effect_is_found_in_most_trials(seeds, effect):
    rng = np.random.default_rng(seeds)
    found = [judge(simulated(rng, seeds, effect, noise=1.0))["verdict"][:8] for _ in range(60)]
    assert np.mean([(of == "replicates").mean() for of in found]) > 0.8


def test_no_effect_is_said_where_there_is_none_and_seldom_where_there_is():
    rng = np.random.default_rng(6)
    none = [judge(simulated(rng, 5, 0.0, 0.2))["verdict"][0] for _ in range(100)]
    some = [judge(simulated(rng, 5, 1.0, 0.2))["verdict"][0] for _ in range(100)]
    assert none.count("no effect") > 80
    assert some.count("no effect") <= 5  # the effect is at the margin


def test_the_magnitude_is_met_where_ours_is_as_large_and_not_where_the_interval_is_below():
    table = ablations(effect=10.0)
    made = parts({"ablations": table}).set_index(["claim", "of", "setting"])
    assert made.loc[("F2", "cot", "few_shot"), "magnitude"] == "met"  # 8.5, and we have 10
    assert made.loc[("F3", "mmlu", "few_shot"), "magnitude"] == "not met"  # 17.6
    wide = parts({"ablations": ablations(effect=10.0, noise=20.0, seeds=3)})
    assert "unclear" in set(wide["magnitude"])
    assert set(wide[wide["claim"] == "F9"]["magnitude"]) == {""}  # an equivalence
    assert set(parts({"ablations": ablations(seeds=1)})["magnitude"]) == {""}


def test_a_claim_shows_what_each_of_its_parts_shows_alone():
    def worse(suite, setting):
        return 60.0 if suite == "bbh_cot" else 65.0 if suite == "cot" else 50.0

    table = ablations(seeds=5, equal=worse, noise=0.3)
    card = scorecard({"ablations": table}).set_index("claim")
    said = card.loc["F10", "by_part"]
    assert said.startswith("replicates 6 of 10 (held_in zero-shot, held_in few-shot, mmlu ")
    assert "; opposite 2 of 10 (cot zero-shot, cot few-shot); " in said
    assert card.loc["F10", "verdict"] == "opposite"  # one part's opposite refutes it
    made = parts({"ablations": table})
    own = made[made["claim"] == "F10"].set_index(["of", "setting"])["verdict"]
    assert list(own).count("replicates") == 6 and own["cot", "zero_shot"] == "opposite"


def test_the_scorecard_says_what_its_seeds_can_see_and_how_many_it_would_take():
    card = scorecard({"ablations": ablations(seeds=5, noise=3.0)}).set_index("claim")
    made = parts({"ablations": ablations(seeds=5, noise=3.0)})
    of = made[made["claim"] == "F10"]
    row = card.loc["F10"]
    # All parts have to hold, so that the one with the largest spread counts.
    assert row["detectable"] == of["detectable"].max() > row["smallest_effect"] == 1
    assert row["seeds_needed"] == of["seeds_needed"].max() > 5
    assert card["seeds_needed"].dtype == "Int64" and pd.isna(card.loc["L1", "seeds_needed"])
    one = scorecard({"ablations": ablations(seeds=1)})
    assert one["detectable"].isna().all() and one["seeds_needed"].isna().all()


def test_a_claim_says_which_of_its_parts_were_tested():
    table = ablations()
    few = table[table["suite"].isin(["held_in", "cot"]) | (table["setting"] == "zero_shot")]
    card = scorecard({"ablations": few[few["suite"] != "bbh_cot"]}).set_index("claim")
    assert card.loc["F10", "parts"] == "6 of 10"
    untested = "mmlu few-shot, bbh few-shot, bbh_cot zero-shot, bbh_cot few-shot"
    assert card.loc["F10", "untested"] == untested
    assert (card.loc["F1", "parts"], card.loc["F1", "untested"]) == ("2 of 2", "")
    assert (card.loc["F7", "verdict"], card.loc["F7", "parts"]) == ("not testable", "0 of 2")
    assert (card.loc["F12", "verdict"], card.loc["F12", "parts"]) == ("not run", "0 of 3")
    assert (card.loc["L1", "verdict"], card.loc["L1", "parts"]) == ("not run", "0 of 1")


def test_a_claim_on_every_target_counts_those_of_table_3_and_of_the_profile():
    table = curves(gain=5.0, sooner=40, before=90.0)
    card = scorecard({"single_task": table}).set_index("claim")
    assert card.loc["F21", "parts"] == "2 of 15"  # rte and wanli
    assert "anli_r1" in card.loc["F21", "untested"] and "cxc" in card.loc["F21", "untested"]
    assert card.loc["F23", "parts"] == "1 of 5"
    assert card.loc["F23", "untested"] == "mednli, condaqa, pubmedqa, cxc"
    assert card.loc["F22", "parts"] == "1 of 1"  # the paper does not say which have little data
    asked = {"held_in": ["rte"], "little": ["wanli_small", "cxc_small"]}
    card = scorecard({"single_task": table}, asked).set_index("claim")
    assert (card.loc["F22", "parts"], card.loc["F22", "untested"]) == ("1 of 2", "cxc_small")
    assert card.loc["F21", "parts"] == "2 of 15"


@pytest.mark.parametrize("varied", ["reference", "paper"])
def test_section_3_6s_claim_is_varied_formats_minus_plain_ones(varied):
    rng = np.random.default_rng(7)
    values = {"plain": lambda *_: 50.0, varied: lambda *_: 54.0}
    table = pd.DataFrame(rows(values, 5, 0.2, rng, column="formats"))
    found = {part.name: part.ours for part in parts_of("F24", table)}
    assert len(found) == 10  # five suites, zero-shot and few-shot
    assert found["cot few-shot"] == pytest.approx(4, abs=0.5)
    assert verdicts(formats=table)["F24"] == "replicates"
    assert verdicts(ablations=ablations())["F24"] == "not run"


def fractions(values: dict, seeds=5, noise=0.2) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    made = {fraction: lambda *_, v=value: v for fraction, value in values.items()}
    return pd.DataFrame(rows(made, seeds, noise, rng, column="few_shot_fraction"))


def test_figure_3s_claims_are_read_off_its_curve():
    curve = {0.0: 40.0, 0.05: 44.0, 0.1: 46.0, 0.5: 60.0, 0.9: 58.0, 1.0: 50.0}
    table = fractions(curve)
    found = verdicts(few_shot=table)
    assert {found[name] for name in ("F12", "F13", "F14")} == {"replicates"}
    assert parts_of("F12", table)[0].ours == pytest.approx(5, abs=0.5)  # mean of 4 and 6
    assert parts_of("F13", table)[0].ours == pytest.approx(8, abs=0.5)
    assert parts_of("F14", table)[0].ours == pytest.approx(10, abs=0.5)
    turned = verdicts(few_shot=fractions({f: 100 - v for f, v in curve.items()}))
    assert {turned[name] for name in ("F12", "F13", "F14")} == {"opposite"}


def test_a_peak_chosen_on_the_other_seeds_is_not_found_in_noise():
    flat = dict.fromkeys((0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0), 50.0)
    ours = [
        part.ours
        for k in range(40)
        for part in parts_of("F14", fractions(flat, seeds=3, noise=3.0 + 0.01 * k))
    ]
    # Five noisy points less the better one of two, chosen on the same scores, is +1.8 on average.
    assert abs(np.mean(ours)) < 1.0


def scaling(peak: dict[str, int], seeds=4) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {"run": f"{model}-{tasks}-{seed}", "seed": seed, "model": model, "tasks": tasks}
        | {"subset": np.nan if tasks == 1800 else tasks, "suite": suite, "setting": "zero_shot"}
        | {"value": value + rng.normal(0, 0.1)}
        for model, at in peak.items()
        for seed in range(seeds)
        for tasks in (8, 25, 50, 100, 200, 400, 800, 1800)
        for suite, value in (
            ("held_in", 70 - 2 * abs(np.log2(tasks / at))),
            ("mmlu", 30 + 1.5 * np.log2(tasks)),
        )
    )


def test_figure_4s_claims_are_read_off_its_curves():
    found = verdicts(task_scaling=scaling({"nano": 100, "micro": 400}))
    assert {found[name] for name in ("F15", "F16", "F17")} == {"replicates"}
    (f16,) = parts_of("F16", scaling({"nano": 100, "micro": 400}))
    assert f16.ours == pytest.approx(2)  # doublings
    (f17,) = parts_of("F17", scaling({"nano": 100}))
    assert f17.ours == pytest.approx(1.5, abs=0.1)
    (f15,) = parts_of("F15", scaling({"nano": 100}))
    assert f15.ours == pytest.approx(2 * np.log2(18), abs=0.3)
    assert verdicts(task_scaling=scaling({"nano": 100}))["F16"] == "not testable"


def test_table_2s_claims_are_how_much_more_one_source_costs_than_the_next():
    rng = np.random.default_rng(4)
    drops = {"flan2021": 10, "t0_sf": 4, "niv2": 1, "cot": 2, "dialog": 0, "program_synthesis": 0}
    values = {f"equal_without_{name}": lambda *_, d=drop: 60.0 - d for name, drop in drops.items()}
    values |= {"equal": lambda *_: 60.0, "flan2022": lambda *_: 63.0}
    table = pd.DataFrame(rows(values, 5, 0.2, rng, column="mixture"))
    found = verdicts(leave_one_out=table)
    assert (found["F18"], found["F20"]) == ("replicates", "replicates")
    assert found["F19"] == "opposite"  # leaving out Flan 2021 costs more, in every suite
    assert parts_of("F18", table)[0].ours == pytest.approx(6, abs=0.5)


def curves(gain: float, sooner: int, before: float, seeds=4) -> pd.DataFrame:
    """Finetuning from 50 (at step 0: 20, `before`) to 80 in 100 steps; tuned `gain` higher."""
    rng = np.random.default_rng(5)
    made = []
    for group, target in (("held_in", "rte"), ("held_out", "wanli"), ("little", "wanli_small")):
        for state in ("untuned", "tuned"):
            for seed in range(seeds):
                for step in range(0, 201, 20):
                    tuned = state == "tuned"
                    value = min(80.0, 20 + 60 * (step + sooner * tuned) / 100)
                    first = before if tuned and step == 0 else value + gain * tuned
                    made.append(
                        {"run": f"{target}-{state}-{seed}", "target": target, "group": group}
                        | {"state": state, "seed": seed, "step": step, "metric": "accuracy"}
                        | {"validation": value, "test": first + rng.normal(0, 0.1)}
                    )
    return pd.DataFrame(made)


def test_finetunings_claims_are_read_off_its_curves():
    found = verdicts(single_task=curves(gain=5.0, sooner=40, before=90.0))
    assert {found[name] for name in ("F21", "F22")} == {"replicates"}
    (f23,) = parts_of("F23", curves(gain=5.0, sooner=40, before=90.0))
    assert set(f23.values) == {40.0}  # 95 % of 80 at step 100, and at step 60
    assert f23.of == "wanli"
    turned = verdicts(single_task=curves(gain=-5.0, sooner=-40, before=10.0))
    assert {turned[name] for name in ("F21", "F22", "F23")} == {"opposite"}


def test_a_tuned_model_that_never_gets_there_counts_one_validation_more():
    table = curves(gain=0.0, sooner=0, before=0.0)
    never = table["state"] == "tuned"
    table.loc[never, "validation"] = 10.0
    (f23,) = parts_of("F23", table)
    assert set(f23.values) == {100.0 - 220.0}


def test_the_papers_lead_of_the_source_that_costs_most_is_table_2s():
    from flanrepro.report.paper import published

    table = published("table_2").set_index(["mixture", "suite"])["value"]
    for name, suite in (("F18", "held_in"), ("F19", "cot")):
        costs = {
            key: table["equal", suite] - value
            for (key, of), value in table.items()
            if of == suite and key.startswith("equal_without_")
        }
        first, second = sorted(costs.values(), reverse=True)[:2]
        assert max(costs, key=costs.get) == f"equal_without_{claims()[name]['source']}"
        assert claims()[name]["paper"][suite] == [pytest.approx(first - second)] * 2
