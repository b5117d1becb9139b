"""The train step: loss over target tokens, gradients, update; nothing goes to the host."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Float32, Int, Int32, Key

from flanrepro.model.kernels import PLAIN, Kernels
from flanrepro.model.layers import last_argmax
from flanrepro.model.network import init_params, network, param_shapes
from flanrepro.model.sizes import T5Config
from flanrepro.model.soft_prompt import NAME, length_of, trained, variables
from flanrepro.training.mesh import replicated, state_shardings
from flanrepro.training.optimizer import Falling, make_optimizer

LOGITS = 2**25
"""Number of logits that a device computes at once for the loss, in float32 128 MiB, unless one
position of all rows has more. With T5's vocabulary a batch of 64 rows with 256 targets has 16 times
as many."""

Batch = dict[str, Int[Array, "batch _"]]
"""Tokens, segments and positions under T5X's names, see `flanrepro.data.packing.pack`."""


class TrainState(NamedTuple):
    """The arrays that a step changes."""

    step: Int[Array, ""]
    params: dict
    opt_state: optax.OptState


class Metrics(NamedTuple):
    """Sums over the steps since the last reading.

    Attributes:
        loss: nats of cross-entropy; divide by `tokens` for the mean.
        correct: number of target tokens that the model ranks first.
        tokens: number of target tokens without padding.
        useful_tokens: number of input and target tokens without padding.
        diverged: number of the first step whose loss is infinite or NaN; 0: there is none.
    """

    loss: Float32[Array, ""]
    correct: Float32[Array, ""]
    tokens: Float32[Array, ""]
    useful_tokens: Float32[Array, ""]
    diverged: Int32[Array, ""]

    @classmethod
    def of(cls, *sums: Float32[Array, ""] | float) -> "Metrics":
        """Gives the four sums, of steps whose losses are finite."""
        return cls(*map(jnp.float32, sums), jnp.int32(0))

    @classmethod
    def zero(cls) -> "Metrics":
        return cls.of(0.0, 0.0, 0.0, 0.0)


def shift_right(
    targets: Int[Array, "batch targets"], positions: Int[Array, "batch targets"]
) -> Int[Array, "batch targets"]:
    """Gives the decoder's inputs: the targets one to the right, 0 where a segment starts."""
    return jnp.where(positions > 0, jnp.roll(targets, 1, axis=-1), 0)


def loss_tokens(batch: Batch) -> Int[Array, "batch targets"]:
    """Gives the ids that the loss is of, 0 for others: the targets.

    A decoder-only row holds its inputs, too; its targets stand by themselves where it was packed by
    `flanrepro.data.packing`.
    """
    if "decoder_loss_tokens" in batch:
        return batch["decoder_loss_tokens"]
    return batch["decoder_target_tokens"] * batch.get("decoder_loss_weights", 1)


def _rows(batch: Batch) -> tuple[Int[Array, "batch _"], ...]:
    """Gives the arguments of `flanrepro.model.t5.Transformer`."""
    targets = batch["decoder_target_tokens"]
    return (
        batch["encoder_input_tokens"],
        shift_right(targets, batch["decoder_positions"]),
        targets,
        batch["encoder_segment_ids"],
        batch["decoder_segment_ids"],
    )


def _decoder_only_rows(batch: Batch) -> tuple[jax.Array, ...]:
    """Gives the arguments of `flanrepro.model.decoder_only.DecoderOnly`."""
    targets, positions = batch["decoder_target_tokens"], batch["decoder_positions"]
    # As SeqIO's prefix has it: a position that reads an input, or the 0 before the first.
    reads_input = shift_right(1 - batch["decoder_loss_weights"], positions)
    prefix = jnp.where(positions > 0, reads_input, 1)
    rows = shift_right(targets, positions), targets, batch["decoder_segment_ids"], prefix
    if "decoder_loss_tokens" not in batch:
        return rows
    # The n-th target's position, as a product: a gather's gradient is a scatter, slow on a CPU.
    weights = batch["decoder_loss_weights"]
    number = jnp.where(weights > 0, jnp.cumsum(weights, axis=1), 0)
    places = jnp.arange(1, batch["decoder_loss_tokens"].shape[1] + 1)
    return *rows, number[:, None, :] == places[None, :, None]


def parts_of(rows: int, targets: int, vocab_size: int) -> int:
    """Gives the number of parts that the loss of a batch is computed in.

    Args:
        rows, targets: number of rows, and of positions with targets in each.
        vocab_size: number of logits of a position.
    """
    at_once = max(1, LOGITS // (rows * vocab_size))
    return -(-targets // at_once)


def _in_parts(
    sums: Callable[[Array, Array], tuple[Float32[Array, ""], ...]],
    states: Float[Array, "batch targets embed"],
    targets: Int[Array, "batch targets"],
    vocab_size: int,
    devices: int,
) -> tuple[Float32[Array, ""], ...]:
    """Adds up sums over targets so that no more than `LOGITS` logits stand in memory at once.

    A part is some positions of all rows, since rows are spread over devices; the last one is filled
    up with padding. Its logits are computed again for its gradients.
    """
    # Each part adds the logits' kernel's gradient up over devices, so that there are no more parts
    # than their memory, of which each has its share of the logits, asks for.
    count = parts_of(*targets.shape, -(-vocab_size // devices))
    if count == 1:
        return sums(states, targets)

    padding = -targets.shape[1] % count

    def divided(x: Array) -> Array:
        x = jnp.pad(x, [(0, 0), (0, padding), *[(0, 0)] * (x.ndim - 2)])
        return jnp.moveaxis(x.reshape(len(x), count, -1, *x.shape[2:]), 1, 0)

    def add(total, part):
        return jax.tree.map(jnp.add, total, sums(*part)), None

    zero = (jnp.float32(0),) * 3
    return jax.lax.scan(jax.checkpoint(add), zero, (divided(states), divided(targets)))[0]


def loss_fn(
    params: dict,
    config: T5Config,
    z_loss: float,
    batch: Batch,
    dropout_key: Key[Array, ""] | None,
    remat: bool = False,
    kernels: Kernels = PLAIN,
    all_tokens: Float32[Array, ""] | None = None,
    devices: int = 1,
) -> tuple[Float32[Array, ""], Metrics]:
    """Computes the mean cross-entropy of the batch's target tokens, in nats, and its sums.

    The z-loss keeps logits from drifting in bfloat16, as in T5X; it is no part of the sums.

    Args:
        params, config: the model, as `flanrepro.model.network.init_params` has them.
        z_loss: weight of the square of the log partition function.
        batch: packed rows, or some of them.
        dropout_key: None: no dropout.
        remat, kernels: see `flanrepro.model.network.network`.
        all_tokens: number of target tokens of the whole batch, where `batch` is a part of it, so
            that the parts' losses add up to its loss; None: `batch` is whole.
        devices: number of devices that share the logits.
    """
    targets = loss_tokens(batch)
    model, parameters = network(config, remat, kernels), variables(params)
    states = model.apply(
        parameters,
        *(_decoder_only_rows(batch) if config.decoder_only else _rows(batch)),
        method=model.states,
        deterministic=dropout_key is None,
        rngs=None if dropout_key is None else {"dropout": dropout_key},
    )

    def sums(
        states: Float[Array, "batch part embed"], targets: Int[Array, "batch part"]
    ) -> tuple[Float32[Array, ""], ...]:
        logits = model.apply(parameters, states, method=model.logits)
        weights = (targets > 0).astype(jnp.float32)
        log_z = jax.nn.logsumexp(logits, axis=-1)
        # The targets' logits by a one-hot product: a gather's gradient is a scatter, slow on a CPU.
        picked = jnp.sum(logits * jax.nn.one_hot(targets, logits.shape[-1]), axis=-1)
        loss = jnp.sum((log_z - picked) * weights)
        penalty = z_loss * jnp.sum(log_z**2 * weights)
        return loss, penalty, jnp.sum((last_argmax(logits) == targets) * weights)

    loss, penalty, correct = _in_parts(sums, states, targets, config.vocab_size, devices)
    tokens = jnp.sum(targets > 0).astype(jnp.float32)
    # A decoder-only row holds the inputs, too. In one order: a set's is another in each process,
    # and so would be the program that is kept compiled.
    names = [n for n in ("encoder_input_tokens", "decoder_target_tokens") if n in batch]
    useful = sum(jnp.sum(batch[name] > 0) for name in names).astype(jnp.float32)
    # At least 1, since a microbatch may hold padding alone.
    count = jnp.maximum(tokens if all_tokens is None else all_tokens, 1.0)
    return (loss + penalty) / count, Metrics.of(loss, correct, tokens, useful)


def gradients(
    params: dict,
    config: T5Config,
    z_loss: float,
    batch: Batch,
    dropout_key: Key[Array, ""] | None,
    microbatches: int = 1,
    remat: bool = False,
    kernels: Kernels = PLAIN,
    devices: int = 1,
) -> tuple[dict, Metrics]:
    """Computes the gradients of `loss_fn` and its sums, in a number of parts, one after the other.

    With a soft prompt they are of it alone, see `flanrepro.model.soft_prompt.trained`.

    Args:
        params, config, z_loss, batch, dropout_key, remat, kernels, devices: see `loss_fn`.
        microbatches: number of parts; it divides the batch's rows.
    """

    def loss(part: dict, *args):
        return loss_fn({**params, **part}, *args)

    grad, of_step = jax.grad(loss, has_aux=True), trained(params)
    if microbatches == 1:
        return grad(of_step, config, z_loss, batch, dropout_key, remat, kernels, None, devices)
    all_tokens = jnp.sum(loss_tokens(batch) > 0).astype(jnp.float32)

    def divided(x: Int[Array, "batch length"]) -> Int[Array, "microbatches part length"]:
        # Every n-th row: where rows are spread over devices, each device keeps its own.
        return jnp.moveaxis(x.reshape(-1, microbatches, *x.shape[1:]), 1, 0)

    def add(sums, part):
        i, rows = part
        # Without this the parts would all drop the same.
        key = None if dropout_key is None else jax.random.fold_in(dropout_key, i)
        new = grad(of_step, config, z_loss, rows, key, remat, kernels, all_tokens, devices)
        return jax.tree.map(jnp.add, sums, new), None

    zero = jax.tree.map(jnp.zeros_like, of_step), Metrics.zero()
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
    kernels: Kernels = PLAIN,
    prompt_length: int = 0,
    mesh: Mesh | None = None,
) -> Callable[[TrainState, Metrics, Batch, Key[Array, ""]], tuple[TrainState, Metrics]]:
    """Makes a compiled step, the same object for the same arguments: a sweep compiles once.

    The step takes the state and the running sums, both donated, a batch and the run's key, and
    gives back state and sums. The key is folded with the step's number, so that a resumed run draws
    the same dropout. On a mesh all of them lie where `init_state` and `flanrepro.training.mesh` put
    them.

    Args:
        config: dimensions of the model.
        optimizer, learning_rate, warmup_steps: see `flanrepro.training.optimizer.make_optimizer`.
        z_loss, microbatches, remat, kernels: see `gradients`.
        prompt_length: number of virtual tokens of the soft prompt that is trained; 0: none, and
            all parameters are.
        mesh: devices that share the work; None: one device.
    """
    transform = make_optimizer(optimizer, learning_rate, warmup_steps)
    devices = 1 if mesh is None else mesh.size

    def train_step(state: TrainState, metrics: Metrics, batch: Batch, key: Key[Array, ""]):
        # A model without dropout is compiled without its random numbers.
        dropout_key = jax.random.fold_in(key, state.step) if config.dropout_rate else None
        grads, new = gradients(
            state.params, config, z_loss, batch, dropout_key, microbatches, remat, kernels, devices
        )
        part = trained(state.params)
        updates, opt_state = transform.update(grads, state.opt_state, part)
        params = {**state.params, **optax.apply_updates(part, updates)}
        summed = jax.tree.map(jnp.add, metrics, new)
        first = jnp.where(jnp.isfinite(new.loss) | (metrics.diverged > 0), 0, state.step + 1)
        summed = summed._replace(diverged=metrics.diverged + first)
        return TrainState(state.step + 1, params, opt_state), summed

    where = None
    if mesh is not None:
        state = state_shapes(config, transform, prompt_length)
        where = state_shardings(state, mesh), NamedSharding(mesh, PartitionSpec())
    # Donated: the new state is written over the old one, which would else be a second copy.
    return jax.jit(train_step, donate_argnums=(0, 1), out_shardings=where)


def state_shapes(
    config: T5Config, transform: optax.GradientTransformation, prompt_length: int
) -> TrainState:
    """Gives a state's shapes."""
    params = param_shapes(config)
    if prompt_length:
        vectors = jax.ShapeDtypeStruct((prompt_length, config.emb_dim), jnp.float32)
        params = {**params, NAME: {"vectors": vectors}}
    opt_state = jax.eval_shape(transform.init, trained(params))
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
    """Makes the state of step 0; on a mesh no device holds more than its part of it.

    Args:
        config, optimizer, learning_rate, warmup_steps, mesh: see `make_train_step`.
        seed: number that decides the random parameters.
        start: tree of parameters to start from, perhaps with a soft prompt; None: random ones.
    """
    transform = make_optimizer(optimizer, learning_rate, warmup_steps)
    where = TrainState(None, None, None)
    if mesh is not None:
        where = state_shardings(state_shapes(config, transform, length_of(start or {})), mesh)
    if start is None:
        params = init_params(config, seed, where.params)
    else:
        params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), start)
        # Copied: a step donates its state, and `start` stays the caller's.
        params = (
            jax.tree.map(jnp.array, params)
            if mesh is None
            else jax.device_put(params, where.params)
        )
    init = (
        transform.init if mesh is None else jax.jit(transform.init, out_shardings=where.opt_state)
    )
    return TrainState(replicated(jnp.zeros((), jnp.int32), mesh), params, init(trained(params)))
