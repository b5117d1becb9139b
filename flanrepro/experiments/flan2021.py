"""The sweeps of FLAN 2021 (Wei et al., 2021): clusters held out, and what its ablations vary.

A run is evaluated on the clusters that it has not seen, zero-shot in each data set's templates in
turn, so that a score is a mean over templates (section 3). The model that nothing has tuned is
asked in templates and, as the paper asks it in GPT-3's prompts, in none.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flanrepro.collection.asking import EACH, Asking
from flanrepro.collection.clusters import cluster_of
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.sweep import Evaluation, of_sizes, untuned
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec

MIXTURE = "flan2021_original"
WITHOUT_OPTIONS = "flan2021_original_without_options"

IN_TEMPLATES = Asking(EACH)
BY_NAME = Asking(instructions="name")
BARE = Asking(instructions="none")
WITHOUT = Asking(EACH, options=False)

CLUSTERS = (
    "nli",
    "reading_comprehension",
    "closed_book_qa",
    "translation",
    "commonsense",
    "coreference",
    "reading_comprehension_with_commonsense",
    "struct_to_text",
    "sentiment",
    "paraphrase",
)
"""The clusters of Tables 1 and 2, in the order of Figures 4 and 5 and the tables."""

TOGETHER = {"paraphrase": "nli"}
"""Clusters whose run is another one's: each of the two takes the other with it."""

UNSEEN = ("closed_book_qa", "commonsense", "nli")
"""The clusters that the ablations of clusters, scale and templates hold out (section 4.1)."""

ADDED = (
    "summarization",
    "translation",
    "reading_comprehension",
    "sentiment",
    "struct_to_text",
    "coreference",
    "miscellaneous",
)
"""The clusters that Figure 6 adds one after the other; its last one is conversational QA, which is
a part of the miscellaneous cluster."""

OF_INSTRUCTIONS = ("closed_book_qa", "nli", "reading_comprehension", "translation")
"""The clusters that the ablation of instructions is evaluated on (section 4.3)."""

FEW_TEMPLATES = (1, 4)
"""Numbers of templates per data set beside all ten (Figure 11)."""

Asked = dict[RunSpec, tuple[Evaluation, ...]]


def clusters(job: Job) -> Asked:
    """The runs that hold out a cluster, each asked for it zero-shot and few-shot (section 3)."""
    shots = (0, job.shots(CLUSTERS[0]))
    found = _of_untuned(job, CLUSTERS, shots)
    for cluster in CLUSTERS:
        for spec in tuned(job, cluster):
            asked = _asked((cluster,), (IN_TEMPLATES,), shots)
            found[spec] = (*found.get(spec, ()), *asked)
    return found


def tuned(job: Job, cluster: str) -> Iterator[RunSpec]:
    """The specs of the runs that have not seen a cluster, one per seed."""
    return _specs(job, without_clusters=(TOGETHER.get(cluster, cluster),))


def numbers_of_clusters(job: Job) -> Asked:
    """The runs on one to seven clusters, in Figure 6's order (section 4.1)."""
    return {
        spec: _asked(UNSEEN, (IN_TEMPLATES,))
        for count in range(1, len(ADDED) + 1)
        for spec in _ablation(job, ADDED[:count])
    }


def scale(job: Job) -> Asked:
    """The sizes, tuned on seven clusters and not tuned, asked for unseen and seen clusters.

    As in Figure 4's sweep, a job that names a model has that size only, and further sizes may ship.
    """
    seen = [cluster for cluster in CLUSTERS if cluster in ADDED]
    found: Asked = {}
    for own in of_sizes(job):
        found |= _of_untuned(own, (*UNSEEN, *seen))
        for spec in _ablation(own):
            found[spec] = _asked((*UNSEEN, *seen), (IN_TEMPLATES,))
    return found


def templates(job: Job) -> Asked:
    """The runs on 1, 4 and all templates per data set (Appendix B, Figure 11)."""
    specs = [spec for n in (*FEW_TEMPLATES, None) for spec in _ablation(job, templates=n)]
    return {spec: _asked(UNSEEN, (IN_TEMPLATES,)) for spec in specs}


def options(job: Job) -> Asked:
    """The runs with and without answer options in their prompts, each asked in both ways."""
    return {
        spec: _asked(UNSEEN, (IN_TEMPLATES, WITHOUT))
        for mixture in (MIXTURE, WITHOUT_OPTIONS)
        for spec in _ablation(job, mixture=mixture)
    }


def instructions(job: Job) -> Asked:
    """The runs on instructions, on bare inputs and on data sets' names (section 4.3).

    They hold out the four clusters at once that they are asked for. As in the paper, a model tuned
    on bare inputs is asked in FLAN's instructions, and one tuned on names in both ways.
    """
    ways = {"": (IN_TEMPLATES,), "none": (IN_TEMPLATES,), "name": (IN_TEMPLATES, BY_NAME)}
    return {
        spec: _asked(OF_INSTRUCTIONS, asking)
        for form, asking in ways.items()
        for spec in _specs(job, without_clusters=OF_INSTRUCTIONS, instructions=form)
    }


def prompt_tuning(job: Job) -> Asked:
    """Soft prompts for the profile's targets, from the tuned and from the untuned model.

    The tuned model has not seen the target's cluster (section 4.5).
    """
    loaded, found = load_collection(job.collection), {}
    settings = dict(job.settings.prompt_tuning)
    amounts = settings.pop("examples", ())
    for target in settings.pop("targets", ()):
        cluster = cluster_of(loaded.task(target))
        start = list(tuned(job, cluster))
        for amount in amounts if start else ():
            fields = settings | {"tasks": (target,), "mixture": "", "max_examples": amount}
            first = next(job.specs(**fields, start=start[0].run_id))
            # As the prompts of `MIXTURE`: the answer options are always there.
            first = dataclasses.replace(first, options_fraction=1.0, few_shot_fraction=0.0)
            for run in start:
                # A size without a base has nothing to put a prompt before but what was tuned.
                for name in filter(None, (run.start, run.run_id)):
                    spec = dataclasses.replace(first, seed=run.seed, start=name)
                    found[spec] = (Evaluation(f"{cluster}.{target}", 0),)
    return found


def _ablation(job: Job, trained: Sequence[str] = ADDED, **changes) -> Iterator[RunSpec]:
    """The specs of the ablations, which train on some of the clusters `ADDED`."""
    # Named are what section 4.1 holds out and what is not added yet; the rest goes with the former.
    without = (*UNSEEN, *(cluster for cluster in ADDED if cluster not in trained))
    return _specs(job, without_clusters=without, **changes)


def _specs(job: Job, **changes) -> Iterator[RunSpec]:
    return job.specs(**{"mixture": MIXTURE} | job.settings.flan2021 | changes)


def _of_untuned(job: Job, suites: Sequence[str], shots: Sequence[int] = (0,)) -> Asked:
    if next(iter(job.specs()), None) is None:  # of this profile nothing ships
        return {}
    return {untuned(job): _asked(suites, (IN_TEMPLATES, BARE), shots)}


def _asked(
    suites: Sequence[str], asking: Sequence[Asking], shots: Sequence[int] = (0,)
) -> tuple[Evaluation, ...]:
    return tuple(Evaluation(s, k, way) for s in suites for k in shots for way in asking)


@dataclass(frozen=True)
class ClusterSweep:
    """The runs behind one of FLAN 2021's figures, each with its own evaluations.

    Attributes:
        asked: function of a job that gives them.
        after: name of the sweep whose runs these start from; empty: none's.
    """

    asked: Callable[[Job], Asked]
    after: str = ""

    def specs(self, job: Job) -> list[RunSpec]:
        return list(self.asked(job))


FLAN2021: Mapping[str, ClusterSweep] = {
    "flan2021_clusters": ClusterSweep(clusters),
    "flan2021_numbers": ClusterSweep(numbers_of_clusters),
    "flan2021_scale": ClusterSweep(scale),
    "flan2021_templates": ClusterSweep(templates),
    "flan2021_options": ClusterSweep(options),
    "flan2021_instructions": ClusterSweep(instructions),
    "flan2021_prompt_tuning": ClusterSweep(prompt_tuning, after="flan2021_clusters"),
}
"""FLAN 2021's sweeps by name."""
