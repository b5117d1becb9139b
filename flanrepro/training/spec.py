"""A run's description: a frozen dataclass whose canonical JSON names the run."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass

from flanrepro.collection import Collection, Mixture
from flanrepro.collection.mixture import PROMPTS
from flanrepro.collection.named import named_mixture, own_few_shot_fraction
from flanrepro.collection.task import Task, hold_out
from flanrepro.data import pretraining
from flanrepro.data.examples import Encode, EncodedPrompts, Examples
from flanrepro.data.vocabulary import Vocabulary, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.model.sizes import T5Config, t5_config
from flanrepro.sources import documents, load_collection

OBJECTIVES = ("instruction", "span_corruption", "prefix_lm")
ENGINES = ("local", "t5x")

RUN_ID, PRETRAINED = re.compile(r"[0-9a-f]{12}"), re.compile(r"[a-z0-9_-]+-[0-9a-f]{8}")
HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""Patterns of a start: a run's name, a shipped checkpoint's, a repository's on the Hub."""

_OF_PROMPTS = ("few_shot_fraction", "options_fraction", "max_examples", "tasks", "mixture")


@dataclass(frozen=True)
class RunSpec:
    """One training run; equal specs are the same run, and a run depends on nothing else.

    Attributes:
        collection: name, `pocket` or `flan2022`.
        model: name of a size, see `flanrepro.model.sizes`.
        seed: number that decides parameters, dropout and the order of the data.
        few_shot_fraction, options_fraction, inversion_rate, max_examples: see
            `flanrepro.collection.Mixture`.
        tasks: names of the training tasks; empty: all of the collection's.
        mixture: name of a mixture of the paper, in the place of `tasks` and `options_fraction`; see
            `flanrepro.collection.named.named_mixture`, also for `subset`.
        held_out: number of training records moved into each task's validation split (0: none), see
            `flanrepro.collection.task.hold_out`.
        data: digest of the mixture's available tasks: another machine may have others.
        vocabulary: name, see `flanrepro.data.vocabulary.load_vocabulary`.
        steps: number of optimizer updates; 0: the start as it is, to be evaluated.
        batch_size: number of packed rows per step.
        inputs_length, targets_length: number of tokens per row.
        optimizer, learning_rate, warmup_steps: see `flanrepro.training.optimizer.make_optimizer`.
        dropout_rate: share of activations that are dropped, 0 to 1.
        z_loss: weight of the square of the log partition function.
        dtype: name of the activations' type, `float32` or `bfloat16`; parameters are float32.
        objective: `instruction` for the mixture's prompts; `span_corruption` or `prefix_lm` for the
            collection's texts, see `flanrepro.data.pretraining`.
        start: name of the parameters to start from; empty: random ones. Else the `run_id` of a
            finished run in the same store; a shipped checkpoint, whose name ends with its file's
            digest, so that other weights are another run; or a repository on the Hugging Face Hub
            (`google/t5-small-lm-adapt`), whose weights are taken to stay as they are. The optimizer
            starts anew.
        decay_steps: number of last steps over which the learning rate falls linearly to 0.
        microbatches: number of parts of a step's rows, one after the other, whose gradients are
            added: less memory. The loss is the same; what dropout drops is not.
        remat: true if activations are computed again for the gradients (rematerialisation): less
            memory.
        shards: number of streams that the mixture's prompts are dealt out to, each packed into its
            own part of a batch's rows, so that as many hosts can each make their part.
        engine: name of what trains, `local` or `t5x`, whose run is the T5X twin of the local one.

    Raises:
        InputError: an unknown objective or engine, a start of none of these forms, a decay longer
            than the run, a batch that cannot be divided, or settings of prompts for an objective
            that trains on texts.
    """

    collection: str
    model: str
    vocabulary: str
    steps: int
    batch_size: int
    inputs_length: int
    targets_length: int
    learning_rate: float
    seed: int = 0
    few_shot_fraction: float = 0.5
    options_fraction: float = 0.5
    max_examples: int | None = None
    tasks: tuple[str, ...] = ()
    mixture: str = ""
    subset: int | None = None
    inversion_rate: float | None = None
    data: str = ""
    optimizer: str = "adamw"
    warmup_steps: int = 0
    dropout_rate: float = 0.0
    z_loss: float = 0.0
    dtype: str = "float32"
    objective: str = "instruction"
    start: str = ""
    decay_steps: int = 0
    held_out: int = 0
    microbatches: int = 1
    remat: bool = False
    shards: int = 1
    engine: str = "local"

    def __post_init__(self):
        # As a list, e.g. from JSON, it would be another run with another name.
        object.__setattr__(self, "tasks", tuple(self.tasks))
        self._check_objective()
        if self.start and not any(form.fullmatch(self.start) for form in (RUN_ID, PRETRAINED, HUB)):
            raise InputError(
                f"start is '{self.start}': expected a finished run's 12 hexadecimal digits, a "
                "shipped checkpoint's name (`flanrepro.model.pretrained.full_name` gives it), a "
                "repository on the Hugging Face Hub such as google/t5-small-lm-adapt, or nothing "
                "for random parameters"
            )
        # A run without a fall may end before its warm-up does.
        if not 0 <= self.decay_steps <= self.steps - self.warmup_steps * (self.decay_steps > 0):
            raise InputError(
                f"decay_steps is {self.decay_steps}: expected 0 to {self.steps} steps less "
                f"{self.warmup_steps} of warm-up; shorten it, or train for longer"
            )
        if self.engine not in ENGINES:
            raise InputError(f"unknown engine '{self.engine}': choose one of {', '.join(ENGINES)}")
        for name in ("microbatches", "shards"):
            parts = getattr(self, name)
            if parts < 1 or self.batch_size % parts:
                raise InputError(
                    f"{name} is {parts}: expected a divisor of the batch's {self.batch_size} rows"
                )

    def _check_objective(self) -> None:
        if self.objective not in OBJECTIVES:
            raise InputError(
                f"unknown objective '{self.objective}': choose one of {', '.join(OBJECTIVES)}"
            )
        fields = {field.name: field.default for field in dataclasses.fields(self)}
        given = [name for name in _OF_PROMPTS if getattr(self, name) != fields[name]]
        if self.objective != "instruction" and given:
            raise InputError(
                f"objective '{self.objective}' trains on texts, not on prompts: leave out "
                f"{', '.join(given)}, or take the objective 'instruction'"
            )

    def to_json(self) -> str:
        """Gives canonical JSON: the same text for equal specs.

        Fields at their default are left out, so that a new field renames no run. `prompts` is the
        version of the prompts: it renames all runs when the same mixture gives other ones.
        """
        fields = {"prompts": PROMPTS}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:  # a required field has none
                # 1 and 1.0 are one learning rate and have two texts.
                fields[field.name] = float(value) if field.type is float else value
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @property
    def run_id(self) -> str:
        """Name of the run: 12 hexadecimal digits of the SHA-256 of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def label(self) -> str:
        """Gives a name for people, of what a sweep varies."""
        if self.objective != "instruction":
            return f"{self.model} {self.objective.replace('_', ' ')}, seed {self.seed}"
        if self.tasks:
            of = "tuned" if RUN_ID.fullmatch(self.start) else "untuned"
            return f"{self.model} {of}, on {' '.join(self.tasks)}, seed {self.seed}"
        subset = f", {self.subset} tasks" if self.subset else ""
        rate = "" if self.inversion_rate is None else f", inversion {self.inversion_rate:g}"
        few_shot = f"{self.few_shot_fraction:.0%} few-shot"
        what = f"{self.mixture or 'all tasks'}{subset}{rate}, {few_shot}"
        return f"{self.model} on {what}, seed {self.seed}"

    def load_collection(self) -> Collection:
        return load_collection(self.collection)

    def load_vocabulary(self) -> Vocabulary:
        return load_vocabulary(self.vocabulary)

    def load_examples(self) -> Examples:
        """Makes the training examples, by index.

        Raises:
            InputError: see `load_mixture`; or the collection has no texts.
        """
        vocabulary, lengths = self.load_vocabulary(), (self.inputs_length, self.targets_length)
        if self.objective == "instruction":
            return EncodedPrompts(self.load_mixture(), Encode(vocabulary, *lengths))
        texts = documents(self.collection, self.seed)
        return pretraining.OBJECTIVES[self.objective](texts, vocabulary, self.seed, *lengths)

    def learning_rate_schedule(self):
        """Gives the learning rate, or how it falls, for `flanrepro.training.optimizer`."""
        # Here, because it imports JAX, and specs are also made where nothing is trained.
        from flanrepro.training.optimizer import Falling

        if not self.decay_steps:
            return self.learning_rate
        return Falling(self.learning_rate, self.steps, self.decay_steps)

    def load_mixture(self) -> Mixture:
        """Makes the stream of prompts that the run is trained on.

        Raises:
            InputError: a task or mixture is unknown, or the available data is not the run's.
        """
        if self.mixture:
            return self._named(self.load_collection())
        return Mixture(
            tasks=self.load_tasks(),
            seed=self.seed,
            few_shot_fraction=self.few_shot_fraction,
            options_fraction=self.options_fraction,
            inversion_rate=self.inversion_rate,
            max_examples=self.max_examples,
        )

    def load_tasks(self) -> tuple[Task, ...]:
        """Loads `tasks`, or all of the collection's; InputError if one is unknown."""
        collection = self.load_collection()
        known = {**collection.other, **collection.tasks}
        names = self.tasks or tuple(collection.tasks)
        for name in names:
            if name not in known:
                raise InputError(
                    f"'{name}' is no training task of collection '{self.collection}': it has "
                    f"{', '.join(collection.tasks)}; to be finetuned on alone "
                    f"{', '.join(collection.other) or 'none'}"
                )
        tasks = (known[name] for name in names)
        return tuple(hold_out(task, self.held_out) if self.held_out else task for task in tasks)

    def _named(self, collection: Collection) -> Mixture:
        # 0.5 is the default, and means that the field was not given.
        if self.tasks or self.options_fraction != 0.5:
            raise InputError(
                f"mixture '{self.mixture}' has its own tasks and its own share of options: leave "
                f"out `tasks` and `options_fraction`, or the mixture"
            )
        own = own_few_shot_fraction(self.mixture)
        if own is not None and own != self.few_shot_fraction:
            raise InputError(
                f"mixture '{self.mixture}' is defined by its share of few-shot prompts, {own}, and "
                f"few_shot_fraction is {self.few_shot_fraction}: give it that share, or take "
                f"another mixture"
            )
        made = named_mixture(
            self.mixture,
            collection,
            seed=self.seed,
            few_shot_fraction=self.few_shot_fraction,
            inversion_rate=self.inversion_rate,
            max_examples=self.max_examples,
            subset=self.subset,
        )
        if self.data and self.data != made.digest:
            raise InputError(
                f"mixture '{self.mixture}' is made of other data here (digest {made.digest}) than "
                f"the run's ({self.data}): make the same tasks available (`flanrepro data status` "
                f"lists them), or make a new spec"
            )
        return made.mixture

    def model_config(self) -> T5Config:
        """Makes the configuration of the run's model."""
        size = self.load_vocabulary().size
        return t5_config(self.model, size, self.dropout_rate, self.dtype)
