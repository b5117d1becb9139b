"""Sweeps: the specs of the runs behind each figure and table. Equal specs are one run."""

import dataclasses
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from flanrepro.collection.asking import Asking
from flanrepro.collection.named import mixture_names, own_inversion_rate
from flanrepro.collection.task import MissingTasks, NoTask
from flanrepro.experiments.equal_prompts import at_equal_prompts
from flanrepro.experiments.profiles import Job
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec


def few_shot_sweep(job: Job) -> list[RunSpec]:
    """The specs of Figure 3: one per few-shot fraction and seed, all else equal (section 3.2)."""
    return [
        spec
        for fraction in job.settings.fractions
        for spec in job.specs(few_shot_fraction=fraction)
    ]


def mixed_prompts(job: Job) -> list[RunSpec]:
    """The specs of Flan 2022 with zero-shot prompts, few-shot ones, or both (section 1)."""
    both = _of_mixtures(job, ("flan2022_without_few_shot", "flan2022"))
    return [*both, *job.specs(mixture="flan2022", few_shot_fraction=1.0)]


def untuned(job: Job) -> RunSpec:
    """The spec of a run with no steps: the checkpoint that the profile's runs start from."""
    first = next(job.specs(mixture="flan2022"))
    # Without steps the seed changes nothing, so that all seeds share one run.
    return dataclasses.replace(first, steps=0, seed=0, warmup_steps=0, decay_steps=0)


COLLECTIONS_OF_TABLE_1 = ("flan2021", "p3++", "niv2")
ABLATIONS = (
    "flan2022",
    "flan2022_without_cot",
    "flan2022_without_inversion",
    "equal",
    "flan2022_without_few_shot",
)


def ablations(job: Job) -> list[RunSpec]:
    """The specs of Table 1 and Figure 1: methods left out, and other collections (section 3.1)."""
    return _of_mixtures(job, (*ABLATIONS, *COLLECTIONS_OF_TABLE_1))


def collections_equal_prompts(job: Job) -> list[RunSpec]:
    """The specs of Table 1's collections at equal prompts of Held-In's tasks."""
    return at_equal_prompts(_of_mixtures(job, ("flan2022", *COLLECTIONS_OF_TABLE_1)))


def balancing_equal_prompts(job: Job) -> list[RunSpec]:
    """The specs of weighted and equal sources at equal prompts of Held-In's tasks."""
    return at_equal_prompts(_of_mixtures(job, ("flan2022", "equal")))


def scaling_equal_prompts(job: Job) -> list[RunSpec]:
    """The specs of Figure 4 at equal prompts of Held-In's tasks."""
    return at_equal_prompts(_scaling(_of_profile(job)))


def _of_mixtures(job: Job, names: Iterable[str]) -> list[RunSpec]:
    """The specs of mixtures by name; one without any task here is left out, with a warning."""
    specs, here = [], False
    for name in names:
        try:
            specs += job.specs(mixture=name)
            here = True
        except NoTask as error:  # P3's prompts are on the Hub alone, and a mirror may lack them
            warnings.warn(f"left out: {error}", MissingTasks, stacklevel=3)
            reason = error
    if not here:
        raise reason
    return specs


def task_scaling(job: Job) -> list[RunSpec]:
    """The specs of Figure 4: model sizes by numbers of tasks, trained zero-shot only (section 3.3).

    A job that names a model has that size only. Further sizes may ship.
    """
    return _scaling(of_sizes(job))


def of_sizes(job: Job) -> list[Job]:
    """The job for each of the profile's sizes, or for its own model; further sizes may ship."""
    jobs = _of_profile(job)
    if job.engine == "shipped" and not job.model:
        for size, seeds in job.settings.shipped_sizes.items():
            own = min(job.seeds or seeds, seeds)
            jobs.append(dataclasses.replace(job, model=size, seeds=own))
    return jobs


def _of_profile(job: Job) -> list[Job]:
    sizes = (job.model,) if job.model else job.settings.sizes
    return [dataclasses.replace(job, model=size) for size in sizes]


def _scaling(jobs: Iterable[Job]) -> list[RunSpec]:
    return [
        spec
        for job in jobs
        for subset in (*job.settings.subsets, None)  # None: all tasks
        for spec in job.specs(mixture="flan2022_without_few_shot", subset=subset)
    ]


OWN_RATE = own_inversion_rate("cot")
"""Inverted prompts per regular one in the paper's mixtures (Appendix B), whose specs state none."""


def inversion_sweep(job: Job) -> list[RunSpec]:
    """The specs of section 3.4's sweep over the number of inverted prompts per regular one."""
    # Rate 0 and the mixture's own rate are written as Table 1's runs are, to share their run ids.
    named = {0.0: {"mixture": "flan2022_without_inversion"}, OWN_RATE: {"mixture": "flan2022"}}
    return [
        spec
        for rate in job.settings.inversion_rates
        for spec in job.specs(**named.get(rate, {"mixture": "flan2022", "inversion_rate": rate}))
    ]


DOSES = ("flan2022_without_inverted_templates", "flan2022", "flan2022_half_inverted")


def inversion_dose(job: Job) -> list[RunSpec]:
    """The specs of inversion's dose over all sources that have inverted templates.

    The mixtures have no inverted template, Flan 2022's own share of inverted prompts, and half.
    """
    return _of_mixtures(job, DOSES)


def leave_one_out(job: Job) -> list[RunSpec]:
    """The specs of Table 2: the paper's weights, equal ones, each source left out (section 3.5)."""
    names = [n for n in mixture_names() if n == "equal" or n.startswith("equal_without_")]
    return _of_mixtures(job, ("flan2022", *names))


def formats_sweep(job: Job) -> list[RunSpec]:
    """The specs of section 3.6's comparison: Flan 2022 in one plain format, and in varied ones.

    The varied ones are the profile's or the collection's own way of writing prompts, or the paper's
    (A.1) where that is plain. Finished prompts have no second format: `flan2022_rendered` has one
    run.
    """
    loaded = load_collection(job.collection)
    if any(task.rendered for task in loaded.tasks.values()):
        return list(job.specs(mixture="flan2022"))
    # What is the run's own way without a word is left out of the spec, to share Table 1's run id.
    own = job.settings.run.get("formats", "")
    ways = ["", "paper"] if (own or loaded.way) == "plain" else ["plain", own]
    return [spec for way in ways for spec in job.specs(mixture="flan2022", formats=way)]


class Evaluation(NamedTuple):
    """How a run is evaluated: a suite's name, a number of exemplars, and how the suite asks."""

    suite: str
    shots: int
    asking: Asking | None = None


@dataclass(frozen=True)
class Sweep:
    """The runs of a figure or table, and how they are evaluated.

    Attributes:
        specs: function that gives a job's specs.
        suites: names of the suites in the paper's figure or table; empty: all of the profile's.
        zero_shot: true: no few-shot evaluation.
        beside: names of suites that no other sweep is evaluated on, where the collection has them.
        after: name of the sweep whose runs these start from; empty: none's.
    """

    specs: Callable[[Job], list[RunSpec]]
    suites: tuple[str, ...] = ()
    zero_shot: bool = False
    beside: tuple[str, ...] = ()
    after: str = ""

    def asked(self, job: Job) -> dict[RunSpec, tuple[Evaluation, ...]]:
        """The specs with their evaluations, which are the same for all of them."""
        return dict.fromkeys(self.specs(job), tuple(Evaluation(*p) for p in self.evaluated(job)))

    def evaluated(self, job: Job) -> tuple[tuple[str, int], ...]:
        """The suites' names, each with 0 exemplars and with the number of its protocol."""
        suites = [s for s in job.settings.suites if s in (self.suites or job.settings.suites)]
        suites += [s for s in self.beside if s in load_collection(job.collection).suites]
        return tuple(
            (suite, shots)
            for suite in suites
            for shots in ((0,) if self.zero_shot else (0, job.shots(suite)))
        )


SWEEPS = {
    "ablations": Sweep(ablations),
    "few_shot": Sweep(few_shot_sweep),
    "task_scaling": Sweep(task_scaling, ("held_in", "mmlu"), zero_shot=True),
    "inversion": Sweep(inversion_sweep),
    "leave_one_out": Sweep(leave_one_out, ("held_in", "cot", "mmlu")),
    "formats": Sweep(formats_sweep),
    "mixed_prompts": Sweep(mixed_prompts, ("cot", "bbh_cot")),
    "inversion_dose": Sweep(inversion_dose, ("mmlu", "bbh"), beside=("inverse",)),
    "collections_equal_prompts": Sweep(collections_equal_prompts, ("held_in",)),
    "balancing_equal_prompts": Sweep(balancing_equal_prompts),
    "scaling_equal_prompts": Sweep(scaling_equal_prompts, ("held_in", "mmlu"), zero_shot=True),
}
"""The sweeps by name, without section 4's, which is in `flanrepro.experiments.single_task`."""
