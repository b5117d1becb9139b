"""Pretraining in phases: span corruption, then prefix language modelling from its result."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flanrepro.errors import InputError
from flanrepro.experiments.store import Run, RunStore
from flanrepro.fields import shown
from flanrepro.model import pretrained
from flanrepro.packaged import read_yaml
from flanrepro.training.spec import RunSpec

COLUMNS = ("phase", "step", "loss", "accuracy", "seconds")
"""A loss curve's columns: one of `phase_names`, a step, loss in nats per target token, accuracy as
a share of target tokens, and seconds."""

TOLERANCE = 0.04
"""Largest difference between two loss curves of one spec at a step, in nats per target token.

It lies between the effect of rounding and the effect of a mistake. Measured for `nano` with AdamW
on the first edition's text, 200 steps on two cores: parameters off by 1e-7 to 1e-4 of their value,
or bfloat16, change a row by at most 0.026, and only after step 125, where rounding differences have
grown; the same machine repeats a curve exactly. A learning rate 5 % higher, or 10 more steps of
warm-up, change a row by 0.061, another seed by 0.145.
"""


def _recipes() -> dict[str, dict[str, dict]]:
    return read_yaml("flanrepro.experiments", "pretraining")


def pretraining_specs(
    collection: str, model: str, *, seed: int = 0, steps: int = 0
) -> tuple[RunSpec, ...]:
    """The specs of the runs that make a checkpoint, one per phase of `pretraining.yaml`.

    Args:
        collection, model: names that `pretraining.yaml` lists together.
        seed: seed of parameters and data.
        steps: number of steps of the first phase, the others in proportion; 0: as listed.

    Raises:
        InputError: `pretraining.yaml` does not list the pair, or `steps` is no whole number.
    """
    recipes = _recipes()
    if collection not in recipes or model not in recipes[collection]:
        known = ", ".join(f"{c} {m}" for c, models in recipes.items() for m in models)
        raise InputError(
            f"no pretraining is listed for collection '{collection}' and model '{model}': choose "
            f"one of {known}"
        )
    if type(steps) is not int or steps < 0:
        raise InputError(f"steps is {shown(steps)}: expected 0 (as listed) or a whole number")
    recipe = recipes[collection][model]
    share = steps / recipe["phases"][0]["steps"] if steps else 1
    named = {"collection": collection, "model": model, "seed": seed}
    specs: list[RunSpec] = []
    for phase in recipe["phases"]:
        fields = _shortened({**recipe["every"], **phase}, share)
        start = specs[-1].run_id if specs else ""  # a phase starts from the one before
        specs.append(RunSpec(**named, start=start, **fields))
    return tuple(specs)


def phase_names(specs: Sequence[RunSpec]) -> list[str]:
    """Names of the phases: their objectives, and behind one that comes again its number."""
    objectives = [spec.objective for spec in specs]
    before = (objectives[:i].count(one) for i, one in enumerate(objectives))
    return [f"{one}_{n + 1}" if n else one for one, n in zip(objectives, before, strict=True)]


def _shortened(fields: dict[str, Any], share: float) -> dict[str, Any]:
    """The fields with every number of steps times `share`."""
    # Rounded down, so that warm-up and decay together never exceed the steps.
    counts = {k: int(fields[k] * share) for k in ("warmup_steps", "decay_steps") if k in fields}
    return {**fields, **counts, "steps": max(1, round(fields["steps"] * share))}


def pretrain(store: RunStore, specs: Sequence[RunSpec], **hook) -> list[Run]:
    """Trains the phases one after the other, or reads them; `hook`: keywords of `RunStore.get`."""
    return [
        store.get(spec, bar=f"phase {i} of {len(specs)}: {spec.label()}", **hook)
        for i, spec in enumerate(specs, 1)
    ]


def loss_curve(runs: Sequence[Run]):
    """The training histories of the phases as one DataFrame with the columns `COLUMNS`."""
    import pandas as pd

    names = phase_names([run.spec for run in runs])
    rows = (run.metrics().assign(phase=name) for run, name in zip(runs, names, strict=True))
    return pd.concat([of[list(COLUMNS)] for of in rows], ignore_index=True)


@dataclass(frozen=True)
class Comparison:
    """The first steps of a shipped checkpoint's training beside the same steps trained here.

    Attributes:
        name: full name of the checkpoint.
        table: DataFrame with the columns step, shipped and here (losses in nats per target token).
    """

    name: str
    table: Any

    @property
    def difference(self) -> float:
        """The largest absolute difference of two losses; NaN if a loss is NaN or missing."""
        return float((self.table["shipped"] - self.table["here"]).abs().max(skipna=False))

    @property
    def same(self) -> bool:
        return self.difference <= TOLERANCE

    def __str__(self) -> str:
        said = "the same" if self.same else "NOT the same"
        return (
            f"{self.table.to_string(index=False)}\n{self.name}: largest difference "
            f"{self.difference:.6f} nats per target token, tolerance {TOLERANCE}: {said}"
        )


def check(collection: str, model: str, steps: int) -> Comparison:
    """Trains the first `steps` of a shipped checkpoint again, in a temporary folder, and compares.

    Raises:
        InputError: no such checkpoint ships, its loss curve cannot be read, or the curve has no
            row up to `steps`.
    """
    name = pretrained.full_name(collection, model)
    if not name:
        raise InputError(
            f"no checkpoint ships for collection '{collection}' and model '{model}': there is "
            f"{', '.join(pretrained.index()) or 'none'}; make it with `flanrepro pretrain`"
        )
    spec = RunSpec(**pretrained.find(name).runs[0])
    shipped_curve(name, spec, steps)  # fails before anything is trained
    with tempfile.TemporaryDirectory() as folder:
        progress = RunStore(folder).advance(spec, steps, bar=f"{name} again")
    return compare(name, spec, steps, progress.history)


def begin(store: RunStore, spec: RunSpec, stop_at: int) -> str:
    """Trains `spec` up to step `stop_at`; returns its losses as text, beside any shipped ones."""
    import pandas as pd

    progress = store.advance(spec, stop_at, bar=spec.label())
    name = pretrained.full_name(spec.collection, spec.model)
    if name and progress.history and RunSpec(**pretrained.find(name).runs[0]) == spec:
        return str(compare(name, spec, progress.history[-1]["step"], progress.history))
    rows = pd.DataFrame(progress.history, columns=["step", "loss", "accuracy", "seconds"])
    return rows.to_string(index=False)


def compare(name: str, spec: RunSpec, steps: int, history: list[dict]) -> Comparison:
    """Compares a training history with the first `steps` of the shipped checkpoint's."""
    import pandas as pd

    here = pd.DataFrame(history)[["step", "loss"]].rename(columns={"loss": "here"})
    shipped = shipped_curve(name, spec, steps)[["step", "loss"]].rename(columns={"loss": "shipped"})
    return Comparison(name, shipped.merge(here, on="step", how="left"))


def shipped_curve(name: str, spec: RunSpec, steps: int):
    """The rows of a shipped loss curve for the phase of `spec`, up to step `steps`."""
    import pandas as pd

    path = (pretrained.FOLDER / pretrained.find(name).file).with_suffix(".csv")
    try:
        curve = pd.read_csv(path)
        rows = curve[(curve["phase"] == spec.objective) & (curve["step"] <= steps)]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"checkpoint '{name}': its loss curve {path} cannot be read ({error!r}): install the "
            "package anew"
        ) from None
    if rows.empty:
        raise InputError(
            f"checkpoint '{name}': its loss curve {path} has no row up to step {steps}: check at "
            f"least {curve['step'].min()} steps"
        )
    return rows
