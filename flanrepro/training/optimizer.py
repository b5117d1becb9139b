"""Adafactor, AdamW and Muon, with constant, warm-up and decay schedules."""

from collections.abc import Mapping

import jax
import optax
import optax.contrib

from flanrepro.errors import InputError
from flanrepro.training.schedule import OPTIMIZERS, Falling


def make_schedule(learning_rate: float | Falling, warmup_steps: int) -> optax.Schedule:
    """Makes a schedule: a linear rise over `warmup_steps`, a constant rate, perhaps a fall."""
    if isinstance(learning_rate, Falling):
        rate, decay_steps = learning_rate.rate, learning_rate.decay_steps
        fall = optax.linear_schedule(rate, 0.0, decay_steps)
        first = learning_rate.steps - decay_steps
        return optax.join_schedules([make_schedule(rate, warmup_steps), fall], [first])
    if warmup_steps == 0:
        return optax.constant_schedule(learning_rate)
    return optax.warmup_constant_schedule(0.0, learning_rate, warmup_steps)


FASTER = {"rel_embedding": 10.0, "embedding": 8.0}
"""Factors on AdamW's steps, which have one size for every parameter. Two parameters need larger
ones: a relative position bias has to travel several units before attention can pick out a
neighbour, and embeddings begin eight times as large as the kernels of a model that is 64 wide."""


def _scale_steps(factors: Mapping[str, float]) -> optax.GradientTransformation:
    def scale(path, update):
        return update * factors.get(path[-1].key, 1.0)

    return optax.stateless(lambda updates, _: jax.tree_util.tree_map_with_path(scale, updates))


def _kernels(params: optax.Params) -> optax.Params:
    """Says which parameters are kernels inside the network; embeddings and logits are none."""
    inside = optax.contrib.MuonDimensionNumbers()

    def one(path, leaf):
        *above, name = (entry.key for entry in path)
        return inside if name == "kernel" and "logits_dense" not in above else None

    return jax.tree_util.tree_map_with_path(one, params)


def make_optimizer(
    name: str, learning_rate: float | Falling, warmup_steps: int = 0
) -> optax.GradientTransformation:
    """Makes the optimizer called `name`.

    Adafactor is as in T5's finetuning: steps relative to each parameter's scale, no momentum
    (Shazeer and Stern, 2018; the paper's A.1 trains in T5X). AdamW is for small models that start
    from random parameters, where it learns more in few steps: gradients are clipped to norm 1, no
    weight decay, and some parameters take larger steps, see `FASTER`. Muon (Jordan et al., 2024)
    makes every kernel's step orthogonal, of the size of AdamW's (Liu et al., 2025), and leaves the
    other parameters to AdamW: `nano` learns as much of the pocket collection's text in 4,500 steps
    as with AdamW in 15,000.

    Args:
        name: one of `OPTIMIZERS`.
        learning_rate: constant rate, or one that falls.
        warmup_steps: number of steps over which the rate rises from 0.

    Raises:
        InputError: the name is unknown.
    """
    schedule = make_schedule(learning_rate, warmup_steps)
    if name == "adafactor":
        return optax.adafactor(schedule, multiply_by_parameter_scale=True)
    if name == "adamw":
        # Adam's own b2, 0.999, averages over 1,000 steps, a large part of a short run.
        adam = optax.adamw(schedule, b1=0.9, b2=0.99, weight_decay=0.0)
        # Scaled last: Adam divides its gradients' scale out again.
        return optax.chain(optax.clip_by_global_norm(1.0), adam, _scale_steps(FASTER))
    if name == "muon":
        steps = optax.contrib.muon(
            schedule,
            adam_b1=0.9,
            adam_b2=0.99,
            consistent_rms=0.2,
            muon_weight_dimension_numbers=_kernels,
        )
        return optax.chain(optax.clip_by_global_norm(1.0), steps, _scale_steps(FASTER))
    raise InputError(f"unknown optimizer '{name}': choose one of {', '.join(OPTIMIZERS)}")
