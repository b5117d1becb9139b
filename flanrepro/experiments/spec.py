"""What a run is: a frozen description whose canonical JSON names it."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass

from flanrepro.collection import Collection, Mixture, load_collection
from flanrepro.data.vocabulary import Vocabulary, load_vocabulary
from flanrepro.errors import InputError


@dataclass(frozen=True)
class RunSpec:
    """One training run; equal specs are the same run, and a run depends on nothing else.

    Attributes:
        collection: `pocket` or `flan2022`.
        model: a size, see `flanrepro.model.sizes`.
        seed: of parameters, dropout and data order.
        few_shot_fraction, options_fraction, max_examples: see `flanrepro.collection.Mixture`.
        tasks: names of the training tasks; empty: all of the collection's.
        vocabulary: see `flanrepro.data.vocabulary.load_vocabulary`.
        steps: optimizer updates.
        batch_size: packed rows per step.
        inputs_length, targets_length: of a row, in tokens.
        optimizer, learning_rate, warmup_steps: see `flanrepro.training.optimizer`.
        dropout_rate: 0 to 1.
        z_loss: weight of the square of the log partition function.
        dtype: of activations, `float32` or `bfloat16`; parameters are always float32.
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
    optimizer: str = "adamw"
    warmup_steps: int = 0
    dropout_rate: float = 0.0
    z_loss: float = 0.0
    dtype: str = "float32"

    def __post_init__(self):
        # As a list, e.g. from JSON, it would be another run with another name.
        object.__setattr__(self, "tasks", tuple(self.tasks))

    def to_json(self) -> str:
        """Canonical JSON: the same text for equal specs.

        Fields at their default are left out, so that a new field renames no run that is as before.
        """
        fields = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:  # a required field has none
                fields[field.name] = float(value) if field.type is float else value
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @property
    def run_id(self) -> str:
        """The run's name: 12 hexadecimal digits of the SHA-256 of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def label(self) -> str:
        """For people: what a sweep varies."""
        return f"{self.model} {self.few_shot_fraction:.0%} few-shot, seed {self.seed}"

    def load_collection(self) -> Collection:
        return load_collection(self.collection)

    def load_vocabulary(self) -> Vocabulary:
        return load_vocabulary(self.vocabulary)

    def mixture(self) -> Mixture:
        """The stream of prompts that the run is trained on."""
        collection = self.load_collection()
        names = self.tasks or tuple(collection.tasks)
        for name in names:
            if name not in collection.tasks:
                raise InputError(
                    f"'{name}' is no training task of collection '{self.collection}': it has "
                    f"{', '.join(collection.tasks)}"
                )
        return Mixture(
            tasks=tuple(collection.tasks[name] for name in names),
            seed=self.seed,
            few_shot_fraction=self.few_shot_fraction,
            options_fraction=self.options_fraction,
            max_examples=self.max_examples,
        )

    def model_config(self):
        """The `T5Config` of the run's model."""
        from flanrepro.model.sizes import t5_config

        size = self.load_vocabulary().size
        return t5_config(self.model, size, self.dropout_rate, self.dtype)
