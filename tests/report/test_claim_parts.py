"""What `claims.yaml` states follows from the paper's tables and its rule for primary claims."""

import re

import pandas as pd
import pytest

from flanrepro.report.claim_parts import claims, published_numbers, stated_numbers
from flanrepro.report.claims import scorecard
from flanrepro.report.paper import published

SETTINGS = ("zero_shot", "few_shot")


def table_1() -> pd.Series:
    return published("table_1").set_index(["row", "suite", "setting"])["value"]


def table_2() -> pd.Series:
    return published("table_2").set_index(["mixture", "suite"])["value"]


def test_flan_t5_xls_lead_over_opt_iml_max_is_table_1s():
    value = table_1()
    for suite, numbers in claims()["F33"]["paper"].items():
        for setting, number in zip(SETTINGS, numbers, strict=True):
            others = [value.get((row, suite, setting)) for row in claims()["F33"]["to"]]
            if number is None:  # the paper has no such number of theirs
                assert others == [None, None]
            else:
                lead = value[claims()["F33"]["of"], suite, setting] - max(others)
                assert number == pytest.approx(lead)
    assert stated_numbers("F33") == "mmlu zero-shot +1.2; mmlu few-shot +5.3; bbh few-shot +3.6"


def test_a_claim_on_published_numbers_has_them_and_no_verdict_on_runs():
    shown = published_numbers("F33")
    assert list(shown.index) == ["T5-XL Flan 2022", "OPT-IML-Max 30B", "OPT-IML-Max 175B"]
    assert shown.loc["OPT-IML-Max 175B"].tolist() == [49.1, 47.1, 35.7]
    row = scorecard({}).set_index("claim").loc["F33"]
    assert (row["verdict"], row["paper"]) == ("published", stated_numbers("F33"))
    assert (row["ours"], row["seeds"], row["runs"]) == ("", 0, "")


def test_chain_of_thoughts_worth_per_suite_is_table_1s():
    value, rows = table_1(), ("T5-XL Flan 2022", "- CoT")
    for suite, numbers in claims()["F29"]["paper"].items():
        for setting, number in zip(SETTINGS, numbers, strict=True):
            first, second = (value[row, suite, setting] for row in rows)
            assert number == pytest.approx(first - second)


def test_weighting_and_the_rank_of_sources_are_table_2s():
    value = table_2()
    costs = value["flan2022", "cot"] - value["equal", "cot"]
    assert claims()["F10c"]["paper"]["cot"] == [pytest.approx(costs)] * 2
    means = [
        sum(value[mixture, "mmlu"] for mixture in claims()["F28"][side]["mixture"]) / 2
        for side in ("of", "to")
    ]
    assert claims()["F28"]["paper"]["mmlu"] == [pytest.approx(means[0] - means[1])] * 2


def section(place: str) -> str:
    """The section that a claim's place is in; Table 1 is section 3.1's."""
    if place.startswith("FLAN 2021"):
        return "FLAN 2021"
    named = re.findall(r"section (\d(?:\.\d)?)", place)
    return named[-1] if named else "3.1"


def test_every_section_with_results_has_one_primary_claim():
    primary = [section(c["place"]) for c in claims().values() if c.get("primary")]
    assert sorted(primary) == ["3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "4", "FLAN 2021"]
    every = {section(c["place"]) for c in claims().values()}
    # Section 1 speaks of chain-of-thought prompts, of which section 3.2 has no experiment.
    assert every - set(primary) == {"1"}


def test_claims_at_equal_prompts_are_their_claims_on_other_runs():
    names = [name for name in claims() if re.fullmatch(r"F\d+e", name)]
    assert names == ["F1e", "F10e", "F15e", "F17e", "F20e"]
    for name in names:
        own, other = claims()[name], claims()[name[:-1]]
        assert own["beside"] == [name[:-1]] and own["sweep"].endswith("_equal_prompts")
        for key in ("contrast", "of", "to", "smallest_effect", "unit"):
            assert own.get(key) == other.get(key), (name, key)
        assert own["paper"].keys() == other["paper"].keys()


def test_a_collection_without_items_in_the_inverse_direction_cannot_test_f8i():
    rows = [
        {"run": f"{mixture}-{seed}", "seed": seed, "model": "nano", "mixture": mixture}
        | {"suite": suite, "setting": setting, "value": value + 0.1 * seed}
        for mixture, value in (
            ("flan2022", 60.0),
            ("flan2022_without_inverted_templates", 50.0),
            ("flan2022_half_inverted", 40.0),
        )
        for seed in range(4)
        for suite in ("mmlu", "bbh", "inverse")
        for setting in SETTINGS
    ]
    table = pd.DataFrame(rows)
    has = scorecard({"inversion_dose": table}).set_index("claim")["verdict"]
    assert (has["F8d"], has["F8h"], has["F8i"]) == ("replicates", "opposite", "replicates")
    lacks = scorecard({"inversion_dose": table[table["suite"] != "inverse"]})
    lacks = lacks.set_index("claim")["verdict"]
    assert (lacks["F8d"], lacks["F8h"], lacks["F8i"]) == ("replicates", "opposite", "not testable")
