"""Scores checkpoints on suites without training: public or shipped ones, runs, and baselines."""

import hashlib
import json
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from flanrepro import bars
from flanrepro.collection.asking import Asking, asked
from flanrepro.collection.task import Collection, MissingTasks
from flanrepro.errors import InputError
from flanrepro.evaluation.baselines import BASELINES
from flanrepro.experiments.load import load
from flanrepro.experiments.scores import NoTasks, read_items, scores_of, suite_of
from flanrepro.experiments.store import environment
from flanrepro.model.model import Model
from flanrepro.model.tree import count, flat
from flanrepro.sources import load_collection
from flanrepro.whole import write_whole


class MissingModels(UserWarning):
    """Warns that some of the checkpoints could not be loaded."""


def listed(text: str, otherwise: Iterable[str]) -> list[str]:
    """The names in a comma-separated text, or `otherwise` if it has none."""
    return [name.strip() for name in text.split(",") if name.strip()] or list(otherwise)


def score_models(
    names: Sequence[str],
    collection: str,
    suites: Sequence[str],
    folder: Path,
    *,
    shots: Sequence[int] | None = None,
    items: int | None = None,
    method: str = "",
    dtype: str = "",
    asking: Asking | None = None,
):
    """The scores of checkpoints, as a DataFrame; finished evaluations are read.

    If some checkpoints cannot be loaded, they are left out with a `MissingModels` warning, and
    suites without any task that has that number of exemplars with one of `MissingTasks`.

    Args:
        names: names that `flanrepro.load` takes, or baselines: `random`, `majority`.
        collection: name of the collection that has the suites.
        suites: names of suites, of FLAN 2021's clusters or of single tasks.
        folder: gets a folder per checkpoint, named by it and a digest of its parameters, with
            `manifest.json`, `scores/` and `predictions/`.
        shots: numbers of exemplars per prompt; None: zero-shot and each suite's own number.
        items, method, asking: see `flanrepro.experiments.scores.scores_of`.
        dtype: see `flanrepro.experiments.load.load`.

    Returns:
        columns checkpoint, folder, `split` (name of the suite's evaluated split, or several) and
        those of `flanrepro.evaluation.scores.score`.

    Raises:
        InputError: a suite or method is unknown, no checkpoint could be loaded, or nothing that was
            asked for is available.
    """
    import pandas as pd

    loaded, rows, failed = load_collection(collection), [], {}
    without: dict[str, str] = {}
    pairs = [(suite, k) for suite in suites for k in _shots(loaded, suite, shots)]
    for name in names:
        try:
            model = name if name in BASELINES else load(name, dtype=dtype)
        except InputError as error:
            failed[name] = str(error)
            continue
        own = _folder(folder, model)
        for suite, k in bars.bar(pairs, desc=name, unit="evaluation"):
            # The default binds this model: a plain closure would see the loop's last one.
            try:
                scores = scores_of(
                    own, lambda m=model: m, loaded, suite, k, items, method, asking=asking
                )
            except NoTasks as error:  # zero-shot scores stay where there are no exemplars
                without[f"'{suite}' with {k} exemplars"] = str(error)
                continue
            splits = _splits(loaded, suite, asking)
            head = {"checkpoint": name, "folder": str(own), "split": splits}
            rows += [head | row for row in scores]
    if without:
        said = "; ".join(f"{what}: {reason}" for what, reason in without.items())
        if not rows:
            raise InputError(f"nothing could be evaluated: {said}")
        warnings.warn(f"left out {said}", MissingTasks, stacklevel=2)
    if failed:
        said = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        if not rows:  # else one missing checkpoint would spoil the comparison of the others
            raise InputError(f"no checkpoint could be loaded: {said}")
        warnings.warn(f"left out {said}", MissingModels, stacklevel=2)
    return pd.DataFrame(rows)


def differences(scores, base: str):
    """Differences between each checkpoint and a base over the same items, as a DataFrame.

    Args:
        scores: DataFrame of `score_models`.
        base: name of the checkpoint to compare with.

    Returns:
        columns suite, shots, checkpoint, and those of
        `flanrepro.evaluation.uncertainty.paired_difference`, in points of accuracy. Tasks (or
        clusters) weigh the same as in the suite's own score.
    """
    import pandas as pd

    from flanrepro.evaluation.uncertainty import paired_difference

    rows = []
    totals = scores[scores["level"] == "suite"]
    for (suite, shots), group in totals.groupby(["suite", "shots"], sort=False):
        items = {
            row.checkpoint: read_items(row.folder, row.predictions) for row in group.itertuples()
        }
        for name in items:
            if name != base and base in items:
                units = [item["unit"] for item in items[name]]
                found = paired_difference(items[name], items[base], units)
                rows.append({"suite": suite, "shots": shots, "checkpoint": name, **found})
    return pd.DataFrame(rows)


def _shots(collection: Collection, suite: str, shots: Sequence[int] | None) -> Iterable[int]:
    own = suite_of(collection, suite).protocol.shots
    return dict.fromkeys(shots if shots is not None else (0, own))


def _splits(collection: Collection, name: str, asking: Asking | None) -> str:
    suite = asked(suite_of(collection, name), asking)
    return ", ".join(dict.fromkeys(suite.split_of(task) for task in suite.tasks))


def _folder(folder: Path, model: Model | str) -> Path:
    """The folder of a model's evaluations, with a manifest of the model and of this environment."""
    name = model if isinstance(model, str) else f"{_slug(model.name)}-{digest(model)}"
    path = folder / name / "manifest.json"
    if not path.is_file():
        facts = {"name": model} if isinstance(model, str) else _facts(model)
        write_whole(path, json.dumps(facts | environment(), indent=1))
    return path.parent


def _slug(name: str) -> str:
    # The end of a long path tells checkpoints apart; a file name has 255 bytes at most.
    end = re.sub(r"[^\w.-]+", "--", name.strip("/."))[-80:]
    return end.encode()[-240:].decode(errors="ignore")


def _facts(model: Model) -> dict:
    size = int(count(model.params))
    return {"name": model.name, "parameters": size, "config": vars(model.config)}


def digest(model: Model) -> str:
    """8 hexadecimal digits of a hash over parameters, configuration and vocabulary of a model."""
    total = hashlib.sha256(f"{model.config!r} {model.vocabulary.digest}".encode())
    for name, leaf in sorted(flat(model.params).items()):
        total.update(name.encode())
        total.update(np.ascontiguousarray(leaf))
    return total.hexdigest()[:8]
