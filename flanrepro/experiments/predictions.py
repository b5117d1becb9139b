"""The predictions behind Table 1 as one small file, which anyone can score again without training.

The file is JSON lines, compressed by xz: `pandas.read_json(path, lines=True)` opens it, too. Its
first line names the collection, the profile, the model and the runs, each with its spec. A line
with a suite and with what was `asked` (pairs of a run and a number of exemplars) begins the items
of that suite. Each of them is one line: task, record, right answer, and a prediction for each pair
of `asked` (null: not asked). There are no prompts: the collection has them. Predictions of an item
stand side by side because they are alike: a table with a row per prediction takes twice the space.
"""

import json
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flanrepro.collection.suites import Item, suite_items
from flanrepro.collection.task import Suite
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.results import COLUMNS, with_specs
from flanrepro.experiments.scores import read_items, suite_of
from flanrepro.experiments.shipped_scores import folder, shipped_table
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.fields import make, shown
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec
from flanrepro.whole import kind_of, write_whole

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
"""Version of the file's layout."""

NAME = "predictions.jsonl.xz"
"""Name of the file that ships, in the folder of the collection's scores."""

DIGITS = 4
"""Number of decimal places of the scores that ship."""

_HEAD = ("collection", "profile", "model")
_ITEM = ("task", "record", "answer")


@dataclass(frozen=True)
class Predictions:
    """Item-level predictions of runs.

    Attributes:
        name: path or folder that they come from, for people.
        collection, profile, model: names of what the runs are of.
        specs: specs of the runs, in Table 1's order.
        items: number of items asked for per task, by suite; None: all.
        table: DataFrame with a row per prediction, not to be changed: run, suite, shots, task,
            record (index into the evaluated split), answer (the right one) and prediction (the
            text, or the option that was the likeliest).
    """

    name: str
    collection: str
    profile: str
    model: str
    specs: tuple[RunSpec, ...]
    items: Mapping[str, int | None]
    table: "pd.DataFrame"


def collect(job: Job) -> Predictions:
    """Collects the predictions of Table 1's runs, as far as they are finished and evaluated.

    Args:
        job: collection, profile, model, seeds, and the folder `out` that has `runs/`.

    Raises:
        InputError: no run is finished, what is kept of one is damaged, or its predictions do not
            give its scores again.
    """
    sweep, rows, kept = SWEEPS["ablations"], [], {}
    asked = [(*pair, job.settings.items_of(pair[0])) for pair in sweep.evaluated(job)]
    for spec in sweep.specs(job):
        run = job.store.find(spec)
        for suite, shots, items in asked if run else ():
            if not run.has_scores(suite, shots, items):
                continue
            score = run.scores(suite, shots, items)[-1]
            kept[spec, suite, shots] = score["value"]
            name = spec.run_id  # a hash, too slow to take for every item
            for item in read_items(run.folder, score["predictions"]):
                answered = (item["task"], item["record"], item["references"][0])
                rows.append((name, suite, shots, *answered, item["prediction"]))
    if not rows:
        raise InputError(
            f"no run of Table 1 at profile '{job.profile}' on '{job.collection}' is finished and "
            f"evaluated in {job.store.root}: train them with `flanrepro run "
            f"notebooks/01_ablations.ipynb`, or name their folder with --out"
        )
    found = Predictions(
        name=str(job.store.root),
        collection=job.collection,
        profile=job.profile,
        model=job.model or job.settings.model,
        specs=tuple(dict.fromkeys(spec for spec, *_ in kept)),
        items={suite: items for suite, _, items in asked},
        table=_table(rows),
    )
    # What does not give its scores again must not ship.
    again = rescored(found).set_index(["run", "suite", "shots"])["value"]
    for (spec, suite, shots), value in kept.items():
        if again[spec.run_id, suite, shots] != value:
            raise InputError(
                f"the predictions of run {spec.run_id} on {suite} with {shots} exemplars give "
                f"{again[spec.run_id, suite, shots]}, and its kept score is {value}: move its "
                f"folder scores/ in {job.store.root} away and evaluate again"
            )
    return found


def _table(rows: list[tuple]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, columns=["run", "suite", "shots", *_ITEM, "prediction"])


def write(predictions: Predictions, path: Path) -> int:
    """Writes the file; the same predictions give the same bytes.

    Returns:
        the number of bytes.

    Raises:
        InputError: it cannot be written.
    """
    lines = [
        json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
        for line in _lines(predictions)
    ]
    content = lzma.compress("".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME)
    write_whole(path, content)
    return len(content)


def _lines(predictions: Predictions) -> Iterator[dict]:
    runs = [
        {"run": spec.run_id, "mixture": spec.mixture, "seed": spec.seed}
        | {"spec": json.loads(spec.to_json())}
        for spec in predictions.specs
    ]
    head = {name: getattr(predictions, name) for name in _HEAD}
    yield {"format": FORMAT, **head, "runs": runs}
    for suite, own in predictions.table.groupby("suite", sort=False):
        pairs = dict.fromkeys(zip(own["run"], own["shots"].tolist(), strict=True))
        # Sorted by exemplars: what was asked the same is answered alike, and so compressed better.
        places = {pair: i for i, pair in enumerate(sorted(pairs, key=lambda pair: pair[1]))}
        yield {"suite": suite, "items": predictions.items[suite], "asked": list(places)}
        items: dict[tuple, list] = {}
        for row in own.itertuples():
            given = items.setdefault((row.task, row.record, row.answer), [None] * len(places))
            given[places[row.run, row.shots]] = row.prediction
        for item, given in items.items():
            yield dict(zip(_ITEM, item, strict=True)) | {"predictions": given}


def shipped_predictions(collection: str) -> Path:
    """The path of a collection's predictions that ship; InputError if none do."""
    path = folder() / collection / NAME
    if not path.is_file():
        raise InputError(
            f"no predictions of collection '{collection}' ship with the package: name a file that "
            "`flanrepro predictions collect` wrote"
        )
    return path


def read(path: Path, **asked: str) -> Predictions:
    """Reads a file of `write`.

    Args:
        path: the file.
        asked: names of the collection, profile or model that it is to be of; empty: any.

    Raises:
        InputError: there is no such file, it is damaged, or it is of something else.
    """
    try:
        kind = kind_of(path)
        content = path.read_bytes() if kind == "a file" else b""
    except OSError as error:
        raise InputError(
            f"the predictions {path} cannot be read ({error.strerror}): allow this user to read it"
        ) from None
    if kind != "a file":
        raise InputError(
            f"the predictions {path} are {kind or 'missing'}: expected a file that `flanrepro "
            "predictions collect` wrote"
        )
    try:
        found = _parsed(str(path), lzma.decompress(content).decode())
    except _DAMAGE as error:
        raise InputError(
            f"the predictions {path} cannot be read ({shown(error, 200)}): expected a "
            "file that `flanrepro predictions collect` wrote; it is damaged or of "
            "another version, so take it anew"
        ) from None
    for name, value in asked.items():
        if value and value != (own := getattr(found, name)):
            raise InputError(
                f"the predictions {path} are of {name} '{own}', and '{value}' was asked for: give "
                f"--{name} {own}, or another file"
            )
    return found


# A file of whatever content must not end in anything but a sentence. InputError is a ValueError.
_DAMAGE = (lzma.LZMAError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def _parsed(name: str, text: str) -> Predictions:
    # Not `splitlines`: JSON leaves some of the characters that it splits at as they are.
    head, *lines = map(json.loads, filter(None, text.split("\n")))
    if head["format"] != FORMAT:
        raise ValueError(f"its format is {head['format']}, this version reads {FORMAT}")
    specs = tuple(make(RunSpec, **row["spec"]) for row in head["runs"])
    known, items, rows = {spec.run_id for spec in specs}, {}, []
    suite, asked = "", []
    for line in lines:
        if "suite" in line:
            suite, asked = line["suite"], line["asked"]
            items[suite] = line["items"]
            if not isinstance(items[suite], int | None):
                raise ValueError(f"the number of items of suite {suite} is no number")
            if unknown := {run for run, _ in asked} - known:
                raise ValueError(f"it does not say what run {unknown.pop()} is")
            continue
        item = task, record, answer = tuple(line[name] for name in _ITEM)
        texts = [task, answer, *(text for text in line["predictions"] if text is not None)]
        if not isinstance(record, int) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"record {record} of task {task} has a number or text that is none")
        rows += [
            (run, suite, shots, *item, text)
            for (run, shots), text in zip(asked, line["predictions"], strict=True)
            if text is not None
        ]
    own = {name: head[name] for name in _HEAD}
    return Predictions(name, **own, specs=specs, items=items, table=_table(rows))


def rescored(predictions: Predictions) -> "pd.DataFrame":
    """Scores predictions by the collection's own protocols and metrics; nothing is trained.

    Returns:
        DataFrame as of `flanrepro.experiments.results.scores`.

    Raises:
        InputError: the collection lacks a suite, a task or an item, or the file lacks an item.
    """
    import pandas as pd

    from flanrepro.evaluation.answers import answered
    from flanrepro.evaluation.scores import score

    rows, of_suite = [], {}
    keys = ["suite", "run", "shots"]
    for (name, run, shots), own in predictions.table.groupby(keys, sort=False):
        tasks = tuple(dict.fromkeys(own["task"]))
        if (name, tasks) not in of_suite:  # every run was asked the same items
            of_suite[name, tasks] = _items(predictions, name, tasks)
        suite, items = of_suite[name, tasks]
        given = dict(
            zip(zip(*(own[c] for c in _ITEM), strict=True), own["prediction"], strict=True)
        )
        _check_items(predictions, name, given, items)
        answers = answered(suite, list(items.values()), [given[item] for item in items])
        scored = score(suite, shots, answers)[-1]
        rows.append(scored | {"run": run, "asking": "", "items": predictions.items[name]})
    return with_specs(pd.DataFrame(rows, columns=list(COLUMNS)), predictions.specs)


def _items(
    predictions: Predictions, name: str, tasks: tuple[str, ...]
) -> tuple[Suite, dict[tuple, Item]]:
    """A suite of the tasks that were evaluated, and its items by task, record and right answer."""
    full = suite_of(load_collection(predictions.collection), name)
    known = {task.name: task for task in full.tasks}
    if unknown := [task for task in tasks if task not in known]:
        raise InputError(
            f"{predictions.name}: suite '{name}' of collection '{predictions.collection}' has no "
            f"task {shown(unknown[0])}: the predictions are of another version of the collection"
        )
    suite = replace(full, tasks=tuple(task for task in full.tasks if task.name in tasks))
    # No exemplars: zero-shot and few-shot prompts ask the same records, and their answers alone
    # are compared.
    items = suite_items(suite, 0, predictions.items[name])
    return suite, {(i.prompt.task, i.prompt.record, i.references[0]): i for i in items}


def _check_items(predictions: Predictions, suite: str, given: Mapping, items: Mapping) -> None:
    """InputError if what was answered is not what the suite asks."""
    if unknown := next((item for item in given if item not in items), None):
        task, record, answer = unknown
        raise InputError(
            f"{predictions.name}: suite '{suite}' of collection '{predictions.collection}' does "
            f"not ask record {shown(record)} of task {shown(task)} with the answer "
            f"{shown(answer)}: the predictions are of other data, so take those made with it"
        )
    if len(given) < len(items):
        raise InputError(
            f"{predictions.name}: there are predictions for {len(given)} of the {len(items)} items "
            f"of suite '{suite}' in collection '{predictions.collection}': the predictions are "
            "damaged or of other data, so take them anew"
        )


def beside_shipped(found: "pd.DataFrame", collection: str) -> "pd.DataFrame":
    """Sets scores beside those that ship.

    Args:
        found: DataFrame of `rescored`.
        collection: name of the collection.

    Returns:
        its columns with shipped (per cent; NaN: it does not ship) and same (true if the value,
        rounded as scores ship, is exactly the shipped one).
    """
    if not (folder() / collection / "scores.csv").is_file():
        return found.assign(shipped=float("nan"), same=False)
    keys = ["run", "suite", "shots", "items"]
    shipped = shipped_table(collection, "scores")[[*keys, "value"]]
    shipped = shipped.rename(columns={"value": "shipped"}).astype({"items": float})
    table = found.astype({"items": float}).merge(shipped, on=keys, how="left")
    # Both are rounded: a number that is read from text may be off by its last bit.
    same = table["value"].round(DIGITS) == table["shipped"].round(DIGITS)
    return table.assign(same=same)
