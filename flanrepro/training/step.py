"""The train step: loss over target tokens, gradients, update; nothing goes to the host."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from flanrepro.model.layers import last_argmax
from flanrepro.model.t5 import T5Config, Transformer, init_params
from flanrepro.training.optimizer import make_optimizer

Batch = dict[str, jax.Array]


class TrainState(NamedTuple):
    """All that a step changes."""

    step: jax.Array
    params: dict
    opt_state: optax.OptState


class Metrics(NamedTuple):
    """Sums over the target tokens of the steps since the last reading; divide by `tokens`."""

    loss: jax.Array
    correct: jax.Array
    tokens: jax.Array
    useful_tokens: jax.Array

    @classmethod
    def zero(cls) -> "Metrics":
        return cls(*(jnp.zeros((), jnp.float32) for _ in cls._fields))


def shift_right(targets: jax.Array, positions: jax.Array) -> jax.Array:
    """Decoder inputs [batch, length]: targets one to the right, 0 where a segment starts."""
    return jnp.where(positions > 0, jnp.roll(targets, 1, axis=-1), 0)


def loss_fn(
    params: dict, config: T5Config, z_loss: float, batch: Batch, dropout_key: jax.Array | None
) -> tuple[jax.Array, Metrics]:
    """Cross-entropy in nats, averaged over the batch's target tokens, and its sums.

    The z-loss (`z_loss` times the square of the log partition function) keeps logits from drifting
    in bfloat16, as in T5X; it is not part of the reported loss.
    """
    targets = batch["decoder_target_tokens"]
    logits = Transformer(config).apply(
        {"params": params},
        batch["encoder_input_tokens"],
        shift_right(targets, batch["decoder_positions"]),
        targets,
        batch["encoder_segment_ids"],
        batch["decoder_segment_ids"],
        deterministic=dropout_key is None,
        rngs=None if dropout_key is None else {"dropout": dropout_key},
    )
    weights = (targets > 0).astype(jnp.float32)
    log_z = jax.nn.logsumexp(logits, axis=-1)
    # A one-hot product instead of a gather: its gradient is no scatter, which is slow on a CPU.
    picked = jnp.sum(logits * jax.nn.one_hot(targets, logits.shape[-1]), axis=-1)
    tokens = weights.sum()
    loss = jnp.sum((log_z - picked) * weights)
    penalty = z_loss * jnp.sum(log_z**2 * weights)
    correct = jnp.sum((last_argmax(logits) == targets) * weights)
    useful = tokens + jnp.sum(batch["encoder_input_tokens"] > 0)
    return (loss + penalty) / jnp.maximum(tokens, 1.0), Metrics(loss, correct, tokens, useful)


@functools.cache
def make_train_step(
    config: T5Config, optimizer: str, learning_rate: float, warmup_steps: int, z_loss: float
) -> Callable[[TrainState, Metrics, Batch, jax.Array], tuple[TrainState, Metrics]]:
    """A compiled step, the same object for the same arguments so that a sweep compiles once.

    It takes and gives back the state (donated) and the running sums of metrics; `key` is the run's,
    folded with the step, so that a resumed run draws the same dropout.
    """
    transform = make_optimizer(optimizer, learning_rate, warmup_steps)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train_step(state: TrainState, metrics: Metrics, batch: Batch, key: jax.Array):
        dropout_key = jax.random.fold_in(key, state.step) if config.dropout_rate else None
        grads, new = jax.grad(loss_fn, has_aux=True)(
            state.params, config, z_loss, batch, dropout_key
        )
        updates, opt_state = transform.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        summed = jax.tree.map(jnp.add, metrics, new)
        return TrainState(state.step + 1, params, opt_state), summed

    return train_step


def init_state(
    config: T5Config,
    optimizer: str,
    learning_rate: float,
    warmup_steps: int,
    seed: int,
    start: dict | None = None,
) -> TrainState:
    """Step 0: parameters from `start`, else random from `seed`; and the optimizer's empty state."""
    if start is None:
        params = init_params(config, seed)
    else:
        params = jax.tree.map(lambda leaf: jnp.array(leaf, jnp.float32), start)
    transform = make_optimizer(optimizer, learning_rate, warmup_steps)
    return TrainState(jnp.zeros((), jnp.int32), params, transform.init(params))
