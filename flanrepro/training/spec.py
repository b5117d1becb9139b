"""A run's description: a frozen dataclass whose canonical JSON names the run."""

import dataclasses
import difflib
import functools
import hashlib
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from flanrepro.collection import Collection, Mixture
from flanrepro.collection.clusters import check_none_left_out, held_out
from flanrepro.collection.instructions import INSTRUCTIONS, MOST, check_form
from flanrepro.collection.mixture import PROMPTS
from flanrepro.collection.named import NamedMixture, named_mixture, own_few_shot_fraction
from flanrepro.collection.task import MissingTasks, Task, data_digest, hold_out
from flanrepro.data import pretraining
from flanrepro.data.examples import Encode, EncodedPrompts, Examples, SoftPrompted
from flanrepro.data.replay import Replayed
from flanrepro.data.vocabulary import Vocabulary, load_vocabulary, own_digest
from flanrepro.errors import InputError
from flanrepro.fields import Is, check, described, shown, table
from flanrepro.model.sizes import DECODER_ONLY_SIZES, MODELS, T5Config, t5_config
from flanrepro.sources import COLLECTIONS, documents, load_collection
from flanrepro.training.schedule import OPTIMIZERS, Falling

DTYPES = ("float32", "bfloat16")
OBJECTIVES = ("instruction", "span_corruption", "prefix_lm")
ENGINES = ("local", "t5x")

RUN_ID, PRETRAINED = re.compile(r"[0-9a-f]{12}"), re.compile(r"[a-z0-9_-]+-[0-9a-f]{8}")
HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""Patterns of a start: a run's name, a shipped checkpoint's, a repository's on the Hub."""

RATE = re.compile(r"\w+=[0-9]+([.][0-9]+)?")
"""Pattern of a source's rate."""

_OF_PROMPTS = (
    "few_shot_fraction",
    "options_fraction",
    "max_examples",
    "tasks",
    "mixture",
    "rates",
    "formats",
    "replay",
    "without_clusters",
    "templates",
    "instructions",
    "prompt_length",
)

WAYS = ("", "plain", "reference", "paper")


_STEPS = 2**31 - 1  # a step's number is an int32 on the device
_FINITE = 1e30  # float32 ends at 3e38: room for a product
LENGTH = 2**16
"""Most tokens of a row; the memory check of `flanrepro.training.memory` is the closer bound."""


@described
@dataclass(frozen=True)
class RunSpec:
    """One training run; equal specs are the same run, and a run depends on nothing else.

    Raises:
        InputError: a field is not what its line below says, a start is of no known form, warm-up
            and decay are longer than the run, a batch cannot be divided, no cluster is left to
            train on, or there are settings of prompts for an objective that trains on texts.
    """

    collection: Annotated[str, Is("name of the tasks and texts", choices=COLLECTIONS)]
    model: Annotated[str, Is("name of a size in `flanrepro.model.sizes`", choices=MODELS)]
    vocabulary: Annotated[str, Is("name for `flanrepro.data.vocabulary.load_vocabulary`")]
    steps: Annotated[
        int, Is("number of optimizer updates; 0: the start as it is, to be evaluated", 0, _STEPS)
    ]
    batch_size: Annotated[int, Is("number of packed rows per step", 1, 2**20)]
    inputs_length: Annotated[int, Is("number of input tokens per row, EOS included", 2, LENGTH)]
    targets_length: Annotated[int, Is("number of target tokens per row, EOS included", 2, LENGTH)]
    learning_rate: Annotated[
        float, Is("rate after the warm-up and before the fall", 1 / _FINITE, _FINITE)
    ]
    seed: Annotated[
        # JAX's keys have as many bits, and would take the rest for nothing.
        int, Is("number that decides parameters, dropout and the order of the data", 0, 2**32 - 1)
    ] = 0
    few_shot_fraction: Annotated[float, Is("share of prompts with exemplars", 0, 1)] = 0.5
    options_fraction: Annotated[float, Is("share of prompts that show their options", 0, 1)] = 0.5
    max_examples: Annotated[
        int | None, Is("largest number of records used of a task; none: all", 1, _STEPS)
    ] = None
    tasks: Annotated[
        tuple[str, ...], Is("names of the training tasks; empty: all of the collection's")
    ] = ()
    mixture: Annotated[
        str,
        Is(
            "name of a mixture of the paper, in the place of `tasks` and `options_fraction`, see "
            "`flanrepro.collection.named.named_mixture`; empty: none"
        ),
    ] = ""
    rates: Annotated[
        tuple[str, ...],
        Is(
            "relative rates of sources in the mixture, each as `cot=5`, in the place of its "
            "sources and their rates; empty: the mixture's own"
        ),
    ] = ()
    subset: Annotated[
        int | None, Is("number of the mixture's tasks (section 3.3); none: all", 1, _STEPS)
    ] = None
    inversion_rate: Annotated[
        float | None,
        Is(
            "number of inverted prompts per regular one (Appendix B: 0.3); none: the mixture's, or "
            "all templates alike",
            0,
            1e6,
        ),
    ] = None
    formats: Annotated[
        str,
        Is(
            "how prompts are written, see `flanrepro.collection.mixture.Mixture.way`; empty: the "
            "collection's way in a mixture of the paper, plain otherwise",
            choices=WAYS,
        ),
    ] = ""
    without_clusters: Annotated[
        tuple[str, ...],
        Is(
            "names of FLAN 2021's clusters that are held out for evaluation, with what goes with "
            "them, see `flanrepro.collection.clusters.held_out`; empty: none"
        ),
    ] = ()
    templates: Annotated[
        int | None,
        Is("number of a task's first templates that prompts have; none: all", 1, MOST),
    ] = None
    instructions: Annotated[
        str,
        Is(
            "form of the prompts, `none`: inputs without a template, `name`: behind the data set's "
            "name, see `flanrepro.collection.instructions.templates_of`; empty: the templates'",
            choices=INSTRUCTIONS,
        ),
    ] = ""
    data: Annotated[
        str,
        Is(
            "digest of what the available tasks say: another machine may have others; empty: the "
            "package makes the records of `tasks` itself, or it is not said"
        ),
    ] = ""
    vocabulary_digest: Annotated[
        str,
        Is(
            "digest of the vocabulary, see `flanrepro.data.vocabulary.own_digest`; empty: pocket's "
            "or T5's own, or it is not said"
        ),
    ] = ""
    optimizer: Annotated[
        str, Is("name, see `flanrepro.training.optimizer.make_optimizer`", choices=OPTIMIZERS)
    ] = "adamw"
    warmup_steps: Annotated[
        int, Is("number of first steps over which the learning rate rises from 0", 0, _STEPS)
    ] = 0
    dropout_rate: Annotated[float, Is("share of activations that are dropped", 0, below=1)] = 0.0
    z_loss: Annotated[
        float, Is("weight of the square of the log partition function", 0, _FINITE)
    ] = 0.0
    dtype: Annotated[
        str, Is("name of the activations' type; parameters are float32", choices=DTYPES)
    ] = "float32"
    causal: Annotated[
        bool,
        Is(
            "true if a decoder-only model reads its inputs from left to right, too, and not as a "
            "prefix that sees itself as a whole"
        ),
    ] = False
    objective: Annotated[
        str,
        Is(
            "`instruction` for the mixture's prompts; the others for the collection's texts, see "
            "`flanrepro.data.pretraining`",
            choices=OBJECTIVES,
        ),
    ] = "instruction"
    start: Annotated[
        str,
        Is(
            "name of the parameters to start from, with a new optimizer; empty: random ones; else "
            "the `run_id` of a finished run in the same store, a shipped checkpoint (its name ends "
            "with its file's digest, so that other weights are another run) or a repository on the "
            "Hugging Face Hub such as `google/t5-small-lm-adapt`, whose weights are taken to stay"
        ),
    ] = ""
    decay_steps: Annotated[
        int, Is("number of last steps over which the learning rate falls to 0", 0, _STEPS)
    ] = 0
    held_out: Annotated[
        int,
        Is(
            "number of training records moved into each task's validation split, see "
            "`flanrepro.collection.task.hold_out`; 0: none",
            0,
            _STEPS,
        ),
    ] = 0
    replay: Annotated[
        float,
        Is(
            "share of training examples that are pretraining text, as of objective `prefix_lm`, "
            "see `flanrepro.data.replay`",
            0,
            below=1,
        ),
    ] = 0.0
    prompt_length: Annotated[
        int,
        Is(
            "number of virtual tokens of a soft prompt before the inputs, which alone is trained, "
            "see `flanrepro.model.soft_prompt`; 0: none, and all parameters are trained",
            0,
            LENGTH,
        ),
    ] = 0
    first_text: Annotated[
        int,
        Is(
            "number of the first pretraining text, so that a run can go on where the one that it "
            "starts from has stopped reading",
            0,
            _STEPS,
        ),
    ] = 0
    microbatches: Annotated[
        int,
        Is(
            "number of parts of a step's rows, one after the other, whose gradients are added: "
            "less memory, the same loss, other dropout",
            1,
            2**20,
        ),
    ] = 1
    remat: Annotated[
        bool, Is("true if activations are computed again for the gradients: less memory")
    ] = False
    shards: Annotated[
        int,
        Is(
            "number of streams that the prompts are dealt out to, each packed into its own part of "
            "a batch's rows, so that as many hosts can each make their part",
            1,
            2**20,
        ),
    ] = 1
    prompts: Annotated[
        int,
        Is(
            "version of the prompts; an earlier one names runs whose scores ship, and cannot be "
            "trained on",
            1,
            PROMPTS,
        ),
    ] = PROMPTS
    engine: Annotated[
        str, Is("name of what trains; `t5x` trains the local run's T5X twin", choices=ENGINES)
    ] = "local"

    def __post_init__(self):
        check(self)
        # In one order, so that the same clusters are the same run.
        object.__setattr__(self, "without_clusters", tuple(sorted(set(self.without_clusters))))
        held_out(self.without_clusters)
        check_form(self.instructions, self.templates)
        self._check_objective()
        if self.causal and self.model not in DECODER_ONLY_SIZES:
            raise InputError(
                f"causal is true and model '{self.model}' is an encoder-decoder, which sees its "
                f"inputs as a whole: leave it out, or choose one of {', '.join(DECODER_ONLY_SIZES)}"
            )
        self._check_soft_prompt()
        self._check_rates()
        if self.start and not any(form.fullmatch(self.start) for form in (RUN_ID, PRETRAINED, HUB)):
            raise InputError(
                f"start is {shown(self.start)}: expected a finished run's 12 hexadecimal digits, a "
                "shipped checkpoint's name (`flanrepro.model.pretrained.full_name` gives it), a "
                "repository on the Hugging Face Hub such as google/t5-small-lm-adapt, or nothing "
                "for random parameters"
            )
        left = self.steps - self.warmup_steps
        if left < self.decay_steps:
            name, most = ("decay_steps", left) if left >= 0 else ("warmup_steps", self.steps)
            raise InputError(
                f"{name} is {getattr(self, name)}: expected 0 to {most}, as the run has "
                f"{self.steps} steps and {self.warmup_steps} of warm-up; shorten it, or train for "
                "longer"
            )
        for name in ("microbatches", "shards"):
            parts = getattr(self, name)
            if self.batch_size % parts:
                raise InputError(
                    f"{name} is {parts}: expected a divisor of the batch's {self.batch_size} rows"
                )

    def _check_rates(self) -> None:
        wrong = [one for one in self.rates if not RATE.fullmatch(one)]
        if wrong or (self.rates and not self.mixture):
            raise InputError(
                f"rates is {shown(list(self.rates))}, mixture '{self.mixture}': expected texts "
                "like cot=5 and a mixture that has these rates; mend them, or leave out rates"
            )

    def _check_soft_prompt(self) -> None:
        if not self.prompt_length:
            return
        if self.prompt_length > self.inputs_length - 2:
            raise InputError(
                f"prompt_length is {self.prompt_length} and inputs_length {self.inputs_length}: "
                f"expected at most {self.inputs_length - 2}, so that an input has room behind the "
                "soft prompt; shorten it, or raise inputs_length"
            )
        if not self.start:
            raise InputError(
                f"prompt_length is {self.prompt_length} and start is empty: a soft prompt is "
                "trained for a model that is there; name the run or the checkpoint to start from"
            )
        if self.engine != "local":
            raise InputError(
                f"prompt_length is {self.prompt_length} and engine '{self.engine}': T5X trains all "
                "parameters; take the engine 'local'"
            )

    @property
    def room(self) -> int:
        """Number of input tokens per prompt, EOS included and the soft prompt not."""
        return self.inputs_length - self.prompt_length

    def _check_objective(self) -> None:
        given = [row.name for row in table(RunSpec) if getattr(self, row.name) != row.default]
        given = [name for name in given if name in _OF_PROMPTS]
        if self.objective != "instruction" and given:
            raise InputError(
                f"objective '{self.objective}' trains on texts, not on prompts: leave out "
                f"{', '.join(given)}, or take the objective 'instruction'"
            )
        if self.objective == "instruction" and self.first_text:
            raise InputError(
                f"first_text is {self.first_text}, and objective 'instruction' trains on prompts: "
                "leave it out, or take the objective 'prefix_lm'"
            )

    def to_json(self) -> str:
        """Gives canonical JSON: the same text for equal specs.

        Fields at their default are left out, so that a new field renames no run, except the version
        of the prompts: it renames all runs when the same mixture gives other ones. The path of a
        vocabulary with a digest is left out, too: the same file may lie elsewhere.
        """
        fields = {"prompts": self.prompts}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:  # a required field has none
                fields[field.name] = value
        if self.vocabulary_digest and self.vocabulary.endswith(".model"):
            del fields["vocabulary"]
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @property
    def run_id(self) -> str:
        """Name of the run: 12 hexadecimal digits of the SHA-256 of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def label(self) -> str:
        """Gives a name for people, of what a sweep varies."""
        if self.objective != "instruction":
            return f"{self.model} {self.objective.replace('_', ' ')}, seed {self.seed}"
        replay = f", {100 * self.replay:g}% text" if self.replay else ""
        replay += f", a soft prompt of {self.prompt_length}" if self.prompt_length else ""
        if self.tasks:
            of = "tuned" if RUN_ID.fullmatch(self.start) else "untuned"
            return f"{self.model} {of}, on {' '.join(self.tasks)}{replay}, seed {self.seed}"
        subset = f", {self.subset} tasks" if self.subset else ""
        rate = "" if self.inversion_rate is None else f", inversion {self.inversion_rate:g}"
        few_shot = f"{self.few_shot_fraction:.0%} few-shot"
        without = f" without {' '.join(self.without_clusters)}" if self.without_clusters else ""
        form = f", {self.templates} templates" if self.templates else ""
        form = f", instructions {self.instructions}" if self.instructions else form
        rates = f" with {' '.join(self.rates)}" if self.rates else ""
        mixture = f"{self.mixture or 'all tasks'}{rates}{without}"
        what = f"{mixture}{subset}{rate}{form}, {few_shot}{replay}"
        return f"{self.model} on {what}, seed {self.seed}"

    def load_collection(self) -> Collection:
        return load_collection(self.collection)

    def load_vocabulary(self) -> Vocabulary:
        """Loads the vocabulary; InputError if it cannot be had, or is another one here."""
        return load_vocabulary(self.vocabulary, self.vocabulary_digest)

    def with_content(self) -> "RunSpec":
        """The same run, named by the content of the data and of the vocabulary that are here.

        A MissingTasks warning says what the mixture lacks.

        Raises:
            InputError: a task or mixture is unknown, none of its data is available, or a file is
                damaged.
        """
        if self.mixture:
            embedded = all(task.embedded for task in self.load_collection().every_task.values())
            data, lacking = (_embedded_content if embedded else _content)(**self._of_mixture())
            if lacking:
                warnings.warn(lacking, MissingTasks, stacklevel=3)
        else:
            data = self._data_of_tasks()
        digest = own_digest(self.vocabulary)
        return dataclasses.replace(self, data=data, vocabulary_digest=digest)

    def load_examples(self) -> Examples:
        """Makes the training examples, by index.

        Raises:
            InputError: see `load_mixture`; or the collection has no texts.
        """
        if self.objective != "instruction":
            return self._texts(self.objective, self.first_text)
        texts = self._replayed() if self.replay else None
        vocabulary = self.load_vocabulary()
        encode = Encode(vocabulary, self.room, self.targets_length)
        prompts = EncodedPrompts(self.load_mixture(), encode)
        examples = Replayed(prompts, texts, self.replay, self.shards) if texts else prompts
        if self.prompt_length:
            examples = SoftPrompted(examples, self.prompt_length, vocabulary.size)
        return examples

    def _replayed(self) -> Examples:
        try:
            return self._texts("prefix_lm")
        except InputError as error:
            raise InputError(f"replay is {self.replay:g}: {error}, or leave out replay") from None

    def _texts(self, objective: str, first: int | None = None) -> Examples:
        lengths = self.room, self.targets_length
        texts = documents(self.collection, self.seed, first)
        return pretraining.OBJECTIVES[objective](texts, self.load_vocabulary(), self.seed, *lengths)

    def learning_rate_schedule(self):
        """Gives the learning rate, or how it falls, for `flanrepro.training.optimizer`."""
        if not self.decay_steps:
            return self.learning_rate
        return Falling(self.learning_rate, self.steps, self.decay_steps)

    def load_mixture(self) -> Mixture:
        """Makes the stream of prompts that the run is trained on.

        Raises:
            InputError: a task or mixture is unknown, or the available data is not the run's.
        """
        if self.prompts != PROMPTS:
            raise InputError(
                f"the run's prompts are of version {self.prompts}, and this package makes version "
                f"{PROMPTS}: leave out `prompts`, or install the package that the run was trained "
                "with"
            )
        if self.mixture:
            made = self._named()
            self._check_data(lambda: made.digest)
            return made.mixture
        self._check_data(self._data_of_tasks)
        return Mixture(
            tasks=self.load_tasks(),
            # Plain, as suites ask: one task is to be learnt, not many ways of asking.
            way=self.formats or "plain",
            seed=self.seed,
            few_shot_fraction=self.few_shot_fraction,
            options_fraction=self.options_fraction,
            inversion_rate=self.inversion_rate,
            max_examples=self.max_examples,
            templates=self.templates,
            instructions=self.instructions,
        )

    def load_tasks(self) -> tuple[Task, ...]:
        """Loads `tasks`, or all of the collection's; InputError if one is unknown or held out."""
        tasks = self._tasks()
        return tuple(hold_out(task, self.held_out) if self.held_out else task for task in tasks)

    def _tasks(self) -> list[Task]:
        """The tasks before any of their records are held out."""
        collection = self.load_collection()
        known = {**collection.other, **collection.tasks}
        names = self.tasks or tuple(collection.tasks)
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=5, cutoff=0.4)
                raise InputError(
                    f"{shown(name)} is no training task of collection '{self.collection}': it has "
                    f"{len(known)} (`flanrepro tasks` lists them), e.g. "
                    f"{', '.join(near or list(known)[:5])}"
                )
        tasks = [known[name] for name in names]
        check_none_left_out(tasks, self.without_clusters)
        return tasks

    def _data_of_tasks(self) -> str:
        """The digest of `tasks`; empty: the package makes all of their records itself."""
        tasks = self._tasks()
        # A run on named tasks is validated and tested on them, and its curve is kept with it.
        every_split = bool(self.tasks)
        return "" if all(task.embedded for task in tasks) else data_digest(tasks, every_split)

    def _check_data(self, digest: Callable[[], str]) -> None:
        if self.data and self.data != (found := digest()):
            what = f"mixture '{self.mixture}'" if self.mixture else "the run on single tasks"
            raise InputError(
                f"{what} is made of other data here (digest {found}) than the run's ({self.data}): "
                f"make the same data available (`flanrepro data status` lists it), or make a new "
                f"spec"
            )

    def _named(self) -> NamedMixture:
        return _mixture_of(**self._of_mixture())

    def _of_mixture(self) -> dict[str, Any]:
        """The arguments of `_mixture_of`."""
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
        return {
            "name": self.mixture,
            "collection": self.collection,
            "seed": self.seed,
            "few_shot_fraction": self.few_shot_fraction,
            "inversion_rate": self.inversion_rate,
            "max_examples": self.max_examples,
            "rates": self.rates,
            "subset": self.subset,
            "way": self.formats,
            "without_clusters": self.without_clusters,
            "templates": self.templates,
            "instructions": self.instructions,
        }

    def model_config(self) -> T5Config:
        """Makes the configuration of the run's model."""
        size = self.load_vocabulary().size
        return t5_config(self.model, size, self.dropout_rate, self.dtype, self.causal)


def _mixture_of(name: str, collection: str, rates: tuple[str, ...], **fields) -> NamedMixture:
    shares = {source: float(rate) for source, _, rate in (one.partition("=") for one in rates)}
    return named_mixture(name, load_collection(collection), rates=shares or None, **fields)


def _content(subset: int | None, **of_mixture) -> tuple[str, str]:
    """The digest of a mixture's data, and what the mixture lacks; empty: nothing."""
    made = _mixture_of(subset=subset, **of_mixture)
    # A small subset may well have no task of a source: that alone is worth no warning.
    return made.digest, made.report() if made.missing or subset is None else ""


# A job names each of its runs many times, and what the package makes itself does not change.
_embedded_content = functools.cache(_content)
