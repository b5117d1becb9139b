"""Adafactor and AdamW, with constant, warm-up and decay schedules."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import optax

from flanrepro.errors import InputError

OPTIMIZERS = ("adafactor", "adamw")


@dataclass(frozen=True)
class Falling:
    """A learning rate that falls to 0 over the last steps of a run.

    It stands where a number does, so that only runs whose rate falls depend on their length, and
    all the others of a sweep share one compiled step.

    Attributes:
        rate: before the fall.
        steps: of the run.
        decay_steps: of the fall; the last step's rate is `rate / decay_steps`.
    """

    rate: float
    steps: int
    decay_steps: int


def make_schedule(learning_rate: float | Falling, warmup_steps: int) -> optax.Schedule:
    """Constant, after a linear rise over `warmup_steps`, and before a linear fall if it has one."""
    if isinstance(learning_rate, Falling):
        rate, decay_steps = learning_rate.rate, learning_rate.decay_steps
        fall = optax.linear_schedule(rate, 0.0, decay_steps)
        first = learning_rate.steps - decay_steps
        return optax.join_schedules([make_schedule(rate, warmup_steps), fall], [first])
    if warmup_steps == 0:
        return optax.constant_schedule(learning_rate)
    return optax.warmup_constant_schedule(0.0, learning_rate, warmup_steps)


FASTER = {"rel_embedding": 10.0, "embedding": 8.0}
"""AdamW's steps have one size for every parameter. These two need larger ones: a relative position
bias has to travel several units before attention can pick out a neighbour, and embeddings begin
eight times as large as the kernels of a model that is 64 wide."""


def _scale_steps(factors: Mapping[str, float]) -> optax.GradientTransformation:
    def scale(path, update):
        return update * factors.get(path[-1].key, 1.0)

    return optax.stateless(lambda updates, _: jax.tree_util.tree_map_with_path(scale, updates))


def make_optimizer(
    name: str, learning_rate: float | Falling, warmup_steps: int = 0
) -> optax.GradientTransformation:
    """The optimizer called `name`.

    Adafactor is as in T5's finetuning: steps relative to each parameter's scale, no momentum
    (Shazeer and Stern, 2018; the paper's A.1 trains in T5X). AdamW is for small models from
    nothing, where it learns faster on few steps; gradients are clipped to norm 1, no weight decay,
    and some parameters move faster, see `FASTER`.
    """
    schedule = make_schedule(learning_rate, warmup_steps)
    if name == "adafactor":
        return optax.adafactor(schedule, multiply_by_parameter_scale=True)
    if name == "adamw":
        adam = optax.adamw(schedule, b1=0.9, b2=0.99, weight_decay=0.0)
        return optax.chain(optax.clip_by_global_norm(1.0), adam, _scale_steps(FASTER))
    raise InputError(f"unknown optimizer '{name}': choose one of {', '.join(OPTIMIZERS)}")
