"""Clusters that are held out leave a mixture, with those that are too close to them."""

import re
from collections import Counter

import pytest

from flanrepro.collection.clusters import (
    check_none_left_out,
    cluster_names,
    cluster_of,
    held_out,
    left_out,
    said_left_out,
    title_of,
)
from flanrepro.collection.named import _recipe, named_mixture
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

POCKET = load_collection("pocket")
NAME = "flan2021_original"
BOTH = "reading_comprehension_with_commonsense"


def flan2021(collection: str) -> list:
    tasks = load_collection(collection).tasks.values()
    return [task for task in tasks if task.source == "flan2021"]


# --- the clusters ---


@pytest.mark.parametrize("collection", ["pocket", "flan2022", "flan2022_rendered"])
def test_every_data_set_of_flan_2021_is_in_one_of_twelve_clusters(collection):
    assert len(cluster_names()) == 12
    assert {cluster_of(task) for task in flan2021(collection)} == set(cluster_names())


def test_the_papers_62_data_sets_are_67_tasks():
    without = _recipe(NAME)["without_tasks"]
    tasks = [task for task in flan2021("flan2022") if task.name not in without]
    assert len(tasks) == 72 - len(without) == 67
    # Figure 3, where each of ANLI, MNLI, ARC and SQuAD is one data set.
    several = re.compile(r"(anli|mnli|arc|squad)_.*")
    names = {(cluster_of(task), several.sub(r"\1", task.name)) for task in tasks}
    assert Counter(cluster for cluster, _ in names) == {
        "nli": 7,
        "reading_comprehension": 5,
        "commonsense": 4,
        "sentiment": 4,
        "closed_book_qa": 3,
        "paraphrase": 4,
        "coreference": 3,
        BOTH: 2,
        "struct_to_text": 4,
        "translation": 8,
        "summarization": 11,
        "miscellaneous": 7,
    }
    assert len(names) == 62


def test_a_clusters_title_is_its_name_in_words():
    assert title_of(POCKET.task("rte")) == "natural language inference"
    assert title_of(POCKET.task("record")) == "reading comprehension with commonsense"
    assert title_of(POCKET.task("mmlu_anatomy")) == "mmlu"


# --- what is left out with a cluster ---


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("nli", ["paraphrase"]),
        ("paraphrase", ["nli"]),
        ("reading_comprehension", [BOTH]),
        ("commonsense", [BOTH]),
        (BOTH, ["reading_comprehension", "commonsense"]),
        ("sentiment", []),
        ("translation", []),
    ],
)
def test_clusters_too_close_to_the_one_held_out_are_left_out_too(name, also):
    found = held_out([name])
    assert list(found) == [name, *also]
    assert [goes_with for goes_with, _ in found.values()] == ["", *[name] * len(also)]
    for other in also:
        assert "Wei et al. 2021, section 2.2, footnote 1; google-research/FLAN" in found[other][1]


def test_what_is_left_out_is_listed_by_cluster_and_data_set():
    found = left_out(flan2021("flan2022"), [BOTH])
    assert list(found) == [BOTH, "reading_comprehension", "commonsense"]
    assert found[BOTH] == ("cosmos_qa", "record")
    assert set(found["commonsense"]) == {"copa", "hellaswag", "piqa", "story_cloze"}
    assert len(found["reading_comprehension"]) == 6
    assert left_out(flan2021("flan2022"), []) == {}
    said = said_left_out(found, [BOTH]).splitlines()
    assert said[0] == f"held out: {BOTH}"
    assert said[1] == f"  {BOTH}: cosmos_qa, record"
    assert said[3].startswith(f"  commonsense, which goes with {BOTH} (Wei et al. 2021, section 2.")


# --- mixtures without them ---


@pytest.mark.parametrize("name", cluster_names())
def test_no_prompt_is_of_a_cluster_that_is_held_out(name):
    mixture = named_mixture(NAME, POCKET, without_clusters=(name,)).mixture
    drawn = Counter(mixture[i].task for i in range(5000))
    clusters = {cluster_of(POCKET.task(task)) for task in drawn}
    assert clusters == set(cluster_names()) - set(held_out([name]))


def test_the_rest_keeps_its_proportions():
    whole = named_mixture(NAME, POCKET).mixture
    sizes = {task.name: w for task, w in zip(whole.tasks, whole.weights, strict=True)}
    part = named_mixture(NAME, POCKET, without_clusters=("nli",)).mixture
    assert part.weights == tuple(sizes[task.name] for task in part.tasks)
    assert len(part.tasks) == len(whole.tasks) - 10 - 5


def test_a_real_cluster_is_held_out_and_its_missing_data_is_not_missed(
    mirror, monkeypatch, tmp_path
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    made = named_mixture(NAME, load_collection("flan2022"), without_clusters=("nli",))
    assert {name: len(tasks) for name, tasks in made.held_out.items()} == {
        "nli": 10,
        "paraphrase": 4,
    }
    gone = {name for tasks in made.held_out.values() for name in tasks}
    assert {"rte", "cb", "snli", "glue_mrpc"} <= gone
    assert not gone & (set(made.missing) | {task.name for task in made.mixture.tasks})
    # 67 tasks of the paper, of which these 14 are held out.
    assert len(made.missing) + len(made.mixture.tasks) == 67 - 14
    assert {"newsroom", "yelp_polarity_reviews"} & set(made.missing)
    drawn = Counter(made.mixture[i].task for i in range(5000))
    assert not gone & set(drawn)
    assert set(drawn) == {task.name for task in made.mixture.tasks}


# --- bad input ---

ALL_BUT_BOTH = [name for name in cluster_names() if name != BOTH]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            ["natural_language_inference"],
            "unknown cluster 'natural_language_inference' in without_clusters: did you mean nli? "
            "choose of nli, reading_comprehension, commonsense, sentiment, closed_book_qa,",
        ),
        (["misc"], "unknown cluster 'misc' in without_clusters: did you mean miscellaneous"),
        (
            ["open_domain_qa"],
            "unknown cluster 'open_domain_qa' in without_clusters: did you mean c",
        ),
        (["xyz"], "unknown cluster 'xyz' in without_clusters: choose of nli, reading"),
        (cluster_names(), "without_clusters holds out all 12 clusters, those that go with another"),
        (ALL_BUT_BOTH, "without_clusters holds out all 12 clusters, those that go with another"),
    ],
)
def test_clusters_that_cannot_be_held_out_are_one_sentence(names, sentence):
    with pytest.raises(InputError) as error:
        held_out(names)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_other_sources_have_tasks_of_the_same_kinds():
    with pytest.raises(InputError, match=r"of source flan2021, and task '.*' is of source"):
        named_mixture("flan2022", POCKET, without_clusters=("nli",))


def test_a_task_that_is_held_out_cannot_be_trained_on():
    tasks = [POCKET.task("sst2"), POCKET.task("glue_mrpc")]
    check_none_left_out(tasks, ["translation"])
    said = (
        "task 'glue_mrpc' is to be trained on, and without_clusters holds out its cluster "
        "paraphrase, which goes with nli: leave out the task, or do not hold out nli"
    )
    with pytest.raises(InputError, match=f"^{said}$"):
        check_none_left_out(tasks, ["nli"])
    with pytest.raises(
        InputError, match=r"'sst2' .* its cluster sentiment: leave out the task, or"
    ):
        check_none_left_out(tasks, ["sentiment"])
