import hashlib
import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
from wording import QUESTION, TEN_QUESTIONS

from flanrepro.collection import Mixture, Task
from flanrepro.collection.shares import MAX_BLOCK, period_counts, proportional_weights
from flanrepro.errors import InputError


def make_task(name: str, size: int = 40, wording: str = QUESTION, **splits: int) -> Task:
    """A task with records of its own; `size` in its training split."""
    splits = splits or {"train": size}

    def load(split: str) -> list[dict[str, str]]:
        return [
            {"question": f"{name} {split} {i}?", "answer": f"a{i}", "options": f"a{i}\nb"}
            for i in range(splits[split])
        ]

    return Task(name, "niv2", "made up", load, splits, wording)


def tasks(n: int = 4, size: int = 40, wording: str = QUESTION) -> tuple[Task, ...]:
    return tuple(make_task(f"task{i}", size + i, wording) for i in range(n))


def test_every_block_holds_the_exact_counts():
    mixture = Mixture(tasks(), weights=(5, 3, 1, 1))
    for block in range(3):
        drawn = Counter(mixture[block * mixture.block + j].task for j in range(mixture.block))
        assert [drawn[f"task{i}"] for i in range(4)] == mixture.counts.tolist()
    assert (mixture.counts * 10 == np.array([5, 3, 1, 1]) * mixture.block).all()


@pytest.mark.parametrize("fraction", [0.0, 0.05, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_every_block_holds_the_exact_share_of_few_shot_prompts(fraction):
    mixture = Mixture(tasks(), weights=(5, 3, 1, 1), few_shot_fraction=fraction)
    for block in range(3):
        settings = [mixture[block * mixture.block + j].setting for j in range(mixture.block)]
        assert settings.count("few_shot") == pytest.approx(fraction * mixture.block, abs=1e-9)


def test_a_block_that_cannot_hold_the_share_has_the_nearest_whole_number():
    mixture = Mixture((make_task("task"),), weights=(1,), few_shot_fraction=1 / 3)
    assert mixture.block == 3
    large = Mixture(tasks(2), weights=(MAX_BLOCK - 1, 1), few_shot_fraction=0.05)
    assert large.block == MAX_BLOCK  # as long as a block may be, so not 20 times as long
    settings = [large[i].setting for i in range(large.block)]
    assert settings.count("few_shot") == round(0.05 * large.block)


def test_each_task_gets_its_share_of_few_shot_prompts_in_the_long_run():
    mixture = Mixture(tasks(), weights=(1, 1, 1, 1), few_shot_fraction=0.05)
    prompts = [mixture[i] for i in range(8000)]
    shares = Counter(prompt.task for prompt in prompts if prompt.setting == "few_shot")
    assert all(70 <= shares[f"task{i}"] <= 130 for i in range(4))  # 100 expected


def test_every_record_is_seen_once_before_any_is_seen_twice():
    mixture = Mixture(tasks(3, size=17), weights=(3, 2, 2), few_shot_fraction=0.5)
    drawn: dict[str, list[int]] = {}
    for i in range(500):
        prompt = mixture[i]
        drawn.setdefault(prompt.task, []).append(prompt.record)
    for task in mixture.tasks:
        records, size = drawn[task.name], task.size("train")
        passes = [records[i : i + size] for i in range(0, len(records) - size, size)]
        assert len(passes) >= 5
        assert all(sorted(one) == list(range(size)) for one in passes)
        assert passes[0] != passes[1]  # the order changes


def test_random_access_is_sequential_access():
    mixture = Mixture(tasks(), seed=7)
    in_order = [mixture[i] for i in range(200)]
    fresh = Mixture(tasks(), seed=7)
    for i in np.random.default_rng(0).permutation(200):
        assert fresh[int(i)] == in_order[i]
    assert Mixture(tasks(), seed=7)[10_000_000] == mixture[10_000_000]


def test_a_stream_is_the_same_on_every_machine():
    two = tasks(2, size=100, wording=TEN_QUESTIONS)
    mixture = Mixture(two, weights=(2, 1), seed=3, max_examples=7)
    prompts = [mixture[i] for i in range(6)]
    drawn = [(p.task, p.record, p.exemplars, p.template, p.format.options) for p in prompts]
    assert drawn == [
        ("task0", 47, (43, 67, 60), "plain", "nowhere"),
        ("task0", 42, (), "know", "prompt"),
        ("task1", 52, (), "instruction", "prompt"),
        ("task1", 8, (12, 85, 76, 38, 9), "plain", "nowhere"),
        ("task0", 85, (), "instruction", "nowhere"),
        ("task0", 30, (52, 95, 21, 74, 34), "options_first", "prompt"),
    ]


@pytest.mark.parametrize(
    ("fraction", "size", "digest"),
    [(1.0, 40, "da49069bcf347cdb"), (0.5, 40, "a4acf00e6b7be53c"), (0.05, 7, "07c25348f278a96d")],
)
def test_the_stream_of_one_task_is_the_same_on_every_machine(fraction, size, digest):
    mixture = Mixture((make_task("task", size),), few_shot_fraction=fraction, seed=5)
    drawn = [mixture[i] for i in (*range(600), *range(10**7, 10**7 + 300))]
    said = "".join(prompt.inputs + prompt.targets for prompt in drawn)
    assert hashlib.sha256(said.encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("number", [1, 3])
def test_a_table_of_draws_is_made_for_many_prompts_however_few_the_tasks(number):
    mixture = Mixture(tasks(number), few_shot_fraction=1.0)
    for i in range(1000):
        mixture[i]
    assert mixture._table.cache_info().misses <= 5


def test_another_seed_is_another_stream():
    one, other = (Mixture(tasks(), seed=seed) for seed in (0, 1))
    assert [one[i] for i in range(20)] != [other[i] for i in range(20)]


def test_there_is_no_negative_index():
    with pytest.raises(IndexError, match="starts at 0"):
        Mixture(tasks())[-1]


def test_exemplars_are_2_3_or_5_of_the_task_and_never_the_record_itself():
    mixture = Mixture(tasks(2, size=8), few_shot_fraction=1.0)
    prompts = [mixture[i] for i in range(600)]
    assert {len(prompt.exemplars) for prompt in prompts} == {2, 3, 5}
    for prompt in prompts:
        assert prompt.record not in prompt.exemplars
        assert len(set(prompt.exemplars)) == len(prompt.exemplars)
        other = {"task0": "task1", "task1": "task0"}[prompt.task]
        assert f"{other} train" not in prompt.inputs
        for exemplar in (*prompt.exemplars, prompt.record):
            assert f"{prompt.task} train {exemplar}?" in prompt.inputs


def test_options_are_shown_in_their_share_of_prompts():
    mixture = Mixture(tasks(), options_fraction=0.25, weights=(1, 1, 1, 1))
    shown = Counter(
        mixture[i].task for i in range(48 * mixture.block) if "Options:" in mixture[i].inputs
    )
    assert set(shown.values()) == {48 // 4}


def test_options_can_have_another_share_in_every_task():
    mixture = Mixture(tasks(2), options_fraction=(1.0, 0.5), weights=(1, 1))
    prompts = [mixture[i] for i in range(40 * mixture.block)]
    shown = Counter(p.task for p in prompts if p.format.options == "prompt")
    drawn = Counter(p.task for p in prompts)
    assert shown["task0"] == drawn["task0"]
    assert shown["task1"] == drawn["task1"] / 2


def test_max_examples_limits_the_records_drawn():
    mixture = Mixture((make_task("task", 100),), max_examples=10, few_shot_fraction=0.0)
    drawn = [mixture[i].record for i in range(50)]
    assert len(set(drawn)) == 10
    assert max(drawn) > 10  # a sample of all, not the first ten
    for start in range(0, 50, 10):  # and each of them once per pass
        assert sorted(drawn[start : start + 10]) == sorted(set(drawn))


def test_exemplars_come_from_all_of_the_training_split_under_max_examples():
    mixture = Mixture((make_task("task", 100),), max_examples=3, few_shot_fraction=1.0)
    prompts = [mixture[i] for i in range(200)]
    assert len({prompt.record for prompt in prompts}) == 3
    assert len({i for prompt in prompts for i in prompt.exemplars}) > 90


def test_a_cap_above_a_tasks_size_changes_nothing():
    capped, free = Mixture(tasks(2), max_examples=1000), Mixture(tasks(2))
    assert [capped[i] for i in range(100)] == [free[i] for i in range(100)]


def test_a_weight_of_zero_leaves_the_task_out():
    mixture = Mixture(tasks(3), weights=(1, 0, 1))
    assert {mixture[i].task for i in range(100)} == {"task0", "task2"}


def test_a_task_of_weight_zero_need_not_give_exemplars():
    mixture = Mixture((*tasks(1), make_task("few", 2), make_task("none", 0)), weights=(1, 0, 0))
    assert {mixture[i].task for i in range(50)} == {"task0"}


def test_whole_number_weights_are_the_counts_of_a_block():
    counts, period = period_counts([6, 3, 0, 1], list("abcd"))
    assert (counts.tolist(), period) == ([6, 3, 0, 1], 1)
    assert period_counts([600, 300, 0], list("abc"))[0].tolist() == [2, 1, 0]


def test_no_positive_weight_is_lost_to_rounding():
    counts, _ = period_counts([1.0, 1e-9, 0.0, 0.5], list("abcd"))
    assert counts[1] == 1
    assert counts[2] == 0
    assert counts[0] == pytest.approx(2 * counts[3], abs=2)


def test_no_share_is_rounded_by_more_than_half_a_per_cent_for_2000_tasks():
    weights = np.random.default_rng(0).uniform(0.001, 1.5, 2000)
    counts, period = period_counts(weights, [str(i) for i in range(2000)], ["a", "b"] * 1000)
    assert counts.sum() % period == 0
    shares = weights / weights.sum()
    assert np.abs(counts / counts.sum() / shares - 1).max() < 0.005


RARE = (0.613, 0.31, 0.0757, 0.0013)


@pytest.mark.parametrize("seed", [0, 5])
def test_a_rare_task_comes_in_its_share_and_never_in_bursts(seed):
    mixture = Mixture(tasks(), weights=RARE, seed=seed, few_shot_fraction=0.5)
    each = [mixture.drawn(b * mixture.block) for b in range(2 * mixture.period + 1)]
    exact = mixture.counts / mixture.period
    for earlier, later in itertools.pairwise(each):
        assert (later - earlier).sum() == mixture.block
        assert np.abs(later - earlier - exact).max() < 1
    for b, drawn in enumerate(each):
        assert np.abs(drawn - b * exact).max() < 4  # van der Corput's sequence has no bursts
    assert (each[mixture.period] == mixture.counts).all()
    assert (each[-1] == 2 * mixture.counts).all()
    assert mixture.counts / mixture.counts.sum() == pytest.approx(np.array(RARE), rel=0.005)


def test_the_seed_decides_in_which_block_a_rare_task_comes():
    first = [Mixture(tasks(), weights=RARE, seed=seed).drawn(128)[3] for seed in range(200)]
    assert {*first} == {0, 1}
    # 200 times 2 blocks of 64 draws: 33 expected.
    assert 15 < sum(first) < 55


def test_what_is_drawn_is_what_was_counted():
    mixture = Mixture(tasks(), weights=RARE, seed=3)
    for end in (0, 1, mixture.block - 1, mixture.block, 5 * mixture.block + 7):
        drawn = Counter(mixture[i].task for i in range(end))
        assert [drawn[task.name] for task in mixture.tasks] == mixture.drawn(end).tolist()


def test_proportional_weights_have_a_maximum():
    assert proportional_weights(tasks(2, size=2999), maximum=3000) == (2999, 3000)


def test_a_mixture_goes_to_another_process():
    from flanrepro.sources import load_collection

    mixture = Mixture(tuple(load_collection("pocket").tasks.values()), few_shot_fraction=0.3)
    mixture[0]
    assert pickle.loads(pickle.dumps(mixture))[123] == mixture[123]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"tasks": ()}, "a mixture of no tasks: name at least one task"),
        ({"weights": (1, -1)}, r"the weight of task 'task1' is -1.0: expected a number >= 0"),
        ({"weights": (1, float("nan"))}, "the weight of task 'task1' is nan"),
        ({"weights": (0, 0)}, "all 2 weights are zero: give at least one task a weight"),
        ({"weights": (1,)}, "1 weights for 2 tasks: give one per task"),
        ({"few_shot_fraction": 1.5}, "few_shot_fraction is 1.5: expected 0 to 1"),
        ({"options_fraction": -1}, "options_fraction is -1: expected 0 to 1"),
        ({"tasks": (make_task("dev", validation=9),)}, "task 'dev' has no split 'train'"),
        (
            {"tasks": (make_task("dev", validation=9),), "weights": (1,)},
            "task 'dev' has no split 'train'",
        ),
        ({"tasks": (make_task("few", 5),)}, "task 'few' has 5 training records, too few for 5"),
        (
            {"tasks": (make_task("a"), make_task("no", 0)), "weights": (1, 1)},
            "task 'no' has no training records: leave it out",
        ),
        ({"tasks": tasks(1) * 2}, "task 'task0' is in the mixture 2 times: name it once"),
        ({"weights": (1, float("inf"))}, "the weight of task 'task1' is inf"),
        ({"few_shot_fraction": float("nan")}, "few_shot_fraction is nan: expected 0 to 1"),
        ({"max_examples": 0}, "max_examples is 0: expected at least 1, or None for all"),
        ({"max_examples": -3}, "max_examples is -3: expected at least 1"),
    ],
)
def test_a_bad_mixture_is_one_sentence(changes, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        Mixture(**{"tasks": tasks(2), **changes})
    assert "\n" not in str(error.value)


def test_a_small_task_can_be_used_zero_shot():
    assert Mixture((make_task("few", 5),), few_shot_fraction=0.0)[0].setting == "zero_shot"
