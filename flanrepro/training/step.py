"""The train step: loss over target tokens, gradients, update; nothing goes to the host."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flanrepro.model.layers import last_argmax
from flanrepro.model.t5 import T5Config, Transformer, init_params, param_shapes
from flanrepro.training.mesh import replicated, state_shardings
from flanrepro.training.optimizer import Falling, make_optimizer

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
    params: dict,
    config: T5Config,
    z_loss: float,
    batch: Batch,
    dropout_key: jax.Array | None,
    remat: bool = False,
    all_tokens: jax.Array | None = None,
) -> tuple[jax.Array, Metrics]:
    """Cross-entropy in nats, averaged over the batch's target tokens, and its sums.

    The z-loss (`z_loss` times the square of the log partition function) keeps logits from drifting
    in bfloat16, as in T5X; it is not part of the reported loss. Of a part of a batch, `all_tokens`
    is the number of the whole batch's target tokens, so that the parts' losses add up to its loss.
    """
    targets = batch["decoder_target_tokens"]
    logits = Transformer(config, remat).apply(
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
    count = jnp.maximum(tokens if all_tokens is None else all_tokens, 1.0)
    return (loss + penalty) / count, Metrics(loss, correct, tokens, useful)


def gradients(
    params: dict,
    config: T5Config,
    z_loss: float,
    batch: Batch,
    dropout_key: jax.Array | None,
    microbatches: int = 1,
    remat: bool = False,
) -> tuple[dict, Metrics]:
    """The loss's gradients and its sums, of the batch in so many parts, one after the other."""
    grad = jax.grad(loss_fn, has_aux=True)
    if microbatches == 1:
        return grad(params, config, z_loss, batch, dropout_key, remat)
    all_tokens = jnp.sum(batch["decoder_target_tokens"] > 0).astype(jnp.float32)

    def divided(x: jax.Array) -> jax.Array:
        # Every n-th row: of rows that are spread over devices, each device keeps its own.
        return jnp.moveaxis(x.reshape(-1, microbatches, *x.shape[1:]), 1, 0)

    def add(sums, part):
        i, rows = part
        key = None if dropout_key is None else jax.random.fold_in(dropout_key, i)
        new = grad(params, config, z_loss, rows, key, remat, all_tokens)
        return jax.tree.map(jnp.add, sums, new), None

    zero = jax.tree.map(jnp.zeros_like, params), Metrics.zero()
    return jax.lax.scan(add, zero, (jnp.arange(microbatches), jax.tree.map(divided, batch)))[0]


@functools.cache
def make_train_step(
    config: T5Config,
    optimizer: str,
    learning_rate: float | Falling,
    warmup_steps: int,
    z_loss: float,
    *,
    microbatches: int = 1,
    remat: bool = False,
    mesh: Mesh | None = None,
) -> Callable[[TrainState, Metrics, Batch, jax.Array], tuple[TrainState, Metrics]]:
    """A compiled step, the same object for the same arguments so that a sweep compiles once.

    It takes and gives back the state (donated) and the running sums of metrics; `key` is the run's,
    folded with the step, so that a resumed run draws the same dropout. On a mesh all of them lie
    where `init_state` and `flanrepro.training.mesh` put them.
    """
    transform = make_optimizer(optimizer, learning_rate, warmup_steps)

    def train_step(state: TrainState, metrics: Metrics, batch: Batch, key: jax.Array):
        dropout_key = jax.random.fold_in(key, state.step) if config.dropout_rate else None
        grads, new = gradients(
            state.params, config, z_loss, batch, dropout_key, microbatches, remat
        )
        updates, opt_state = transform.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        summed = jax.tree.map(jnp.add, metrics, new)
        return TrainState(state.step + 1, params, opt_state), summed

    where = None
    if mesh is not None:
        state = _abstract(config, transform)
        where = state_shardings(state, mesh), NamedSharding(mesh, PartitionSpec())
    return jax.jit(train_step, donate_argnums=(0, 1), out_shardings=where)


def _abstract(config: T5Config, transform: optax.GradientTransformation) -> TrainState:
    """The shapes of a state."""
    params = param_shapes(config)
    opt_state = jax.eval_shape(transform.init, params)
    return TrainState(jax.ShapeDtypeStruct((), jnp.int32), params, opt_state)


def init_state(
    config: T5Config,
    optimizer: str,
    learning_rate: float | Falling,
    warmup_steps: int,
    seed: int,
    start: dict | None = None,
    mesh: Mesh | None = None,
) -> TrainState:
    """Step 0: parameters from `start`, else random from `seed`; and the optimizer's empty state.

    On a mesh no device holds more than its part of them.
    """
    transform = make_optimizer(optimizer, learning_rate, warmup_steps)
    where = TrainState(None, None, None)
    if mesh is not None:
        where = state_shardings(_abstract(config, transform), mesh)
    if start is None:
        params = init_params(config, seed, where.params)
    else:
        params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), start)
        params = (
            jax.tree.map(jnp.array, params)
            if mesh is None
            else jax.device_put(params, where.params)
        )
    init = (
        transform.init if mesh is None else jax.jit(transform.init, out_shardings=where.opt_state)
    )
    return TrainState(replicated(jnp.zeros((), jnp.int32), mesh), params, init(params))
