"""A challenge for a class: the best mixture under a fixed budget of prompts, on hidden records.

An entry is a YAML file with fields of a run's spec. It is trained on pocket from the checkpoint
that ships, at one budget for all, and evaluated on records that a secret seed draws.
"""

import csv
import dataclasses
import hashlib
import io
import json
import math
import warnings
from pathlib import Path
from typing import Any

from flanrepro.collection.named import mixture_names, own_few_shot_fraction
from flanrepro.errors import InputError
from flanrepro.experiments.parameters import read_named_values
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import scores_of
from flanrepro.experiments.store import Run
from flanrepro.fields import shown
from flanrepro.training.spec import RunSpec
from flanrepro.whole import kind_of, locked, write_whole

BUDGETS = {"smoke": 600, "quick": 40_000}
"""Most prompts of an entry, by profile: about as many as the profile's run on Flan 2022 sees."""

FIELDS = (
    "rates",
    "mixture",
    "few_shot_fraction",
    "inversion_rate",
    "max_examples",
    "subset",
    "templates",
    "prompts",
)
"""What an entry may say beside its `name`; all but `prompts` are fields of `RunSpec`."""

COUNTED = 200
"""Number of steps whose prompts are counted, to find how many steps the budget gives."""


def read_entry(path: Path, profile: str) -> dict[str, Any]:
    """An entry from its file, in its one form: equal mixtures are equal entries.

    Raises:
        InputError: the file is no YAML of an entry, a field is unknown, rates are not positive
            numbers, or the entry asks for more prompts than the budget.
    """
    expected = f"expected YAML lines such as `name: ours`, with {', '.join(FIELDS)}"
    found = read_named_values(path, "entry", expected)
    if not isinstance(found.get("name"), str) or not found["name"]:
        raise InputError(f"the entry {path} has no name: {expected}")
    return check_entry(found, profile)


def check_entry(found: dict[str, Any], profile: str) -> dict[str, Any]:
    """An entry's fields in their one form; errors as in `read_entry`."""
    whose = f"entry {shown(found['name'])}"
    if unknown := [key for key in found if key not in ("name", *FIELDS)]:
        raise InputError(
            f"{whose} has no field {shown(unknown[0])}: it may have {', '.join(FIELDS)}"
        )
    if profile not in BUDGETS:
        raise InputError(f"profile '{profile}' has no budget: choose one of {', '.join(BUDGETS)}")
    budget = BUDGETS[profile]
    prompts = found.get("prompts", budget)
    if type(prompts) is not int or not 1 <= prompts <= budget:
        raise InputError(
            f"{whose} asks for {shown(prompts)} prompts: the budget of profile '{profile}' is "
            f"{budget:,}; give a whole number from 1 to it, or leave out prompts"
        )
    mixture = found.get("mixture", "flan2022")
    if mixture not in mixture_names():
        raise InputError(
            f"{whose} has the mixture {shown(mixture)}: choose one of {', '.join(mixture_names())}"
        )
    entry = {**found, "mixture": mixture, "prompts": prompts}
    if "rates" in found:
        entry["rates"] = _shares(found["rates"], whose)
    return entry


def _shares(rates: Any, whose: str) -> dict[str, float]:
    """Rates as shares, sum 1; sources at rate 0 are left out."""
    expected = "expected numbers of at least 0 by source, such as `rates: {cot: 5, niv2: 20}`"
    numbers = rates.values() if isinstance(rates, dict) else [None]
    if not all(type(x) in (int, float) and x >= 0 and math.isfinite(x) for x in numbers):
        raise InputError(f"{whose} has the rates {shown(rates)}: {expected}")
    if not (total := math.fsum(numbers)):
        raise InputError(f"{whose} has no rate above 0, so nothing to train on: {expected}")
    return {name: round(rate / total, 4) for name, rate in sorted(rates.items()) if rate}


def spec_of(entry: dict[str, Any], job: Job) -> RunSpec:
    """The run of an entry: one seed, and as many steps as its prompts take.

    Raises:
        InputError: a field is refused by `RunSpec`, or no task of its sources is available.
    """
    given = {key: value for key, value in entry.items() if key not in ("name", "prompts", "rates")}
    rates = tuple(f"{name}={share:.4f}" for name, share in entry.get("rates", {}).items())
    own = own_few_shot_fraction(entry["mixture"])
    if own is None and "few_shot_fraction" not in given:
        given["few_shot_fraction"] = 0.5
    spec = next(job.specs(**given, rates=rates))
    steps = max(1, round(entry["prompts"] / prompts_per_step(spec)))
    warmup = round(spec.warmup_steps * steps / spec.steps)
    decay = round(spec.decay_steps * steps / spec.steps)
    return dataclasses.replace(
        spec, steps=steps, warmup_steps=warmup, decay_steps=min(decay, steps - warmup)
    )


def prompts_per_step(spec: RunSpec) -> float:
    """The mean number of the mixture's prompts in a step; replayed texts do not count."""
    from flanrepro.data.examples import PromptTooLong
    from flanrepro.data.packing import pack

    lengths = {"inputs_length": spec.inputs_length, "targets_length": spec.targets_length}
    stream = pack(spec.load_examples(), batch_size=spec.batch_size, **lengths, prefetch=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PromptTooLong)  # training says it
        counts = [next(stream)["encoder_segment_ids"].max(axis=1).sum() for _ in range(COUNTED)]
    return float(sum(counts)) / COUNTED * (1 - spec.replay)


def hidden_scores(run: Run, job: Job, secret: int) -> dict[str, float]:
    """A run's score per suite of the profile, in per cent: the mean of zero- and few-shot.

    The suites have records that no split has, see `flanrepro.sources.pocket.held_back`.
    """
    from flanrepro.sources.pocket.held_back import held_back

    spec, collection = run.spec, run.spec.load_collection()
    suites = {
        name: held_back(collection.suites[name], secret, job.settings.items_of(name))
        for name in job.settings.suites
    }
    hidden = dataclasses.replace(collection, suites={**collection.suites, **suites})
    folder, model = run.folder / "challenge" / digest_of(secret), []

    def loaded():
        model[:] = model or [run.model()]
        return model[0]

    lengths = (spec.room, spec.targets_length)
    return {
        name: sum(
            scores_of(folder, loaded, hidden, name, shots, lengths=lengths)[-1]["value"]
            for shots in (0, job.shots(name))
        )
        / 2
        for name in suites
    }


def digest_of(secret: int) -> str:
    """12 hexadecimal digits that tell two secrets apart; a small secret can be guessed from it."""
    return hashlib.sha256(f"flanrepro challenge {secret}".encode()).hexdigest()[:12]


def run_entry(entry: dict[str, Any], job: Job, secret: int) -> dict[str, str]:
    """Trains and evaluates an entry; gives its line of the leaderboard.

    An entry with the mixture of an earlier one is that one's run and is not trained again.
    """
    run = job.store.get(spec_of(entry, job), bar=entry["name"])
    scores = hidden_scores(run, job, secret)
    line = {"name": entry["name"], "score": sum(scores.values()) / len(scores), **scores}
    line = {key: f"{x:.2f}" if isinstance(x, float) else x for key, x in line.items()}
    fixed = {"profile": job.profile, "steps": str(run.spec.steps), "run": run.spec.run_id}
    said = json.dumps(entry, sort_keys=True)
    return {**line, **fixed, "secret": digest_of(secret), "entry": said}


def read_board(path: Path) -> list[dict[str, str]]:
    """The lines of a leaderboard; none if there is no file yet.

    Raises:
        InputError: the file is no leaderboard.
    """
    if not (kind := kind_of(path)):
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8")), strict=True))
        needed = {"name", "score", "profile", "run", "secret", "entry"}
        if kind != "a file" or not all(needed <= set(row) and None not in row for row in rows):
            raise ValueError("columns are missing")
        if not rows or not all(isinstance(json.loads(row["entry"]), dict) for row in rows):
            raise ValueError("no line with an entry")
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path} is no leaderboard ({shown(str(error), 60)}): expected the CSV that `flanrepro "
            "challenge run` writes; name that file, or one that is not there yet"
        ) from None
    return rows


def parse_kept(line: dict[str, str]) -> dict[str, Any]:
    """The entry that a leaderboard's line tells of; errors as in `read_entry`."""
    entry = json.loads(line["entry"])
    return check_entry({"name": line["name"], **entry}, line["profile"])


def append_line(path: Path, line: dict[str, str]) -> list[dict[str, str]]:
    """Adds a line to a leaderboard, made if missing; gives all lines, the best first.

    Raises:
        InputError: the file is no leaderboard, or its lines are of another profile or secret.
    """
    with locked(path.with_name(f"{path.name}.lock")):
        rows = read_board(path)
        same = ("profile", "secret")
        if rows and any(rows[0][key] != line[key] for key in same):
            raise InputError(
                f"{path} has scores of another profile or secret, which cannot be compared with "
                "this one: name another leaderboard, or give its profile and secret"
            )
        text = io.StringIO()
        writer = csv.DictWriter(text, list(line), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, line])
        write_whole(path, text.getvalue())
    return sorted([*rows, line], key=lambda row: -float(row["score"]))
