"""A run's gin file is written here, from its `RunSpec`, for T5X's train.py.

It includes its size's file and `gin/train.gin`, which all runs have in common, and sets the rest.
"""

from pathlib import Path

from flanrepro.errors import InputError
from flanrepro.model.sizes import DECODER_ONLY_SIZES
from flanrepro.t5x import history
from flanrepro.training.loop import LOG_EVERY
from flanrepro.training.spec import RunSpec

FOLDER = Path(__file__).parent / "gin"

CHECKPOINTS = 10
"""Largest number of checkpoints that a run has."""

STATS_PERIOD = LOG_EVERY
"""Number of steps between two rows of a run's history, as in the local engine."""


def size_file(model: str) -> str:
    """Name a size's gin file, as gin's `include` and T5X's `--gin_file` take it.

    T5 v1.1's published sizes are T5X's own files; `gin/sizes/` has those that T5X has not, and the
    decoder-only ones.
    """
    if (FOLDER / "sizes" / f"{model}.gin").is_file():
        return f"flanrepro/t5x/gin/sizes/{model}.gin"
    return f"t5x/examples/t5/t5_1_1/{model}.gin"


def run_gin(spec: RunSpec, home: Path, partitions: int = 1) -> str:
    """Write the text of a run's gin file.

    Args:
        spec: the run, which T5X is to train as the local engine would.
        home: T5X's folder in the run's, with `spec.json` and `start/checkpoint_0`.
        partitions: number of devices that share a copy of the model.

    Raises:
        InputError: T5X cannot train such a run.
    """
    _check(spec)
    return f"""\
# Run {spec.run_id}: {spec.label()}. Written anew whenever the run is started.
from __gin__ import dynamic_registration

import __main__ as train_script
from t5x import trainer
from t5x import utils
from t5x.examples.{"decoder_only" if _decoder_only(spec) else "t5"} import network

from flanrepro.t5x import history
from flanrepro.t5x import tasks

include '{size_file(spec.model)}'
include 'flanrepro/t5x/gin/train.gin'

MODEL_DIR = {str(home / "model")!r}
TRAIN_STEPS = {spec.steps}
BATCH_SIZE = {spec.batch_size}
NUM_MICROBATCHES = {spec.microbatches}
NUM_PARTITIONS = {partitions}
TASK_FEATURE_LENGTHS = {{'inputs': {spec.inputs_length}, 'targets': {spec.targets_length}}}
RANDOM_SEED = {spec.seed}
DROPOUT_RATE = {spec.dropout_rate!r}
Z_LOSS = {spec.z_loss!r}
# The weights of a batch's target tokens make the loss their mean: see get_dataset_fn below.
LOSS_NORMALIZING_FACTOR = None
STATS_PERIOD = {STATS_PERIOD}
CHECKPOINT_PERIOD = {_period(spec.steps)}
USE_CACHED_TASKS = False

MIXTURE_OR_TASK_NAME = @tasks.of_run()
tasks.of_run:
  spec = {str(home / "spec.json")!r}
  num_examples = {num_examples(spec)}
VOCABULARY_NAME = {spec.vocabulary!r}

{_network(spec)}
INITIAL_CHECKPOINT_PATH = {str(home / "start" / "checkpoint_0")!r}
{_optimizer(spec)}
train_script.train:
  get_dataset_fn = @tasks.dataset
  # T5X calls the train loop's actions only if metrics are not computed beside the next steps.
  concurrent_metrics = False
  actions = {{'TRAIN': [@history.Writer()]}}
history.Writer.path = {str(home / history.FILE)!r}
"""


def _decoder_only(spec: RunSpec) -> bool:
    return spec.model in DECODER_ONLY_SIZES


def _network(spec: RunSpec) -> str:
    """Write what a size's file leaves to the run, for T5X's network of that kind of model."""
    text = f"""\
network.{"TransformerConfig" if _decoder_only(spec) else "T5Config"}:
  vocab_size = {spec.model_config().vocab_size}
  dtype = {spec.dtype!r}
"""
    if _decoder_only(spec):
        text += f"INPUTS_BIDIRECTIONAL_ATTENTION = {not spec.causal}\n"
    return text


def _optimizer(spec: RunSpec) -> str:
    """Write the optimizer and its learning rate; Adafactor is T5X's own in all but the rate."""
    rate = {"rate": spec.learning_rate, "warmup_steps": spec.warmup_steps}
    rate |= {"decay_steps": spec.decay_steps, "steps": spec.steps}

    def bindings(name: str) -> str:
        return "\n".join([f"tasks.{name}:", *(f"  {key} = {x!r}" for key, x in rate.items())])

    text = f"""\
trainer.Trainer.learning_rate_fn = @tasks.learning_rate()
{bindings("learning_rate")}
"""
    if spec.optimizer == "adafactor":
        return text
    return f"""\
# The start has Adafactor's empty state, which is not restored: AdamW's is made from scratch.
utils.RestoreCheckpointConfig:
  assignment_map = [('state/param_states.*', None)]
  fallback_to_scratch = True

OPTIMIZER = @tasks.adamw()
{bindings("adamw")}

# T5X only reports this one: the optimizer has its rate inside.
{text}"""


def num_examples(spec: RunSpec) -> int:
    """Count more prompts than a run reads, as a SeqIO split ends where a mixture does not.

    A target has a token and EOS at least, so rows have room for half as many as their length, or
    for a quarter where the inputs, which have as many at least, are in the same row. The factor of
    2 is for what SeqIO drops and reads ahead.
    """
    most = spec.targets_length // 2
    if _decoder_only(spec):
        most = (spec.inputs_length + spec.targets_length) // 4
    return 2 * max(spec.steps, 1) * spec.batch_size * most


def _period(steps: int) -> int:
    """Count the steps between checkpoints, a multiple of a row's: no row spans a checkpoint."""
    return STATS_PERIOD * max(1, -(-steps // (CHECKPOINTS * STATS_PERIOD)))


def _check(spec: RunSpec) -> None:
    """Raise InputError unless T5X can train the run as the local engine does."""
    lacks = {
        f"objective '{spec.objective}'": (spec.objective != "instruction", " trains on prompts"),
        f"optimizer '{spec.optimizer}'": (spec.optimizer == "muon", " is given AdamW or Adafactor"),
        f"replay {spec.replay:g}": (spec.replay > 0, " trains on prompts alone"),
        f"shards {spec.shards}": (spec.shards > 1, " deals the prompts out to its own hosts"),
    }
    for name, (given, reason) in lacks.items():
        if given:
            raise InputError(
                f"engine 't5x' has no {name}: T5X{reason}; take engine 'local', or leave it out"
            )
