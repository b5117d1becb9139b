"""Every suite on real files, end to end: counts, baselines against theory, and a model."""

import csv
import json
import math
from collections import Counter

import pytest

from flanrepro.collection.suites import at_hand
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.evaluation.answers import answer_suite
from flanrepro.evaluation.extraction import read_answer
from flanrepro.evaluation.scores import score
from flanrepro.evaluation.squad import words
from flanrepro.model.model import Model
from flanrepro.model.network import init_params
from flanrepro.model.sizes import t5_config
from flanrepro.sources import load_collection

SUITES = ("held_in", "cot", "mmlu", "bbh", "bbh_cot", "single_task")


@pytest.fixture(scope="module")
def real(mirror, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("FLANREPRO_MIRROR", str(mirror))
    patch.setenv("FLANREPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
    load_collection.cache_clear()
    yield load_collection("flan2022")
    patch.undo()
    load_collection.cache_clear()


@pytest.fixture(scope="module")
def model(real) -> Model:
    vocabulary = load_vocabulary("flan2022-4096")
    config = t5_config("nano", vocabulary.size)
    return Model("random weights", config, init_params(config, 0), vocabulary)


def lines(path) -> int:
    return sum(bool(line.strip()) for line in path.read_text(encoding="utf-8").split("\n"))


def counted(mirror) -> dict[str, int]:
    """Items by task, counted in the files themselves."""
    counts = {
        "bool_q": lines(mirror / "boolq/dev.jsonl"),
        "arc_easy": lines(mirror / "arc/ARC-Easy-Dev.jsonl"),
        "arc_challenge": lines(mirror / "arc/ARC-Challenge-Dev.jsonl"),
        "unified_qa_science_inst": lines(
            mirror / "ai2_science_middle/AI2-8thGr-NDMC-Feb2016-Dev.jsonl"
        ),
        "rte": lines(mirror / "rte/val.jsonl"),
        "gsm8k": lines(mirror / "gsm8k/test.jsonl"),
        "strategyqa": len(json.loads((mirror / "strategyqa/dev.json").read_text())),
        "svamp": len(json.loads((mirror / "svamp/SVAMP.json").read_text())),
        "asdiv": (mirror / "asdiv/ASDiv.xml").read_text().count("</Problem>") - 221,
        "commonsenseqa": lines(mirror / "commonsenseqa/dev_rand_split.jsonl"),
    }
    for n in (1, 2, 3):
        counts[f"anli_r{n}"] = len(rows_of(mirror / f"anli/ANLI_analysis_r{n}_dev.csv")) - 1
    for file in (mirror / "mmlu/test").iterdir():
        counts[f"mmlu_{file.stem.removesuffix('_test')}"] = len(rows_of(file))
    for file in (mirror / "bbh/bbh").iterdir():
        number = len(json.loads(file.read_text())["examples"])
        counts[f"bbh_{file.stem}"] = counts[f"bbh_cot_{file.stem}"] = number
    return counts


def counted_targets(mirror) -> dict[str, int]:
    """Of the single tasks, whose splits are other ones than those of Held-In."""
    squad = json.loads((mirror / "squad_v2/dev-v2.0.json").read_text())["data"]
    truth = json.loads((mirror / "pubmedqa/test_ground_truth.json").read_text())
    asked = json.loads((mirror / "pubmedqa/ori_pqal.json").read_text())
    return {
        "arc_easy": lines(mirror / "arc/ARC-Easy-Test.jsonl"),
        "arc_challenge": lines(mirror / "arc/ARC-Challenge-Test.jsonl"),
        "bool_q": lines(mirror / "boolq/dev.jsonl"),
        "rte": lines(mirror / "rte/val.jsonl"),
        "squad_v2": sum(len(p["qas"]) for article in squad for p in article["paragraphs"]),
        "cosmos_qa": len(rows_of(mirror / "cosmosqa/valid.csv")) - 1,
        "condaqa": sum(lines(file) for file in mirror.glob("condaqa/conda_fewshot_test_*.json")),
        "pubmedqa": sum(pmid in truth for pmid in asked),
    }


def rows_of(path) -> list:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("name", SUITES)
def test_counts_are_the_files_and_baselines_score_what_theory_says(real, mirror, name):
    suite, _ = at_hand(real.suites[name], 0)
    guessed = answer_suite("random", suite, shots=0)
    expected = (counted_targets if name == "single_task" else counted)(mirror)
    assert Counter(row["task"] for row in guessed) == {
        t.name: expected[t.name] for t in suite.tasks
    }
    most = answer_suite("majority", suite, shots=0)
    for task in suite.tasks:
        own = [row for row in guessed if row["task"] == task.name]
        # A guess without options is empty, which says that there is no answer (SQuAD 2.0).
        chances = [
            1 / len(row["choices"])
            if row["choices"]
            else float(task.name == "squad_v2" and not any(map(words, row["references"])))
            for row in own
        ]
        spread = math.sqrt(sum(p * (1 - p) for p in chances))
        right = sum(row["correct"] for row in own)
        # Five standard deviations: of 140 tasks none is to be beyond by chance.
        assert abs(right - sum(chances)) <= 5 * spread + 1e-9, task.name
        mine = [row for row in most if row["task"] == task.name]
        assert sum(row["correct"] for row in mine) == majority_of(task, mine), task.name


def majority_of(task, rows) -> int:
    """How often the most frequent answer is right: by its text where all items have the same
    options or none has any, else by the most frequent position that an item has."""
    if len({frozenset(row["choices"]) for row in rows}) == 1:
        firsts = Counter(row["references"][0] for row in rows).most_common(1)
        return sum(read_answer(firsts[0][0], row["references"], task.answer)[1] for row in rows)
    at = Counter(row["right"] for row in rows if row["choices"])
    best = [max(range(len(row["choices"])), key=lambda p: (at[p], -p), default=-1) for row in rows]
    same = zip(rows, best, strict=True)
    return sum(r["choices"][p] == r["choices"][r["right"]] for r, p in same if r["choices"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*prompts have more than:UserWarning")
@pytest.mark.parametrize("name", SUITES)
def test_a_model_answers_every_task_of_it_zero_and_few_shot(real, model, name):
    for shots in {0, real.suites[name].protocol.shots}:
        suite, _ = at_hand(real.suites[name], shots)
        rows = answer_suite(
            model, suite, shots=shots, items=1, inputs_length=1024, targets_length=4
        )
        assert {row["task"] for row in rows} == {task.name for task in suite.tasks}
        ranked = suite.protocol.method == "rank"
        for row in rows:
            assert row["method"] == ("rank" if ranked and row["choices"] else "decode")
            assert len(row["exemplars"]) + row["shortened"] == shots
        total = score(suite, shots, rows)[-1]
        assert total["n"] == len(suite.tasks)
        if name != "single_task":  # of one item there is no AUC
            assert 0 <= total["value"] <= 100
