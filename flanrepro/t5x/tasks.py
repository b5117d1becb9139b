"""What T5X's gin files call: our mixtures as SeqIO tasks, our optimizer and schedule, a run's rows.

from __gin__ import dynamic_registration
from flanrepro.t5x import tasks

MIXTURE_OR_TASK_NAME = @tasks.named()
tasks.named.name = 'flan2022'
"""

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flanrepro.collection import Mixture, Prompt
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.training.spec import RunSpec


def of_run(spec: str, num_examples: int) -> str:
    """Registers a run's mixture with SeqIO, and gives the task's name.

    Args:
        spec: the file of its `RunSpec`.
        num_examples: after so many prompts T5X begins again.
    """
    from flanrepro.data.seqio_tasks import register

    run = RunSpec(**json.loads(Path(spec).read_text()))
    name = f"flanrepro_run_{run.run_id}"
    register(name, run.load_mixture(), run.load_vocabulary(), num_examples)
    return name


def named(
    name: str, num_examples: int, vocabulary: str, collection: str = "flan2022", seed: int = 0
) -> str:
    """Registers a mixture of the paper with SeqIO, and gives the task's name.

    The name is that of `flanrepro.data.seqio_tasks.task_name`, under which `flanrepro cache` and
    `seqio_cache_tasks` write; where T5X reads such a cache the collection's data need not be there.

    Args:
        name: see `flanrepro.collection.named.mixture_names`.
        num_examples: after so many prompts T5X begins again; a cache has its own number.
        vocabulary: see `flanrepro.data.vocabulary.load_vocabulary`.
        collection: see `flanrepro.collection.load_collection`.
        seed: of the stream.
    """
    from flanrepro.data.seqio_tasks import register, task_name

    register(
        task_name(name), _Named(name, collection, seed), load_vocabulary(vocabulary), num_examples
    )
    return task_name(name)


@dataclass(frozen=True)
class _Named:
    """A mixture that is made when its first prompt is asked for: a cache answers in its place."""

    name: str
    collection: str
    seed: int

    @functools.cached_property
    def _mixture(self) -> Mixture:
        from flanrepro.collection.named import named_mixture
        from flanrepro.sources import load_collection

        return named_mixture(self.name, load_collection(self.collection), seed=self.seed).mixture

    def __getitem__(self, i: int) -> Prompt:
        return self._mixture[i]


def vocabulary(name: str):
    """A vocabulary as SeqIO has it; see `flanrepro.data.vocabulary.load_vocabulary`."""
    import seqio

    found = load_vocabulary(name)
    return seqio.SentencePieceVocabulary(str(found.path), extra_ids=found.extra_ids)


def learning_rate(
    rate: float, warmup_steps: int = 0, decay_steps: int = 0, steps: int = 0
) -> Callable:
    """The learning rate by step, for `trainer.Trainer.learning_rate_fn`.

    Args:
        rate: after the warm-up and before the fall.
        warmup_steps: of the linear rise.
        decay_steps: of the linear fall to 0 at step `steps`; 0: none.
        steps: of the run.
    """
    from flanrepro.training.optimizer import make_schedule

    return make_schedule(_rate(rate, decay_steps, steps), warmup_steps)


def adamw(rate: float, warmup_steps: int = 0, decay_steps: int = 0, steps: int = 0):
    """The local engine's AdamW in T5X's wrapper, with the schedule of `learning_rate` inside."""
    from t5x.optimizers import OptaxWrapper

    from flanrepro.training.optimizer import make_optimizer

    return OptaxWrapper(make_optimizer("adamw", _rate(rate, decay_steps, steps), warmup_steps))


def _rate(rate: float, decay_steps: int, steps: int):
    from flanrepro.training.optimizer import Falling

    return Falling(rate, steps, decay_steps) if decay_steps else rate


_KEPT = []


def dataset(cfg, shard_id: int, num_shards: int, feature_converter_cls, **how):
    """T5X's own stream of batches, of a process on one host that `flanrepro.t5x.launch` ends.

    The weights of a batch's target tokens add up to 1, so that their sum is its mean loss, also of
    a batch in parts: T5X's means are of each part, and weigh its tokens by how few they are.

    The stream is kept when T5X is done with it: TensorFlow takes up to a minute to take it down.
    """
    import tensorflow as tf
    from clu.data.dataset_iterator import TfDatasetIterator
    from t5x import utils

    def mean(batch: dict) -> dict:
        weights = tf.cast(batch["decoder_loss_weights"], tf.float32)
        return {**batch, "decoder_loss_weights": weights / tf.reduce_sum(weights)}

    found = utils.get_dataset(cfg, shard_id, num_shards, feature_converter_cls, **how).map(mean)
    _KEPT.append(TfDatasetIterator(found, checkpoint=True))
    return _KEPT[-1]


METRICS = {
    "loss": "cross_ent_loss",
    "accuracy": "accuracy",
    "non_padding": "non_padding_fraction/overall",
    "examples": "effective_batch_size/decoder",
}
"""Our names of what T5X measures, means over the steps since the last row."""


@dataclass(frozen=True)
class Rows:
    """An action of T5X's train loop: a JSON row per report, on the disk at once.

    T5X's own event files are written behind, so that a killed run lacks the last ones.

    Attributes:
        path: of the file, which is appended to.
        began: seconds since the epoch.
    """

    path: str
    began: float = field(default_factory=time.time)

    def run(self, train_state, metrics_by_task: Mapping[str, Mapping]) -> bool:
        """Writes a row; never asks T5X to stop."""
        found = metrics_by_task["train"]
        row = {ours: float(found[theirs].value) for ours, theirs in METRICS.items()}
        row |= {"step": int(train_state.step), "seconds": time.time() - self.began}
        with open(self.path, "a") as file:
            file.write(json.dumps({**row, "began": self.began}) + "\n")
        return False
