"""What the paper's figures and tables cost on rented devices, by the formula of model FLOPs."""

from collections.abc import Hashable, Iterator

import pandas as pd

from ci.bench.costs import rented, train_flops
from ci.bench.lowered import paper_config, paper_run
from ci.bench.notebook_runs import NOTEBOOKS
from flanrepro.experiments.flan2021 import FLAN2021
from flanrepro.experiments.profiles import Job, Profile
from flanrepro.experiments.single_task import STATES
from flanrepro.experiments.sweep import SWEEPS
from flanrepro.model.sizes import SIZES
from flanrepro.training.spec import RunSpec

UTILISATION = 0.4
"""Share of the device's peak, an assumption: MaxText's list of dense models has 0.39 to 0.65."""

FIGURES = {
    "ablations": "Table 1, Figure 1",
    "collections_equal_prompts": "beyond the paper",
    "few_shot": "Figure 3",
    "formats": "section 3.6",
    "mixed_prompts": "section 1",
    "task_scaling": "Figure 4",
    "scaling_equal_prompts": "beyond the paper",
    "inversion": "section 3.4, Figure 7",
    "inversion_dose": "beyond the paper",
    "leave_one_out": "Table 2",
    "balancing_equal_prompts": "beyond the paper",
    "single_task": "Figures 5 and 6",
    "flan2021_clusters": "FLAN 2021, Tables 1 and 2",
    "flan2021_numbers": "FLAN 2021, Figure 6",
    "flan2021_scale": "FLAN 2021, Figure 7",
    "flan2021_templates": "FLAN 2021, Figure 11",
    "flan2021_options": "beyond the paper",
    "flan2021_instructions": "FLAN 2021, section 4.3",
    "flan2021_prompt_tuning": "FLAN 2021, Figure 10",
}
"""What each sweep of `NOTEBOOKS` is behind."""

OF_ALL_SIZES = ("task_scaling", "scaling_equal_prompts", "flan2021_scale")
"""The sweeps over the profile's sizes; the others are of its model."""

Runs = dict[Hashable, RunSpec]
"""Runs at the paper's scale, by what makes them different ones."""


def table() -> pd.DataFrame:
    """A row per size for one run of profile `paper`, one per figure, and one for all of them.

    A run that figures share counts where it is first. Evaluation is not in it.

    Returns:
        what, notebook, figure, runs, alone (the figure's runs with those that rows above have),
        parameters, steps (of all runs), tokens (padding included), flops_per_step, flops, and for
        each device hours and dollars.
    """
    rows = [_one_run(size) for size in SIZES if SIZES[size][0] >= SIZES["small"][0]]
    rows += _figures()
    frame = pd.DataFrame(rows)
    for device, row in rented().iterrows():
        frame[f"{device}_hours"] = frame["flops"] / (UTILISATION * row["flops"]) / 3600
        frame[f"{device}_dollars"] = frame[f"{device}_hours"] * row["dollars"]
    return frame


def _one_run(size: str) -> dict:
    spec = paper_run(size)
    named = {"what": size, "notebook": "", "figure": "", "runs": 1, "alone": 1}
    named["parameters"] = paper_config(spec).parameters
    return named | _sums([spec]) | {"flops_per_step": flops_per_step(spec)}


def _figures() -> Iterator[dict]:
    seen: set[Hashable] = set()
    counted: list[RunSpec] = []
    for notebook, sweeps in NOTEBOOKS.items():
        for name in sweeps:
            runs = _runs(name)
            new = [spec for key, spec in runs.items() if key not in seen]
            seen |= runs.keys()
            counted += new
            named = {"what": name, "notebook": notebook, "figure": FIGURES[name]}
            yield named | {"runs": len(new), "alone": len(runs)} | _sums(new)
    yield {"what": "all", "runs": len(counted), "alone": len(counted)} | _sums(counted)


def _sums(specs: list[RunSpec]) -> dict:
    lengths = [(spec, spec.inputs_length + spec.targets_length) for spec in specs]
    return {
        "steps": sum(spec.steps for spec in specs),
        "tokens": sum(spec.steps * spec.batch_size * length for spec, length in lengths),
        "flops": sum(spec.steps * flops_per_step(spec) for spec in specs),
    }


def flops_per_step(spec: RunSpec) -> int:
    """Model FLOPs of a step. A soft prompt's leaves the products out that the kernels' gradients
    are: it has two for each one of the forward pass, not three."""
    shape = (spec.batch_size, spec.inputs_length, spec.targets_length)
    flops = train_flops(paper_config(spec), *shape)
    return flops * 2 // 3 if spec.prompt_length else flops


# --- which runs there are ---


def _runs(name: str) -> Runs:
    """The runs of a sweep, one seed each.

    Which ones there are is counted on pocket, whose `full` varies the same, since real data need
    not be here; a run that has a share of `full`'s steps there has that share of the paper's. What
    is trained on single tasks is counted by the paper's profile.
    """
    paper = Job(profile="paper", collection="flan2022").settings
    if name == "single_task":
        return _single_tasks(paper)
    if name == "flan2021_prompt_tuning":
        return _prompts(paper)
    own = paper.flan2021 if name in FLAN2021 else {}
    full = Job(profile="full", model="nano", seeds=1)
    whole = (full.settings.run | (full.settings.flan2021 if own else {}))["steps"]
    steps = (paper.run | own)["steps"]
    sizes = paper.sizes if name in OF_ALL_SIZES else (paper.model,)
    return {
        (spec, size): paper_run(size, **own | {"steps": round(steps * spec.steps / whole)})
        for spec in (SWEEPS | FLAN2021)[name].specs(full)
        for size in sizes
        if spec.steps
    }


def _single_tasks(paper: Profile) -> Runs:
    """Both starts of each target; what has little data has more seeds (A.2)."""
    fields = dict(paper.single_task)
    del fields["validate_every"], fields["items"]
    spec = paper_run(paper.model, **fields)
    little = paper.targets["little"]
    targets = {target for group in paper.targets.values() for target in group}
    return {
        (target, state, seed): spec
        for target in sorted(targets)
        for state in STATES
        for seed in range(paper.little_seeds if target in little else paper.seeds)
    }


def _prompts(paper: Profile) -> Runs:
    fields = dict(paper.prompt_tuning)
    targets, amounts = fields.pop("targets"), fields.pop("examples")
    spec = paper_run(paper.model, **fields)
    return {(t, n, state): spec for t in targets for n in amounts for state in STATES}
