"""The train step of large models, made from shapes alone: no parameter is ever in memory."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flanrepro.experiments.profiles import Job
from flanrepro.model.sizes import T5Config, t5_config
from flanrepro.training.mesh import state_shardings
from flanrepro.training.optimizer import make_optimizer
from flanrepro.training.spec import RunSpec
from flanrepro.training.step import Metrics, make_train_step, state_shapes

VOCABULARY = 32_128
"""Rows of T5's embedding."""


def paper_run(size: str, **changes) -> RunSpec:
    """A run of profile `paper` with another size of the model, and other changes."""
    settings = Job(profile="paper", collection="flan2022").settings
    return RunSpec(**{"collection": "flan2022", "model": size, **settings.run} | changes)


def paper_config(spec: RunSpec, layers: int = 0) -> T5Config:
    """The model of a run with T5's vocabulary, which need not be here.

    Args:
        spec: a run.
        layers: number of layers per stack; 0: the model's own.
    """
    config = t5_config(spec.model, VOCABULARY, spec.dropout_rate, spec.dtype)
    if not layers:
        return config
    return dataclasses.replace(config, num_encoder_layers=layers, num_decoder_layers=layers)


def traced_step(spec: RunSpec, config: T5Config, mesh: Mesh | None = None) -> jax.stages.Traced:
    """The train step of a run on an encoder-decoder, ready to be lowered and compiled.

    Args:
        spec: a run; its rows, lengths, optimizer, microbatches and rematerialisation.
        config: the model's dimensions.
        mesh: devices; None: one.
    """
    optimizer = (spec.optimizer, spec.learning_rate, spec.warmup_steps)
    options = {"z_loss": spec.z_loss, "microbatches": spec.microbatches, "remat": spec.remat}
    step = make_train_step(config, *optimizer, **options, mesh=mesh)
    state = state_shapes(config, make_optimizer(*optimizer), 0)
    others = jax.eval_shape(lambda: (Metrics.zero(), jax.random.key(0)))
    lengths = {"encoder": spec.inputs_length, "decoder": spec.targets_length}
    tokens = {"encoder": "input_tokens", "decoder": "target_tokens"}
    batch = {
        f"{side}_{name}": jax.ShapeDtypeStruct((spec.batch_size, length), jnp.int32)
        for side, length in lengths.items()
        for name in (tokens[side], "segment_ids", "positions")
    }
    if mesh is not None:
        everywhere = NamedSharding(mesh, PartitionSpec())
        state = _lying(state, state_shardings(state, mesh))
        others = _lying(others, jax.tree.map(lambda _: everywhere, others))
        rows = NamedSharding(mesh, PartitionSpec("data"))
        batch = _lying(batch, dict.fromkeys(batch, rows))
    metrics, key = others
    return step.trace(state, metrics, batch, key)


def _lying(shapes, where):
    def put(leaf: jax.ShapeDtypeStruct, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return jax.tree.map(put, shapes, where)
