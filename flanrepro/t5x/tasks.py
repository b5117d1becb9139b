"""Our gin files call these functions, for mixtures as SeqIO tasks, vocabularies and optimizers.

from __gin__ import dynamic_registration
from flanrepro.t5x import tasks

MIXTURE_OR_TASK_NAME = @tasks.named()
tasks.named.name = 'flan2022'

Functions import SeqIO, TensorFlow and T5X themselves: they may not be installed.
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flanrepro.collection import Mixture, Prompt
from flanrepro.collection.named import mixture_names, named_mixture
from flanrepro.collection.task import Task
from flanrepro.data.seqio_tasks import register, task_name
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import load_collection
from flanrepro.training.optimizer import Falling, make_optimizer, make_schedule
from flanrepro.training.spec import RunSpec


def of_run(spec: str, num_examples: int) -> str:
    """Register a run's mixture with SeqIO, and return the task's name.

    Args:
        spec: path of the JSON file with the run's `RunSpec`.
        num_examples: number of prompts after which T5X begins again with the first.
    """
    run = RunSpec(**json.loads(Path(spec).read_text()))
    name = f"flanrepro_run_{run.run_id}"
    lengths = run.inputs_length, run.targets_length
    register(name, run.load_mixture(), run.load_vocabulary(), num_examples, *lengths)
    return name


def named(
    name: str,
    num_examples: int,
    vocabulary: str,
    lengths: Mapping[str, int],
    collection: str = "flan2022",
    seed: int = 0,
) -> str:
    """Register a mixture of the paper with SeqIO, and return the task's name.

    The name is that of `flanrepro.data.seqio_tasks.task_name`, under which `flanrepro cache` and
    `seqio_cache_tasks` write; where T5X reads such a cache the collection's data need not be there.

    Args:
        name: one of `flanrepro.collection.named.mixture_names`; MIXTURE in `gin/mixture.gin`.
        num_examples: number of prompts after which T5X begins again with the first; a cache has a
            number of its own.
        vocabulary: name for `flanrepro.data.vocabulary.load_vocabulary`.
        lengths: numbers of tokens of `inputs` and `targets` that prompts are made to fit.
        collection: name for `flanrepro.sources.load_collection`.
        seed: seed of the stream of prompts.

    Raises:
        InputError: there is no mixture of that name.
    """
    # Asked here and not when the mixture is made: under a cache it never is.
    if name not in mixture_names():
        given = f"MIXTURE is '{name}'" if name else "MIXTURE is not given"
        raise InputError(
            f"{given}, expected one of {', '.join(mixture_names())}: name the mixture to train on "
            "with --gin.MIXTURE=\"'flan2022'\""
        )
    mixture = _Named(name, collection, seed)
    both = lengths["inputs"], lengths["targets"]
    registered = task_name(name, *both)
    register(registered, mixture, load_vocabulary(vocabulary), num_examples, *both)
    return registered


@dataclass(frozen=True)
class _Named:
    """A mixture is made when its first prompt is asked for: a cache answers in its place."""

    name: str
    collection: str
    seed: int

    @functools.cached_property
    def _mixture(self) -> Mixture:
        return named_mixture(self.name, load_collection(self.collection), seed=self.seed).mixture

    @property
    def tasks(self) -> tuple[Task, ...]:
        return self._mixture.tasks

    def __getitem__(self, i: int) -> Prompt:
        return self._mixture[i]


def vocabulary(name: str):
    """Load a vocabulary as SeqIO has it; see `flanrepro.data.vocabulary.load_vocabulary`."""
    import seqio

    found = load_vocabulary(name)
    return seqio.SentencePieceVocabulary(str(found.path), extra_ids=found.extra_ids)


def learning_rate(
    rate: float, warmup_steps: int = 0, decay_steps: int = 0, steps: int = 0
) -> Callable:
    """Make the learning rate by step, for `trainer.Trainer.learning_rate_fn`.

    Args:
        rate: learning rate after the warm-up and before the fall.
        warmup_steps: number of steps of the linear rise from 0.
        decay_steps: number of steps of the linear fall to 0 at the last step; 0: no fall.
        steps: number of steps of the run.
    """
    return make_schedule(_rate(rate, decay_steps, steps), warmup_steps)


def adamw(rate: float, warmup_steps: int = 0, decay_steps: int = 0, steps: int = 0):
    """Wrap the local engine's AdamW for T5X, with the schedule of `learning_rate` inside."""
    from t5x.optimizers import OptaxWrapper

    return OptaxWrapper(make_optimizer("adamw", _rate(rate, decay_steps, steps), warmup_steps))


def _rate(rate: float, decay_steps: int, steps: int):
    return Falling(rate, steps, decay_steps) if decay_steps else rate


# TensorFlow takes up to a minute to free a stream: streams are kept until the process ends, which
# `flanrepro.t5x.launch` brings about at once.
_KEPT = []


def dataset(cfg, shard_id: int, num_shards: int, feature_converter_cls, **how):
    """Make T5X's own stream of batches, for `train_script.train.get_dataset_fn`, on one host.

    The weights of a batch's target tokens are made to add up to 1, so that T5X's sum of weighted
    losses is the batch's mean loss, also where a batch is computed in parts. T5X's own means would
    be those of the parts, in which a token weighs the more, the fewer tokens its part has.
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
