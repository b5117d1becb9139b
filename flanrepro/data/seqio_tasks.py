"""The SeqIO adapter: a mixture as a registered `seqio.Task`, for T5X and `seqio_cache_tasks`.

It gives the same tokens as the Grain adapter, unpacked: packing and lengths are the caller's. A
cache holds whole examples, so that one cache serves every length.
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
"""Names of an example's fields before it is tokenized, in the order of `row`."""

WHOLE_NUMBERS = ("index", "_template_idx")

SHARD = 10_000
"""Number of examples that one Beam worker renders at a time."""


def register(
    name: str, mixture: Sequence[Prompt], vocabulary: Vocabulary, num_examples: int
) -> "seqio.Task":
    """Registers a mixture's first `num_examples` prompts as the split `train` of a SeqIO task.

    Inputs are cut to the length that the caller asks for, less one, before EOS; examples whose
    targets would be cut are left out, as `flanrepro.data.examples.Encode` does. A mixture's order
    is shuffled already, and `shuffle=False` keeps it (`seqio_cache_tasks` shuffles). Every example
    carries its provenance: its `index` (`mixture[index]` is the prompt), and under the reference's
    names `_task_name`, `_task_source`, `_template_type` (`zs_opt`, `zs_noopt`, `fs_opt`,
    `fs_noopt`) and `_template_idx` (the position in the template file).

    Args:
        name: name in SeqIO's registry; a task of that name is replaced, so that a notebook's cell
            can run twice.
        mixture: prompts by index, from 0 on.
        vocabulary: vocabulary that gives the ids.
        num_examples: number of prompts, since a SeqIO split ends and a mixture does not.

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
            # Behind the cache, since it depends on the caller's lengths.
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
        name: name of the mixture, see `flanrepro.collection.named.mixture_names`.
        vocabulary, num_examples: see `register`.
        collection: name, see `flanrepro.sources.load_collection`.
        parameters: arguments of `flanrepro.collection.named.named_mixture`.

    Raises:
        InputError: SeqIO is not installed, the mixture is unknown, or no data of it is available.
    """
    from flanrepro.collection.named import named_mixture
    from flanrepro.collection.task import MissingTasks
    from flanrepro.sources import load_collection

    made = named_mixture(name, load_collection(collection), **parameters)
    if made.report():
        warnings.warn(made.report(), MissingTasks, stacklevel=2)
    return register(task_name(name), made.mixture, vocabulary, num_examples)


def task_name(mixture: str) -> str:
    """Gives a mixture's name in SeqIO's registry, which allows no `+`."""
    return f"flanrepro_{mixture.replace('+', 'p')}"


def _source(mixture: Sequence[Prompt], num_examples: int):
    """Makes a SeqIO source in shards of successive indices, which Beam renders in parallel."""
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
                # In the arithmetic of random keys TensorFlow's int64 would overflow.
                found = row(mixture[int(i)], int(i)).values()
                return tuple(x.encode() if isinstance(x, str) else x for x in found)

            def read(i):
                types = [tf.int64 if name in WHOLE_NUMBERS else tf.string for name in FIELDS]
                # Not stateful, as a generator would be: T5X can keep the position in a checkpoint.
                values = tf.numpy_function(example, [i], types, stateful=False)
                # SeqIO checks the number of axes, which `numpy_function` does not know.
                return {n: tf.ensure_shape(x, ()) for n, x in zip(FIELDS, values, strict=True)}

            return tf.data.Dataset.range(first, end).map(read)

    return MixtureSource(splits=("train",), num_input_examples={"train": num_examples})


def row(prompt: Prompt, index: int) -> dict[str, str | int]:
    """Gives an example under the names of `FIELDS`."""
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
    # A caller may give no lengths, or None for one of them: no limit.
    if not sequence_length or sequence_length.get("targets") is None:
        return dataset
    import tensorflow as tf

    return dataset.filter(lambda example: tf.size(example["targets"]) < sequence_length["targets"])


def import_seqio():
    """Imports and gives the module SeqIO; InputError if it is not installed."""
    try:
        import seqio
    except ImportError:
        raise InputError(
            "the SeqIO adapter needs SeqIO, which is not installed: pip install 'flanrepro[beam]'"
        ) from None
    return seqio
