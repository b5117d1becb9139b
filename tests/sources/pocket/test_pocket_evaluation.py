"""Pocket's single-task targets: two sizes, balanced labels, answers that follow."""

import re
from collections import Counter

from flanrepro.sources import load_collection
from flanrepro.sources.pocket.evaluation import TARGETS
from flanrepro.sources.pocket.world import fact

POCKET = load_collection("pocket")


def test_single_task_targets_come_large_and_small():
    assert [*TARGETS] == ["wanli", "mednli", "condaqa", "pubmedqa", "cxc"]
    assert set(POCKET.other) == {name + end for name in TARGETS for end in ("", "_small")}
    for name in TARGETS:
        large, small = POCKET.other[name], POCKET.other[f"{name}_small"]
        assert small.records("train") == large.records("train")[: small.size("train")]
        assert (large.size("train"), small.size("train")) == (2000, 128)
        for split in ("validation", "test"):
            assert small.records(split) == large.records(split)


def test_labels_of_the_targets_are_balanced_but_pubmedqas():
    for name in TARGETS:
        counts = Counter(record["answer"] for record in POCKET.other[name].records("train"))
        shares = {label: count / 2000 for label, count in counts.items()}
        expected = {"yes": 0.5, "no": 1 / 3, "maybe": 1 / 6}
        for label, share in shares.items():
            assert abs(share - (expected[label] if name == "pubmedqa" else 1 / len(shares))) < 0.06


def test_answers_of_the_targets_follow_from_what_is_said():
    for record in POCKET.other["wanli"].records("train"):
        ran = dict(re.findall(r"(\w+) ran from the (\w+)\.", record["premise"]))
        who, never, where = re.fullmatch(
            r"(\w+) was (never )?in the (\w+)\.", record["hypothesis"]
        ).groups()
        said = "no" if never else "yes"
        assert record["answer"] == (said if ran.get(who) == where else "maybe")
    for record in POCKET.other["condaqa"].records("train"):
        said, asked = re.findall(r"\w+", record["passage"]), record["question"].split()[1]
        denied = asked in said and said[said.index(asked) - 1] == "not" and said[0] != asked
        assert record["answer"] == ("no" if denied else "yes" if asked in said else "maybe")
    for record in POCKET.other["pubmedqa"].records("train"):
        before, after = map(int, re.findall(r"\d+", record["passage"]))
        assert record["answer"] == ("maybe", "yes", "no")[(after > before) - (after < before)]
    for record in POCKET.other["cxc"].records("train"):
        pairs = zip(record["sentence1"].split(), record["sentence2"].split(), strict=True)
        assert record["answer"] == str(sum(a == b for a, b in pairs) - 3)  # `a`, `in` and `the`
    for record in POCKET.other["mednli"].records("train"):
        told, attribute, thing = re.fullmatch(
            r"(\w+) was told the (\w+ \w+) of the (\w+)\.", record["premise"]
        ).groups()
        heard, value = re.fullmatch(
            r"(\w+) heard that it is (\w+)\.", record["hypothesis"]
        ).groups()
        right = "yes" if value == fact(attribute, thing) else "no"
        assert record["answer"] == (right if heard == told else "maybe")
