"""Profiles (how much to spend), and a notebook's parameters, checked."""

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from flanrepro.cluster import for_people, mesh_shape
from flanrepro.collection.named import own_few_shot_fraction
from flanrepro.errors import InputError
from flanrepro.experiments.scores import suite_of
from flanrepro.experiments.shipped_scores import shipped_prompts
from flanrepro.experiments.store import RunStore
from flanrepro.fields import Is, check, described, make
from flanrepro.model import pretrained
from flanrepro.model.sizes import MODELS
from flanrepro.packaged import read_yaml
from flanrepro.sources import COLLECTIONS, load_collection
from flanrepro.training.spec import ENGINES, RunSpec

JOB_ENGINES = (*ENGINES, "shipped")
MOST_SEEDS = 1000


class NoBase(UserWarning):
    """Runs that should start from a shipped checkpoint start from random parameters."""


@dataclass(frozen=True)
class Profile:
    """A row of `profiles.yaml`: one profile on one collection.

    Attributes:
        model: default size of the model.
        seeds: number of runs per setting.
        fractions: few-shot fractions of Figure 3's sweep.
        sizes, subsets: model sizes and numbers of tasks of Figure 4's sweep; all tasks come on top.
        inversion_rates: inverted prompts per regular one in section 3.4's sweep.
        targets: names of the tasks finetuned on alone (section 4), by group: `held_in`, `held_out`,
            `little` (fewer than 1,000 training records). A task may be in two groups.
        suites: names of the suites to evaluate.
        items: number of items evaluated per task, or one number per suite; None: all.
        run: fields of `RunSpec`; `start: pretrained` stands for the shipped checkpoint's name.
        single_task: fields of `run` that change for a run on one task alone, with `validate_every`
            (steps) and `items` (per validation).
        checkpoints: `names` of the models evaluated without training, and `items` per task.
        models: fields of `run` that change for a size, by size.
        shipped_seeds: number of seeds whose scores ship.
        shipped_sizes: sizes beside `sizes` whose scores in Figure 4's sweep ship, each with its
            number of seeds.
        shipped_models: models whose scores in FLAN 2021's sweeps ship beside, each with its number
            of seeds.
        flan2021: fields of `run` that change for FLAN 2021's runs.
        prompt_tuning: fields of `run` that change for a soft prompt (FLAN 2021, section 4.5), with
            `targets` (names of tasks) and `examples` (numbers of training records; None: all).
        little_seeds: least number of seeds of a target with fewer than 1,000 training records
            (A.2), unless a job asks for another number.
    """

    model: str
    seeds: int
    fractions: tuple[float, ...]
    sizes: tuple[str, ...]
    subsets: tuple[int, ...]
    inversion_rates: tuple[float, ...]
    targets: dict[str, list[str]] = field(hash=False)
    suites: tuple[str, ...]
    items: int | Mapping[str, int] | None = field(hash=False)
    run: dict[str, Any] = field(hash=False)
    single_task: dict[str, Any] = field(default_factory=dict, hash=False)
    checkpoints: dict[str, Any] = field(default_factory=dict, hash=False)
    models: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)
    flan2021: dict[str, Any] = field(default_factory=dict, hash=False)
    prompt_tuning: dict[str, Any] = field(default_factory=dict, hash=False)
    shipped_seeds: int = 0
    shipped_sizes: Mapping[str, int] = field(default_factory=dict, hash=False)
    shipped_models: Mapping[str, int] = field(default_factory=dict, hash=False)
    little_seeds: int = 0

    def items_of(self, suite: str) -> int | None:
        """Number of items evaluated per task of a suite; None: all.

        FLAN 2021's clusters, and single tasks, have the number of `flan2021_cluster`.
        """
        if not isinstance(self.items, Mapping):
            return self.items
        return self.items.get(suite, self.items["flan2021_cluster"])


def _profiles() -> dict[str, dict]:
    return read_yaml("flanrepro.experiments", "profiles")


def profile_names(collection: str = "") -> tuple[str, ...]:
    """The names of all profiles, or of those that a collection has."""
    # `flan2022_rendered` is `flan2022` with prompts rendered by its authors: the same profiles.
    own = collection.removesuffix("_rendered")
    return tuple(name for name, rows in _profiles().items() if not own or own in rows)


def load_profile(name: str, collection: str) -> Profile:
    """A profile by name; InputError lists the valid names and collections."""
    _one_of("profile", name, profile_names())
    _one_of("collection", collection, COLLECTIONS)
    _one_of(f"profile of collection '{collection}'", name, profile_names(collection))
    row = dict(_profiles()[name][collection.removesuffix("_rendered")])
    if like := row.pop("like", ""):
        row = {**vars(load_profile(like, collection)), **row}
    names = ("fractions", "sizes", "subsets", "inversion_rates", "suites")
    return Profile(**{**row, **{name: tuple(row[name]) for name in names}})


@described
@dataclass(frozen=True)
class Job:
    """A notebook's parameters; a field that is not what its line below says is an InputError."""

    collection: Annotated[str, Is("name of the tasks and texts", choices=COLLECTIONS)] = "pocket"
    model: Annotated[str, Is("name of a size; empty: the profile's", choices=("", *MODELS))] = ""
    profile: Annotated[str, Is("how much to spend", choices=profile_names)] = "quick"
    seeds: Annotated[int, Is("number of runs per setting; 0: the profile's", 0, MOST_SEEDS)] = 0
    engine: Annotated[
        str,
        Is(
            "`local` trains here, `t5x` trains the runs' T5X twins, `shipped` trains nothing and "
            "reads the scores that ship",
            choices=JOB_ENGINES,
        ),
    ] = "local"
    out: Annotated[str, Is("folder for `runs/` and `figures/`; empty: see `workspace`")] = ""
    mesh: Annotated[
        str,
        Is(
            "numbers of devices for data and for the model, e.g. `4x2`; empty: all for data",
            most=20,
        ),
    ] = ""

    def __post_init__(self):
        check(self)
        load_profile(self.profile, self.collection)
        mesh_shape(self.mesh)

    @property
    def settings(self) -> Profile:
        return load_profile(self.profile, self.collection)

    def shots(self, suite: str) -> int:
        """Number of exemplars in a suite's few-shot evaluation: its protocol's own."""
        return suite_of(load_collection(self.collection), suite).protocol.shots

    @property
    def store(self) -> RunStore:
        return RunStore(workspace(self.out) / "runs", self.mesh)

    @property
    def figures(self) -> Path:
        """The folder of this profile's figures."""
        # On several hosts only the first one's files are kept.
        return for_people(workspace(self.out) / "figures" / self.profile)

    def specs(self, **changes) -> Iterator[RunSpec]:
        """The specs of the profile's run with `changes`, one per seed from 0 on."""
        model = self.model or self.settings.model
        of_model = self.settings.models.get(model, {})
        fields = {**self.settings.run, **of_model, **changes}
        # A field of another type is the spec's to refuse.
        if isinstance(fields.get("mixture"), str) and fields["mixture"]:
            own = own_few_shot_fraction(fields["mixture"])
            if own is not None:  # `changes` and the profile go before the mixture's own share
                fields = {"few_shot_fraction": own, **fields}
        if fields.get("start") == "pretrained":
            fields["start"] = pretrained.full_name(self.collection, model)
            if not fields["start"] and self.engine != "shipped":
                warnings.warn(
                    f"no checkpoint of model '{model}' ships for collection '{self.collection}': "
                    "its runs start from random parameters, which know none of its text; choose "
                    f"one of {', '.join(_with_base(self.collection))} to start from what it says",
                    NoBase,
                    stacklevel=3,
                )
        own = self.settings.shipped_seeds if self.engine == "shipped" else self.settings.seeds
        if self.engine != "shipped":  # what ships was trained by the spec's default, `local`
            fields["engine"] = self.engine
        else:
            fields["prompts"] = shipped_prompts(self.collection)
        for seed in range(self.seeds or own):
            spec = make(RunSpec, collection=self.collection, model=model, seed=seed, **fields)
            # Each seed draws another subset. Without one, the first seed's digests hold for all.
            if seed == 0 or spec.subset is not None:
                spec = spec.with_content()
                fields |= {name: getattr(spec, name) for name in ("data", "vocabulary_digest")}
            yield spec


def _with_base(collection: str) -> list[str]:
    rows = pretrained.index().values()
    return [row.model for row in rows if row.collection == collection and not row.tuned_from]


def _one_of(name: str, value: object, valid: tuple[str, ...]) -> None:
    if value not in valid:
        names = ", ".join(v for v in valid if v)
        raise InputError(f"unknown {name} '{value}': choose one of {names}")


def workspace(out: str = "") -> Path:
    """The folder for results: `out`, else FLANREPRO_OUT, else the project, else the current folder.

    The project is the nearest folder upwards with both `notebooks` and `pyproject.toml`. So a
    notebook opened in its own folder and one run from the top write to the same place.
    """
    if out or os.environ.get("FLANREPRO_OUT"):
        return Path(out or os.environ["FLANREPRO_OUT"]).absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "notebooks").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    return here
