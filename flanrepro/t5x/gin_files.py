"""T5X's gin files: those that ship, written from our tables, and a run's own.

python -m flanrepro.t5x.gin_files    # writes sizes/*.gin and mixtures/*.gin anew
"""

from pathlib import Path

from flanrepro.collection.named import mixture_names
from flanrepro.data.seqio_tasks import task_name
from flanrepro.errors import InputError
from flanrepro.model.sizes import SIZES, T5Config, t5_config
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole

FOLDER = Path(__file__).parent / "gin"

CHECKPOINTS = 10
"""So many checkpoints of a run, at most."""

STATS_PERIOD = 25
"""Steps between a run's rows, as of the local engine."""


def shipped_files() -> dict[str, str]:
    """The gin files of all sizes and mixtures, by their path in `FOLDER`."""
    sizes = {f"sizes/{name}.gin": _size(name) for name in SIZES}
    return sizes | {f"mixtures/{_safe(name)}.gin": _mixture(name) for name in mixture_names()}


def _safe(mixture: str) -> str:
    return task_name(mixture).removeprefix("flanrepro_")


_DIMENSIONS = (
    "emb_dim",
    "num_heads",
    "head_dim",
    "num_encoder_layers",
    "num_decoder_layers",
    "mlp_dim",
)


def _network(config: T5Config, *more: str) -> str:
    lines = [f"  {name} = {getattr(config, name)!r}" for name in (*_DIMENSIONS, *more)]
    return "\n".join(["network.T5Config:", *lines]) + "\n"


def _size(name: str) -> str:
    # The vocabulary is a multiple of 128 rows; T5's has 32,128.
    return f"""\
# T5 v1.1 {name}; T5X's own network, loss and Adafactor.
from __gin__ import dynamic_registration

from t5x.examples.t5 import network

include 't5x/examples/t5/t5_1_1/base.gin'

{_network(t5_config(name, 32128))}"""


def _mixture(name: str) -> str:
    return f"""\
# The mixture '{name}', see flanrepro/collection/mixtures.yaml.
from __gin__ import dynamic_registration

from flanrepro.t5x import tasks

MIXTURE_OR_TASK_NAME = @tasks.named()
tasks.named:
  name = '{name}'
  num_examples = %NUM_EXAMPLES
  vocabulary = %VOCABULARY_NAME
  collection = 'flan2022'
  seed = 0
"""


def run_gin(spec: RunSpec, home: Path, partitions: int = 1) -> str:
    """The gin file of a run.

    Args:
        spec: trained by T5X as the local engine would; see `flanrepro.t5x.engine.train`.
        home: T5X's folder of the run, with `spec.json` and `start/checkpoint_0`.
        partitions: devices that share a copy of the model.

    Raises:
        InputError: T5X has no such run.
    """
    _check(spec)
    config = spec.model_config()
    return f"""\
# Run {spec.run_id}: {spec.label()}. Written anew whenever the run is started.
from __gin__ import dynamic_registration

import __main__ as train_script
from t5x import trainer
from t5x import utils
from t5x.examples.t5 import network

from flanrepro.t5x import tasks

include 'flanrepro/t5x/gin/sizes/{spec.model}.gin'
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
# The mean over target tokens comes from their weights: see get_dataset_fn below.
LOSS_NORMALIZING_FACTOR = None
STATS_PERIOD = {STATS_PERIOD}
CHECKPOINT_PERIOD = {_period(spec.steps)}
USE_CACHED_TASKS = False

MIXTURE_OR_TASK_NAME = @tasks.of_run()
tasks.of_run:
  spec = {str(home / "spec.json")!r}
  num_examples = {num_examples(spec)}
VOCABULARY_NAME = {spec.vocabulary!r}

network.T5Config:
  vocab_size = {config.vocab_size}
  dtype = {spec.dtype!r}

INITIAL_CHECKPOINT_PATH = {str(home / "start" / "checkpoint_0")!r}
{_optimizer(spec)}
train_script.train:
  get_dataset_fn = @tasks.dataset
  concurrent_metrics = False
  actions = {{'TRAIN': [@tasks.Rows()]}}
tasks.Rows.path = {str(home / "rows.jsonl")!r}
"""


def _optimizer(spec: RunSpec) -> str:
    """The optimizer and its learning rate; of Adafactor's all but the rate is T5X's own."""
    rate = {"rate": spec.learning_rate, "warmup_steps": spec.warmup_steps}
    rate |= {"decay_steps": spec.decay_steps, "steps": spec.steps}

    def bound(name: str) -> str:
        return "\n".join([f"tasks.{name}:", *(f"  {key} = {x!r}" for key, x in rate.items())])

    text = f"""\
trainer.Trainer.learning_rate_fn = @tasks.learning_rate()
{bound("learning_rate")}
"""
    if spec.optimizer == "adafactor":
        return text
    return f"""\
# The start has Adafactor's empty state: that of AdamW is made here.
utils.RestoreCheckpointConfig:
  assignment_map = [('state/param_states.*', None)]
  fallback_to_scratch = True

OPTIMIZER = @tasks.adamw()
{bound("adamw")}

# For T5X's own metrics alone: the optimizer has its rate inside.
{text}"""


def num_examples(spec: RunSpec) -> int:
    """More prompts than a run reads: as many as its rows have room for, and as many again."""
    return 2 * max(spec.steps, 1) * spec.batch_size * (spec.targets_length // 2)


def _period(steps: int) -> int:
    """Steps between checkpoints: whole rows of metrics lie between two of them."""
    return STATS_PERIOD * max(1, -(-steps // (CHECKPOINTS * STATS_PERIOD)))


def _check(spec: RunSpec) -> None:
    """InputError unless T5X can train it as the local engine does."""
    lacks = {
        f"objective '{spec.objective}'": (spec.objective != "instruction", " trains on prompts"),
        f"shards {spec.shards}": (spec.shards > 1, " deals the prompts out to its own hosts"),
    }
    for name, (given, reason) in lacks.items():
        if given:
            raise InputError(
                f"engine 't5x' has no {name}: T5X{reason}; take engine 'local', or leave it out"
            )


def write_shipped() -> None:
    """Writes `shipped_files` into `FOLDER`."""
    for name, text in shipped_files().items():
        write_whole(FOLDER / name, text)


if __name__ == "__main__":
    write_shipped()
