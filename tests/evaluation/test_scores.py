import math

import pytest

from flanrepro.collection import Suite
from flanrepro.collection.task import Protocol, Task
from flanrepro.evaluation.scores import score


def task(name: str, cluster: str = "one") -> Task:
    return Task(name, "niv2", cluster, list, {"validation": 4}, "flan2021/openbookqa")


def rows(name: str, correct: list[bool], options: int = 4, **fields) -> list[dict]:
    return [
        {"task": name, "split": "validation", "record": i, "correct": right, "group": f"{name}/{i}"}
        | {"choices": list("abcd")[:options], "method": "rank", "shortened": 0, "cut": 0}
        | {"right": 0, "answer": "a" if right else "b", "targets": "a", "references": ["a"]}
        | {"log_likelihoods": [], "prediction": "a" if right else "b"}
        | fields
        for i, right in enumerate(correct)
    ]


SUITE = Suite("made", (task("x"), task("y", "two"), task("z", "two")))
ITEMS = [
    *rows("x", [True, True, False, False]),
    *rows("y", [True, False], options=2, shortened=2),
    *rows("z", [False, False, False, True], options=0, method="decode"),
]


def by_name(suite=SUITE, items=ITEMS) -> dict:
    return {row["task"]: row for row in score(suite, 3, items)}


def test_every_task_weighs_the_same_in_the_suites_mean_which_comes_last():
    made = score(SUITE, 3, ITEMS)
    assert [row["task"] for row in made] == ["x", "y", "z", "one", "two", "mean"]
    assert [row["level"] for row in made] == [*["task"] * 3, *["cluster"] * 2, "suite"]
    assert made[-1]["value"] == pytest.approx((50 + 50 + 25) / 3)
    assert made[-1]["chance"] == pytest.approx((25 + 50 + 0) / 3)
    assert {(row["suite"], row["shots"], row["metric"]) for row in made} == {
        ("made", 3, "accuracy")
    }


def test_clusters_weigh_the_same_where_the_protocol_says_so():
    suite = Suite("made", SUITE.tasks, protocol=Protocol(unit="cluster"))
    made = by_name(suite)
    assert made["two"]["value"] == pytest.approx((50 + 25) / 2)
    assert made["mean"]["value"] == pytest.approx((50 + 37.5) / 2)


def test_counts_are_of_items():
    made = by_name()
    assert [made[name]["n"] for name in ("x", "y", "z", "two", "mean")] == [4, 2, 4, 6, 10]
    assert made["mean"]["decoded"] == 4
    assert made["mean"]["shortened"] == 2
    assert made["mean"]["cut"] == 0


def test_errors_are_those_of_items_and_of_tasks():
    made = by_name()
    # sd of (1, 1, 0, 0) over the square root of 4, in per cent
    x = 100 * math.sqrt(1 / 3) / 2
    assert made["x"]["standard_error"] == pytest.approx(x)
    others = [made[name]["standard_error"] for name in "yz"]
    assert made["mean"]["standard_error"] == pytest.approx(math.hypot(x, *others) / 3)
    spread = math.sqrt(((50 - 125 / 3) ** 2 * 2 + (25 - 125 / 3) ** 2) / 2)
    assert made["mean"]["standard_error_tasks"] == pytest.approx(spread / math.sqrt(3))
    # 1.96 + 0.84 standard errors of the difference of two
    expected = (1.959964 + 0.841621) * math.sqrt(2) * made["mean"]["standard_error"]
    assert made["mean"]["detectable"] == pytest.approx(expected)


def test_items_on_one_passage_count_as_one_for_the_error():
    items = rows("x", [True, True, False, False])
    pairs = [item | {"group": f"x/{i // 2}"} for i, item in enumerate(items)]
    suite = Suite("made", (task("x"),))
    alone, paired = (by_name(suite, one)["x"]["standard_error"] for one in (items, pairs))
    assert paired > alone


def test_what_cannot_be_known_is_none():
    (row, mean) = score(Suite("made", (task("x"),)), 0, rows("x", [True]))
    assert row["standard_error"] is row["detectable"] is mean["standard_error"] is None
    (row, mean) = score(Suite("made", (task("x"),)), 0, rows("x", [True, True]))
    assert row["standard_error"] == 0
    assert row["detectable"] is None  # two items that agree say nothing of others


def test_a_suite_by_table_3s_metrics_has_their_mean():
    tasks = (task("wanli"), task("pubmedqa"))
    items = [*rows("wanli", [True, False]), *rows("pubmedqa", [True, True, True, False])]
    suite = Suite("made", tasks, protocol=Protocol(metric="table_3"))
    made = score(suite, 0, items)
    assert [(row["task"], row["metric"]) for row in made] == [
        ("wanli", "accuracy"),
        ("pubmedqa", "f1"),
        ("pubmedqa", "accuracy"),
        ("mean", "several"),
    ]
    assert made[2]["value"] == 75
    assert made[-1]["value"] == pytest.approx((50 + made[1]["value"]) / 2)
    assert made[-1]["chance"] is None
