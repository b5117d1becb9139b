"""The SeqIO adapter: a mixture as a registered `seqio.Task`, for T5X and `seqio_cache_tasks`.

It gives the same tokens as the Grain adapter, unpacked: packing is then the caller's. Lengths are
the caller's too: what is cached is not cut, so one cache serves every length.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flanrepro.collection.prompt import Prompt
from flanrepro.data.vocabulary import Vocabulary
from flanrepro.errors import InputError

if TYPE_CHECKING:
    import seqio

FIELDS = (
    "inputs",
    "targets",
    "index",
    "_task_name",
    "_task_source",
    "_template_type",
    "_template_idx",
)
"""What an example carries before it is tokenized, in the order of `row`."""

WHOLE_NUMBERS = ("index", "_template_idx")

SHARD = 10_000
"""Examples that one Beam worker renders at a time."""


def register(
    name: str, mixture: Sequence[Prompt], vocabulary: Vocabulary, num_examples: int
) -> "seqio.Task":
    """Registers a mixture's first `num_examples` prompts as the split `train` of a SeqIO task.

    Inputs are cut to the length that the caller asks for, less one, before EOS; examples whose
    targets would be cut are left out, as `flanrepro.data.examples.Encode` does. The mixture is in
    shuffled order already, so `shuffle=False` loses nothing and keeps it (`seqio_cache_tasks`
    shuffles). Every example carries its provenance: its `index` (`mixture[index]` is the prompt),
    and under the reference's names `_task_name`, `_task_source`, `_template_type` (`zs_opt`,
    `zs_noopt`, `fs_opt`, `fs_noopt`) and `_template_idx` (the position in the template file).

    Args:
        name: in SeqIO's registry; a task of that name is replaced, so that a notebook's cell can
            run twice.
        mixture: gives the prompts, by index from 0 on.
        vocabulary: gives the ids.
        num_examples: a SeqIO split ends, a mixture does not.

    Raises:
        InputError: SeqIO is not installed, or `num_examples` is not positive.
    """
    seqio = import_seqio()
    if num_examples < 1:
        raise InputError(f"num_examples is {num_examples}: expected at least 1")
    pieces = seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=vocabulary.extra_ids)
    if name in seqio.TaskRegistry.names():
        seqio.TaskRegistry.remove(name)
    return seqio.TaskRegistry.add(
        name,
        source=_source(mixture, num_examples),
        preprocessors=[
            seqio.preprocessors.tokenize,
            # Without it `seqio_cache_tasks` passes the task over, saying nothing.
            seqio.CacheDatasetPlaceholder(),
            _drop_long_targets,
            seqio.preprocessors.append_eos_after_trim,
        ],
        output_features={
            "inputs": seqio.Feature(pieces, add_eos=True),
            "targets": seqio.Feature(pieces, add_eos=True),
        },
    )


def register_named(
    name: str, vocabulary: Vocabulary, num_examples: int, collection: str = "flan2022", **parameters
) -> "seqio.Task":
    """Registers a mixture of the paper as `flanrepro_NAME` (with `p` for `+`), see `register`.

    Args:
        name: see `flanrepro.collection.named.mixture_names`.
        vocabulary, num_examples: see `register`.
        collection: see `flanrepro.collection.load_collection`.
        parameters: of `flanrepro.collection.named.named_mixture`.

    Raises:
        InputError: SeqIO is not installed, or there is no such mixture or nothing of it at hand.
    """
    from flanrepro.collection.named import named_mixture
    from flanrepro.collection.task import MissingTasks
    from flanrepro.sources import load_collection

    made = named_mixture(name, load_collection(collection), **parameters)
    if made.report():
        warnings.warn(made.report(), MissingTasks, stacklevel=2)
    return register(task_name(name), made.mixture, vocabulary, num_examples)


def task_name(mixture: str) -> str:
    """A mixture's name in SeqIO's registry, which has no `+`."""
    return f"flanrepro_{mixture.replace('+', 'p')}"


def _source(mixture: Sequence[Prompt], num_examples: int):
    """A SeqIO source in shards, each of them indices in a row: Beam renders them in parallel."""
    import seqio
    import tensorflow as tf

    class MixtureSource(seqio.DataSource):
        supports_arbitrary_sharding = True

        def list_shards(self, split: str) -> list[str]:
            return [f"{split}-{i:05d}" for i in range(-(-num_examples // SHARD))]

        def get_dataset(self, split="train", shuffle=False, seed=None, shard_info=None, **_):
            index, shards = (shard_info.index, shard_info.num_shards) if shard_info else (0, 1)
            first, end = (num_examples * i // shards for i in (index, index + 1))

            def example(i) -> tuple[bytes | int, ...]:
                found = row(mixture[int(i)], int(i)).values()
                return tuple(x.encode() if isinstance(x, str) else x for x in found)

            def read(i):
                types = [tf.int64 if name in WHOLE_NUMBERS else tf.string for name in FIELDS]
                # Not stateful, as a generator would be: T5X can keep the position in a checkpoint.
                values = tf.numpy_function(example, [i], types, stateful=False)
                return {n: tf.ensure_shape(x, ()) for n, x in zip(FIELDS, values, strict=True)}

            return tf.data.Dataset.range(first, end).map(read)

    return MixtureSource(splits=("train",), num_input_examples={"train": num_examples})


def row(prompt: Prompt, index: int) -> dict[str, str | int]:
    """An example under the names of `FIELDS`."""
    return {
        "inputs": prompt.inputs,
        "targets": prompt.targets,
        "index": index,
        "_task_name": prompt.task,
        "_task_source": prompt.source,
        "_template_type": prompt.template_type,
        "_template_idx": prompt.template_idx,
    }


def _drop_long_targets(dataset, sequence_length: Mapping[str, int] | None = None):
    """Leaves out examples whose targets do not fit with EOS; a cut answer teaches a wrong one."""
    if not sequence_length or sequence_length.get("targets") is None:
        return dataset
    import tensorflow as tf

    return dataset.filter(lambda example: tf.size(example["targets"]) < sequence_length["targets"])


def import_seqio():
    """The module; InputError if it is not installed."""
    try:
        import seqio
    except ImportError:
        raise InputError(
            "the SeqIO adapter needs SeqIO, which is not installed: pip install 'flanrepro[beam]'"
        ) from None
    return seqio
