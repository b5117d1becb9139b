"""Data contamination: scores on all items, and on those whose text the pretraining text lacks.

As in FLAN 2021 (Wei et al., 2021, appendix C and Table 5): an item is clean if no n-gram of it is
in the text that the model was pretrained on.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flanrepro.collection.asked import item_texts
from flanrepro.collection.clusters import cluster_suite
from flanrepro.collection.overlap import index_of, positions_hit
from flanrepro.evaluation.uncertainty import weights
from flanrepro.experiments.profiles import Job
from flanrepro.report.item_noise import Answers
from flanrepro.sources import documents, load_collection

TEXTS = 20_000
"""Number of pretraining texts that are looked through."""


def table(
    job: Job, scores: pd.DataFrame, clusters: Sequence[str], answers: Answers | None = None
) -> pd.DataFrame:
    """The overlap of clusters' items with the first pretraining texts, and what it does to scores.

    Args:
        job: notebook parameters, which name the collection.
        scores: DataFrame of `flanrepro.experiments.results.scores`, of runs that are asked
            zero-shot for the clusters.
        clusters: names of FLAN 2021's clusters.
        answers: see `flanrepro.report.item_noise.answers_in`; None: they are not kept.

    Returns:
        cluster, items and hit (their number, and the number that the text has), total and clean
        (mean score of the runs on all items and on those that are not hit, in per cent; NaN: no
        answers, or no clean item) and runs.

    Raises:
        InputError: the collection has no pretraining text.
    """
    texts = documents(job.collection, 0)
    index = index_of({("text", "pretraining"): ([texts[i]] for i in range(TEXTS))})
    loaded, rows = load_collection(job.collection), []
    for cluster in clusters:
        suite = cluster_suite(loaded, cluster)
        hit = {}
        for task in suite.tasks:
            records = task.records(suite.split_of(task))
            hit[task.name] = set(positions_hit(index, item_texts(records)))
        size = sum(task.size(suite.split_of(task)) for task in suite.tasks)
        row = {"cluster": cluster, "items": size, "hit": sum(map(len, hit.values()))}
        own = scores[(scores["suite"] == cluster) & (scores["shots"] == 0)]
        kept = [answers(score) for score in own.to_dict("records")] if answers else []
        kept = [items for items in kept if items]
        row |= {"total": _mean(kept, {}), "clean": _mean(kept, hit)}
        rows.append(row | {"runs": " ".join(dict.fromkeys(own["run"]))})
    return pd.DataFrame(rows)


def _mean(kept: Sequence[list[dict]], hit: dict[str, set[int]]) -> float:
    """The runs' mean share of right answers to items that are not hit, tasks weighing the same."""
    shares = []
    for items in kept:
        clean = [item for item in items if item["record"] not in hit.get(item["task"], ())]
        correct = np.array([float(item["correct"]) for item in clean])
        shares += (
            [100 * float(correct @ weights([item["unit"] for item in clean]))] if clean else []
        )
    return float(np.mean(shares)) if shares else float("nan")
