"""Every metric belongs to a template family or a task that there is."""

from flanrepro.collection.metrics import _data, metrics_of, table_3_metrics
from flanrepro.collection.templates import template_files
from flanrepro.sources import load_collection


def test_families_and_tasks_are_there():
    assert set(_data()["families"]) <= set(template_files())
    tasks = load_collection("flan2022").every_task
    assert set(_data()["table_3"]) - {"source"} <= set(tasks)
    assert all(metrics_of(task) for task in tasks.values())


def test_the_papers_metrics_are_beside_a_tasks_own():
    task = load_collection("flan2022").task("bool_q")
    assert metrics_of(task) == ("accuracy",)
    assert table_3_metrics(task) == ("auc_roc",)
    assert table_3_metrics(load_collection("flan2022").task("cb")) == ()
    assert metrics_of(load_collection("flan2022").task("xsum")) == ("rouge",)


def test_a_target_with_few_records_is_scored_as_with_many():
    tasks = load_collection("pocket").every_task
    assert table_3_metrics(tasks["cxc_small"]) == table_3_metrics(tasks["cxc"]) == ("spearman",)
