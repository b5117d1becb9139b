"""A cluster of FLAN 2021 is evaluated on the data sets, splits and metrics of its tables."""

import pytest

from flanrepro.collection.asking import Asking, asked
from flanrepro.collection.clusters import cluster_names, cluster_of, cluster_suite
from flanrepro.collection.metrics import _data, flan2021_metrics
from flanrepro.collection.suites import at_hand, suite_items
from flanrepro.collection.task import protocol
from flanrepro.errors import InputError
from flanrepro.experiments.scores import suite_of
from flanrepro.report.paper import published
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")
REAL = load_collection("flan2022")
NOT_EVALUATED = {"summarization": 11, "miscellaneous": 10}
"""Clusters that the paper does not evaluate, with their number of data sets."""


def names(collection, cluster: str) -> list[str]:
    return [task.name for task in cluster_suite(collection, cluster).tasks]


@pytest.mark.parametrize("cluster", cluster_names())
def test_its_tasks_are_those_of_tables_1_and_2(cluster):
    table = published("flan2021_compared")
    stated = set(table.loc[table["cluster"] == cluster, "task"])
    found = names(REAL, cluster)
    assert len(found) == len(set(found)) == NOT_EVALUATED.get(cluster, len(stated))
    assert stated == (set() if cluster in NOT_EVALUATED else set(found))
    assert {cluster_of(task) for task in cluster_suite(REAL, cluster).tasks} == {cluster}
    # Pocket has twins of them, but for WSC273, which has no training records, and of few others.
    twins = set(names(POCKET, cluster)) | ({"wsc273"} if cluster == "coreference" else set())
    assert twins == set(found) or cluster in NOT_EVALUATED


def test_a_task_is_evaluated_on_its_test_set_if_that_has_labels():
    splits = {
        task.name: suite.split_of(task)
        for suite in (cluster_suite(REAL, cluster) for cluster in cluster_names())
        for task in suite.tasks
    }
    # Appendix G, and the sizes of Table 5.
    tested = {"anli_r1", "anli_r2", "anli_r3", "openbookqa", "story_cloze", "wsc273"}
    tested |= {"arc_easy", "arc_challenge", "wmt14_enfr"}
    assert {splits[name] for name in tested} == {"test"}
    validated = {"cb", "rte", "bool_q", "multirc", "copa", "hellaswag", "piqa", "winogrande"}
    validated |= {"record", "drop", "squad_v2", "natural_questions", "sst2"}
    assert {splits[name] for name in validated} == {"validation"}
    # The mirror's test set of SST-2 is another edition's, which other suites may ask.
    assert "test" in REAL.task("sst2").splits


@pytest.mark.parametrize("collection", [POCKET, REAL], ids=lambda c: c.name)
def test_its_protocol_ranks_with_at_most_16_exemplars_and_says_where_that_stands(collection):
    for cluster in cluster_names():
        suite = cluster_suite(collection, cluster)
        assert suite.protocol == protocol(collection.name, "flan2021_cluster")
        assert (suite.protocol.method, suite.protocol.shots) == ("rank", 16)
        assert suite.protocol.exemplars == "drawn"
        assert "Wei et al. 2021" in suite.protocol.source
        assert cluster not in collection.suites  # lists of suites stay as short as they were


def test_its_metrics_are_the_tables():
    table = published("flan2021_datasets")
    tasks = published("flan2021_compared").set_index("dataset")["task"]
    ours = {
        "accuracy or exact match": {"accuracy", "exact_match"},
        "exact match": {"exact_match"},
        "F1": {"f1", "f1_yes"},
        "Rouge-1": {"rouge_1"},
        "BLEU": {"rouge_1"},  # which stands in for it
    }
    first = table.drop_duplicates("dataset")
    assert len(first) == len(tasks)
    for row in first.itertuples():
        assert flan2021_metrics(REAL.task(tasks[row.dataset]))[0] in ours[row.metric]
    assert flan2021_metrics(REAL.task("dart")) == ("rouge_1", "rouge_2", "rouge_l")
    assert flan2021_metrics(REAL.task("cola")) == ("accuracy",)
    assert set(_data()["flan2021"]["tasks"]) <= set(REAL.tasks)
    assert set(_data()["flan2021"]["clusters"]) <= set(cluster_names())


def test_finished_prompts_are_not_evaluated():
    said = "cluster 'nli' has finished prompts in collection 'flan2022_rendered', which are for"
    with pytest.raises(InputError, match=f"^{said}"):
        cluster_suite(load_collection("flan2022_rendered"), "nli")


def test_a_real_cluster_has_every_record_of_its_files(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    load_collection.cache_clear()
    suite, missing = at_hand(cluster_suite(load_collection("flan2022"), "nli"), 0)
    load_collection.cache_clear()
    sizes = {"cb": 56, "mnli_matched": 9815, "rte": 277}
    assert {task.name: task.size(suite.split_of(task)) for task in suite.tasks} == sizes
    assert "split 'test'" in missing["anli_r1"]
    suite = asked(suite, Asking("each"))
    for shots, items in ((0, None), (2, 100)):
        made = suite_items(suite, shots, items)
        assert len(made) == sum(min(size, items or size) for size in sizes.values())
        for item in made:
            assert item.choices[item.right] == item.prompt.targets == item.references[0]
            assert len(item.prompt.exemplars) == shots
        for task, templates in {"cb": 9, "mnli_matched": 10, "rte": 9}.items():
            own = [item.prompt for item in made if item.prompt.task == task]
            assert len({prompt.template for prompt in own}) == templates
            assert not any(prompt.inverted for prompt in own)


def test_a_cluster_s_task_is_scored_as_the_cluster_is():
    one, whole = suite_of(POCKET, "nli.rte"), suite_of(POCKET, "nli")
    assert (one.name, [task.name for task in one.tasks]) == ("nli.rte", ["rte"])
    assert one.protocol == whole.protocol
    said = r"task 'rte' is of cluster nli, not sentiment: write nli\.rte, or the task's name alone"
    with pytest.raises(InputError, match=said):
        suite_of(POCKET, "sentiment.rte")
