import pytest

from flanrepro.report.claim_parts import Part
from flanrepro.report.part_verdicts import alone, listed, power, verdict
from flanrepro.report.statistics import detectable, seeds_needed


def part(*values: float, direction=1, noise=float("nan"), of="mmlu", smallest=1.0) -> Part:
    return Part("F3", of, "few_shot", ">0", direction, smallest, values, (), {}, noise)


@pytest.mark.parametrize(
    ("values", "direction", "said"),
    [
        ((5.0, 6.0, 5.5), 1, "replicates"),
        ((5.0, 6.0, 5.5), -1, "opposite"),
        ((5.0, 6.0, 5.5), 0, "opposite"),  # an equivalence
        ((0.1, -0.1, 0.0), 1, "no effect"),
        ((0.1, -0.1, 0.0), 0, "replicates"),
        ((5.0, -6.0, 1.0), 1, "undecided"),
        ((5.0, -6.0, 1.0), 0, "undecided"),
    ],
)
def test_a_part_has_a_verdict_of_its_own(values, direction, said):
    assert verdict(part(*values, direction=direction)) == said


def test_one_seed_has_a_sign_and_no_verdict():
    assert verdict(part(5.0, noise=1.0)) == "agrees in sign"
    assert verdict(part(-5.0, noise=1.0)) == "disagrees in sign"
    assert verdict(part(5.0, noise=3.0)) == "within item noise"
    assert verdict(part(5.0)) == "item noise unknown"


def test_parts_are_listed_by_what_they_show_and_the_list_can_be_read():
    parts = [part(50.0, 51.0, of="cot"), part(0.1, 0.0, 0.1, of="bbh_cot"), part(4.0, noise=1.0)]
    parts += [part(60.0, 61.0, of="held-out targets")]
    text = listed(parts)
    assert text == (
        "replicates 2 of 4 (cot few-shot, held-out targets few-shot); no effect 1 of 4 (bbh_cot "
        "few-shot); agrees in sign 1 of 4 (mmlu few-shot)"
    )
    assert alone(text) == {one.name: verdict(one) for one in parts}
    assert listed([]) == "" and alone("") == {}


def test_the_power_of_a_claim_is_that_of_the_part_that_needs_most():
    quiet, loud = part(1.0, 2.0, 3.0), part(1.0, 4.0, 7.0)
    assert power([quiet, loud], one_is_enough=False) == {
        "detectable": detectable(loud.values),
        "seeds_needed": seeds_needed(loud.values, 1.0),
    }
    assert power([quiet, loud], one_is_enough=True) == power([quiet], one_is_enough=False)
    equal = part(1.0, 2.0, 3.0, direction=0)
    assert power([equal], one_is_enough=False)["seeds_needed"] > seeds_needed(quiet.values, 1.0)
    unknown = {"detectable": None, "seeds_needed": None}
    assert power([quiet, part(3.0)], one_is_enough=False) == unknown
    assert power([], one_is_enough=False) == unknown
