"""The runs of the standing job of ci/gpu, and which of them are lacking."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from flanrepro.experiments.pretrain import pretraining_specs
from flanrepro.experiments.profiles import Job, project, workspace
from flanrepro.experiments.shipped_scores import shipped_run
from flanrepro.experiments.store import RunStore
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.training.spec import RunSpec


@dataclass(frozen=True)
class Planned:
    """A run of the standing job.

    Attributes:
        spec: the run to train.
        evaluated: (suite, shots, items) of its evaluations.
        params: True: its parameters come home beside its metrics and scores.
    """

    spec: RunSpec
    evaluated: tuple[tuple[str, int, int | None], ...] = ()
    params: bool = False

    def done(self, store: RunStore) -> bool:
        run = store.find(self.spec)
        return bool(run) and all(run.has_scores(*asked) for asked in self.evaluated)


def folders(tiny: bool) -> tuple[Path, Path]:
    """The folder that is carried there, and the one that stays on a machine."""
    name = ".gpu-tiny" if tiny else ".gpu"
    root = (not os.environ.get("FLANREPRO_OUT") and project()) or workspace()
    return root / name, root / f"{name}-work"


def plan(tiny: bool = False) -> list[Planned]:
    """The runs by use: Figure 3's, Figure 4's seed by seed, then pretraining."""
    job = Job(profile="smoke" if tiny else "full")
    runs: dict[RunSpec, list[tuple]] = {}
    for name in ("few_shot",) if tiny else ("few_shot", "task_scaling"):
        pairs = SWEEPS[name].evaluated(job)
        asked = [(suite, shots, job.settings.items_of(suite)) for suite, shots in pairs]
        # One seed of all settings comes first; a subset's runs of all sizes have the same batches.
        for spec in sorted(SWEEPS[name].specs(job), key=lambda spec: (spec.seed, spec.subset or 0)):
            runs.setdefault(spec, []).extend(asked)
    swept = [Planned(spec, tuple(dict.fromkeys(asked))) for spec, asked in runs.items()]
    if tiny:
        swept = [dataclasses.replace(one, evaluated=one.evaluated[:1]) for one in swept[:2]]
    model, steps = ("nano", 3) if tiny else ("mini", 0)
    *phases, last = pretraining_specs("pocket", model, steps=steps)
    return [*swept, *map(Planned, phases), Planned(last, params=True)]


def lacking(planned: list[Planned]) -> list[Planned]:
    """The runs that neither ship nor are finished here."""
    store = RunStore(workspace() / "runs")
    return [
        one
        for one in planned
        if not (shipped_run(one.spec.collection, one.spec.run_id) or one.done(store))
    ]
