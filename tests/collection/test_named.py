"""The paper's mixtures have the stated rates, and say what they do without."""

import dataclasses
import itertools
from collections import Counter

import numpy as np
import pytest
from wording import QUESTION

from flanrepro.collection import Collection, Task
from flanrepro.collection.named import SUBSETS, mixture_names, named_mixture
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

SIZES = {
    "flan2021": (72, 5000),
    "t0_sf": (193, 20000),
    "p3": (200, 15000),
    "niv2": (300, 4000),
    "cot": (9, 7000),
    "dialog": (3, 9000),
    "program_synthesis": (6, 2000),
}


class Sized:
    """Records that are all alike, of any number, in no memory."""

    def __init__(self, name: str, n: int):
        self.name, self.n = name, n
        self.digest = f"{name}, {n}"  # as the record store has it; nobody reads them all for it

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> dict[str, str]:
        return {"question": f"{self.name} {i}?", "answer": str(i), "options": f"{i}\nother"}


def made_up(name: str, source: str, size: int, missing: str = "") -> Task:
    return Task(
        name,
        source,
        "made up",
        lambda split: Sized(name, size),
        {"train": size},
        QUESTION,
        find_missing=lambda split: missing,
    )


def collection(absent: tuple[str, ...] = ()) -> Collection:
    tasks = [
        made_up(
            f"{source}_{i}",
            source,
            max(10, size // (1 + i % 7)),
            "gone" * (source in absent or f"{source}_{i}" in absent),
        )
        for source, (n, size) in SIZES.items()
        for i in range(n)
    ]
    trained = {t.name: t for t in tasks if t.source != "p3"}
    other = {t.name: t for t in tasks if t.source == "p3"}
    held_in = tuple(f"flan2021_{i}" for i in range(8))
    return Collection("made up", trained, {}, "pocket", other, held_in, way="reference")


# Its records have to be read to know how many there are: `test_decontaminated.py` has its tests.
NAMES = [name for name in mixture_names() if name != "flan2022_decontaminated"]


@pytest.mark.parametrize("name", NAMES)
def test_a_million_draws_have_the_stated_rates(name):
    made = named_mixture(name, collection())
    frame = made.table(1_000_000)
    assert (frame["rate"] - frame["share"]).abs().max() < 0.1
    by_source = frame.groupby("source")["share"].sum()
    for source, stated in made.stated.items():
        assert by_source[source] == pytest.approx(100 * stated, abs=0.1)
    assert not made.missing
    assert made.report() == ""


def test_drawn_counts_what_is_drawn():
    mixture = named_mixture("equal", collection()).mixture
    n = mixture.block + 500
    drawn = Counter(mixture[i].task for i in range(n))
    assert mixture.drawn(n).tolist() == [drawn[task.name] for task in mixture.tasks]


def test_each_mixture_has_its_own_sources_and_methods():
    six = set(SIZES) - {"p3"}
    made = {name: named_mixture(name, collection()) for name in NAMES}
    assert set(made["flan2022"].shares) == six
    for source in six:
        assert set(made[f"equal_without_{source}"].shares) == six - {source}
    assert set(made["flan2022_without_cot"].shares) == six - {"cot"}
    assert set(made["p3++"].shares) == {"t0_sf", "p3"}
    assert set(made["niv2"].shares) == {"niv2"}
    equal = made["equal"].shares
    assert equal == pytest.approx(dict.fromkeys(six, 1 / 6))
    assert made["flan2022_without_few_shot"].mixture.few_shot_fraction == 0
    rates = made["flan2022"].mixture.inversion_rate
    without = made["flan2022_without_inversion"].mixture.inversion_rate
    sources = [task.source for task in made["flan2022"].mixture.tasks]
    turned = {"cot", "dialog", "program_synthesis"}
    assert rates == tuple(0.3 if s in turned else None for s in sources)
    assert without == tuple(0 if s in turned else None for s in sources)
    for name, rate in (("without_inverted_templates", 0), ("half_inverted", 1)):
        assert made[f"flan2022_{name}"].mixture.inversion_rate == (rate,) * len(sources)


def test_rates_are_proportional_to_examples_up_to_the_maximum():
    frame = named_mixture("flan2021", collection()).table().set_index("task")
    examples = frame["examples"].clip(upper=30000)
    np.testing.assert_allclose(frame["rate"], 100 * examples / examples.sum())
    lower = named_mixture("flan2021", collection(), rate_maximum=1000).table().set_index("task")
    assert lower["rate"].nunique() < frame["rate"].nunique()


def test_flan_2021s_own_mixture_has_exact_shares_of_at_most_3000_records_in_every_block():
    made = named_mixture("flan2021_original", collection())
    mixture = made.mixture
    sizes = [min(task.size("train"), 3000) for task in mixture.tasks]
    assert max(task.size("train") for task in mixture.tasks) > 3000
    assert mixture.period == 1
    times = mixture.block / sum(sizes)
    for blocks in (1, 2, 5):
        drawn = mixture.drawn(blocks * mixture.block) / blocks
        np.testing.assert_allclose(drawn, times * np.asarray(sizes), rtol=1e-12)
    assert (mixture.few_shot_fraction, mixture.way) == (0, "plain")
    assert set(mixture.max_examples) == {30000}
    assert set(mixture.options_fraction) == {1.0}
    assert set(mixture.inversion_rate) == {None}  # inverted templates in turn
    assert made.stated == made.shares == {"flan2021": pytest.approx(1)}


def test_flan_2021s_own_mixture_is_zero_shot_in_ten_templates_of_twelve_clusters():
    mixture = named_mixture("flan2021_original", load_collection("pocket")).mixture
    assert len(mixture.tasks) == 60  # pocket's 63 without what Flan 2022 added
    prompts = [mixture[i] for i in range(mixture.block)][::5]
    assert {prompt.setting for prompt in prompts} == {"zero_shot"}
    assert {prompt.template_idx for prompt in prompts} == set(range(10))
    assert {prompt.source for prompt in prompts} == {"flan2021"}
    turned = sum(prompt.inverted for prompt in prompts) / len(prompts)
    assert turned == pytest.approx(0.3, abs=0.02)
    options = {prompt.task for prompt in prompts if prompt.format.options == "prompt"}
    assert {"rte", "sst2", "copa", "trec"} <= options
    assert {prompt.format.option_style.name for prompt in prompts} == {"dashes"}


def test_parameters_override_the_recipe():
    made = named_mixture(
        "flan2022",
        collection(),
        few_shot_fraction=0.25,
        inversion_rate=1.0,
        max_examples=50,
        rates={"cot": 3, "niv2": 1},
    )
    assert made.shares == {"cot": pytest.approx(0.75), "niv2": pytest.approx(0.25)}
    assert made.mixture.few_shot_fraction == 0.25
    assert set(made.mixture.max_examples) == {50}
    assert set(made.mixture.inversion_rate) == {1.0, None}


def test_given_rates_decide_in_a_pooled_mixture_too():
    made = named_mixture("p3++", collection(), rates={"t0_sf": 3, "p3": 1})
    assert made.shares == {"t0_sf": pytest.approx(0.75), "p3": pytest.approx(0.25)}
    assert made.stated == pytest.approx(made.shares)


def test_a_subsets_report_says_what_it_was_chosen_of():
    absent = ("t0_sf", "flan2021_3", "flan2021_5")
    made = named_mixture("flan2022", collection(absent), subset=30)
    head, held_in, *sources = made.report().splitlines()
    assert head == "mixture flan2022: 30 tasks chosen of 388 available (583 in all)."
    assert held_in.endswith("with others in their place: flan2021_3, flan2021_5")
    chosen = Counter(task.source for task in made.mixture.tasks)
    assert chosen.total() == 30
    said = f"flan2021: {chosen['flan2021']} chosen of 70 available tasks (72 in all); share"
    assert any(said in line for line in sources)
    said = "t0_sf: 0 chosen of 0 available tasks (193 in all); share 31.1%"
    assert any(said in line for line in sources)
    assert "no task of this source" not in made.report()


def test_a_source_of_which_a_subset_has_no_task_is_still_at_hand():
    made = named_mixture("flan2022", collection(), subset=8)
    assert "cot: 0 chosen of 9 available tasks (9 in all)" in made.report()
    assert "no task of this source" not in made.report()


def test_what_is_missing_is_reported_and_the_rest_renormalised():
    made = named_mixture("flan2022", collection(absent=("t0_sf", "dialog")))
    assert set(made.missing) == {f"t0_sf_{i}" for i in range(193)} | {
        f"dialog_{i}" for i in range(3)
    }
    assert sum(made.shares.values()) == pytest.approx(1)
    assert made.shares["flan2021"] == pytest.approx(40 / 68)
    report = made.report()
    assert "196 tasks are not available" in report
    assert "t0_sf: 0 of 193 tasks; share 31.1% stated, 0.0% of what is here" in report
    assert "e.g. gone" in report


def test_a_source_that_the_collection_lacks_is_reported():
    whole = collection()
    others = {name: task for name, task in whole.tasks.items() if task.source != "dialog"}
    report = named_mixture("equal", dataclasses.replace(whole, tasks=others)).report()
    assert "dialog: 0 of 0 tasks; share 16.7% stated, 0.0% of what is here" in report
    assert "the collection has no task of this source" in report


def test_pocket_has_every_source_of_the_papers_mixture():
    pocket = load_collection("pocket")
    for name in set(NAMES) - {"p3++"}:
        assert named_mixture(name, pocket).report() == ""


def test_a_task_too_small_for_exemplars_is_reported_too():
    whole = collection()
    tiny = made_up("tiny", "cot", 3)
    small = dataclasses.replace(whole, tasks=dict(whole.tasks) | {"tiny": tiny})
    for name in ("flan2022", "flan2022_without_few_shot"):  # that differ in nothing else
        assert "too few for 5 exemplars" in named_mixture(name, small).missing["tiny"][1]


def test_a_task_whose_records_cannot_be_read_is_reported_and_stops_no_other():
    def load(split):
        if split == "train":
            raise InputError("no row is a record of it")
        return Sized("own", 5)

    whole = collection()
    splits = {"train": 9, "exemplars": 5}
    bad = Task("bad", "niv2", "c", load, splits, QUESTION, approximate=True)
    made = named_mixture("niv2", dataclasses.replace(whole, tasks=dict(whole.tasks, bad=bad)))
    assert made.missing == {"bad": ("niv2", "no row is a record of it")}
    assert len(made.mixture.tasks) == 300


@pytest.mark.parametrize("seed", [0, 1])
def test_subsets_are_nested_and_hold_the_held_in_tasks(seed):
    names = [
        {t.name for t in named_mixture("flan2022", collection(), subset=n, seed=seed).mixture.tasks}
        for n in SUBSETS[:6]
    ]
    assert [len(subset) for subset in names] == list(SUBSETS[:6])
    assert names[0] == set(collection().held_in)
    for smaller, larger in itertools.pairwise(names):
        assert smaller < larger


def test_another_seed_is_another_subset():
    one, other = (
        {t.name for t in named_mixture("flan2022", collection(), subset=50, seed=s).mixture.tasks}
        for s in (0, 1)
    )
    assert one != other


def test_the_digest_changes_with_the_data():
    whole = named_mixture("flan2022", collection())
    assert whole.digest == named_mixture("equal", collection()).digest
    assert whole.digest != named_mixture("flan2022", collection(absent=("cot",))).digest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "flan2023"}, "unknown mixture 'flan2023': choose one of flan2022"),
        ({"rates": {"cit": 1}}, "unknown source 'cit': choose of flan2021"),
        ({"rates": {"cot": -1}}, "the rate of source 'cot' is -1"),
        ({"subset": 0}, "subset is 0: expected at least 1"),
        ({"inversion_rate": -0.5}, "inversion_rate is -0.5"),
        ({"max_examples": 0}, "max_examples is 0: expected at least 1, or None"),
        ({"rate_maximum": 0}, "rate_maximum is 0: expected at least 1, or None"),
        ({"rate_maximum": -3}, "rate_maximum is -3: expected at least 1, or None"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, said):
    with pytest.raises(InputError) as error:
        named_mixture(**{"name": "flan2022", "collection": collection(), **arguments})
    assert said in str(error.value)


def test_nothing_at_hand_is_one_sentence():
    with pytest.raises(InputError, match=r"none of its 9 tasks is available; gone"):
        named_mixture("equal", collection(absent=("cot",)), rates={"cot": 1})
