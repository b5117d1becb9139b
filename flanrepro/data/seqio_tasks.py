"""The SeqIO adapter: a mixture as a registered `seqio.Task`, for T5X and `seqio_cache_tasks`.

It gives the same tokens as the Grain adapter, unpacked: packing is the caller's. Prompts are made
to fit the lengths that a task is registered with (`flanrepro.data.fit`), so a cache serves these
lengths, and longer ones.
"""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from flanrepro.data.examples import Encode, EncodedPrompts, Prompts
from flanrepro.data.fates import DROPPED
from flanrepro.data.fit import Fitted
from flanrepro.data.vocabulary import EOS, Vocabulary
from flanrepro.errors import InputError

if TYPE_CHECKING:
    import seqio

TOKENS = ("inputs", "targets")
"""Names of an example's ids, without EOS; their texts are `inputs_pretokenized` and so on."""

WHOLE_NUMBERS = ("index", "_template_idx", "_fate")

TEXTS = (
    *(f"{name}_pretokenized" for name in TOKENS),
    "_task_name",
    "_task_source",
    "_template_type",
)

SHARD = 10_000
"""Number of examples that one Beam worker renders at a time."""


def register(
    name: str,
    mixture: Prompts,
    vocabulary: Vocabulary,
    num_examples: int,
    inputs_length: int,
    targets_length: int,
) -> "seqio.Task":
    """Registers a mixture's first `num_examples` prompts as the split `train` of a SeqIO task.

    A prompt that is too long loses exemplars, is cut or is left out, as in the local engine, see
    `flanrepro.data.fit`. A mixture's order is shuffled already, and `shuffle=False` keeps it
    (`seqio_cache_tasks` shuffles). Every example carries its provenance: its `index`
    (`mixture[index]` is the prompt) and its `_fate` (`flanrepro.data.fates`), and under the
    reference's names `_task_name`, `_task_source`, `_template_type` (`zs_opt`, `zs_noopt`,
    `fs_opt`, `fs_noopt`) and `_template_idx` (the position in the template file).

    Args:
        name: name in SeqIO's registry; a task of that name is replaced, so that a notebook's cell
            can run twice.
        mixture: prompts by index, from 0 on.
        vocabulary: vocabulary that gives the ids.
        num_examples: number of prompts, since a SeqIO split ends and a mixture does not.
        inputs_length, targets_length: number of tokens of an example at most, EOS included. The
            task refuses to be read with shorter ones.

    Raises:
        InputError: SeqIO is not installed, or `num_examples` is not positive.
    """
    seqio = import_seqio()
    if num_examples < 1:
        raise InputError(f"num_examples is {num_examples}: expected at least 1")
    pieces = seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=vocabulary.extra_ids)
    lengths = {"inputs": inputs_length, "targets": targets_length}
    if name in seqio.TaskRegistry.names():
        seqio.TaskRegistry.remove(name)
    examples = EncodedPrompts(mixture, Encode(vocabulary, inputs_length, targets_length))

    def ended(dataset, sequence_length: Mapping[str, int] | None = None):
        return _ended(dataset, name, lengths, sequence_length or {})

    return seqio.TaskRegistry.add(
        name,
        source=_source(examples, num_examples),
        preprocessors=[
            # Without it `seqio_cache_tasks` passes the task over, saying nothing.
            seqio.CacheDatasetPlaceholder(),
            ended,
        ],
        output_features={key: seqio.Feature(pieces, add_eos=True) for key in TOKENS},
    )


def _ended(dataset, name: str, lengths: Mapping[str, int], asked: Mapping[str, int | None]):
    """Adds EOS. SeqIO would cut what is too long for the caller, and say nothing."""
    import tensorflow as tf

    for key, length in lengths.items():
        # A caller may give no lengths, or None for one of them: no limit.
        if asked.get(key) is not None and asked[key] < length:
            raise InputError(
                f"SeqIO task '{name}' was registered for {length} tokens of {key}, and "
                f"{asked[key]} were asked for: register it with {key}_length={asked[key]}, so that "
                "longer prompts lose exemplars and not their question"
            )

    def end(example: dict) -> dict:
        ids = {key: tf.concat([example[key], [EOS]], 0) for key in lengths}
        both = " and ".join(map(str, lengths.values()))
        too_long = (
            f"an example of SeqIO task '{name}' is longer than the {both} tokens that it was "
            "registered for: its cache was written for other lengths; write one for these, or "
            "register it with those"
        )
        fits = [
            tf.debugging.assert_less_equal(tf.size(ids[key]), length, too_long)
            for key, length in lengths.items()
        ]
        with tf.control_dependencies(fits):
            return example | {key: tf.identity(value) for key, value in ids.items()}

    return dataset.map(end)


def register_named(
    name: str,
    vocabulary: Vocabulary,
    num_examples: int,
    inputs_length: int,
    targets_length: int,
    collection: str = "flan2022",
    **parameters,
) -> "seqio.Task":
    """Registers a mixture of the paper under `task_name`, see `register`.

    Args:
        name: name of the mixture, see `flanrepro.collection.named.mixture_names`.
        vocabulary, num_examples, inputs_length, targets_length: see `register`.
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
    registered = task_name(name, inputs_length, targets_length)
    return register(
        registered, made.mixture, vocabulary, num_examples, inputs_length, targets_length
    )


def task_name(mixture: str, inputs_length: int, targets_length: int) -> str:
    """Gives a mixture's name in SeqIO's registry, `flanrepro_flan2022_2048_512`.

    The lengths are in it, so that no cache is read with others. SeqIO allows no `+`: it is a `p`.
    """
    return f"flanrepro_{mixture.replace('+', 'p')}_{inputs_length}_{targets_length}"


def _source(examples: EncodedPrompts, num_examples: int):
    """Makes a SeqIO source in shards of successive indices, which Beam renders in parallel."""
    import seqio
    import tensorflow as tf

    kinds = {
        **{name: (tf.int32, (None,)) for name in TOKENS},
        **{name: (tf.int64, ()) for name in WHOLE_NUMBERS},
        **{name: (tf.string, ()) for name in TEXTS},
    }

    class MixtureSource(seqio.DataSource):
        supports_arbitrary_sharding = True

        def list_shards(self, split: str) -> list[str]:
            return [f"{split}-{i:05d}" for i in range(-(-num_examples // SHARD))]

        def get_dataset(self, split="train", shuffle=False, seed=None, shard_info=None, **_):
            index, shards = (shard_info.index, shard_info.num_shards) if shard_info else (0, 1)
            first, end = (num_examples * i // shards for i in (index, index + 1))

            def example(i) -> list:
                # In the arithmetic of random keys TensorFlow's int64 would overflow.
                found = row(examples.fitted(int(i)), int(i))
                return [_as_tensor(found[name]) for name in kinds]

            def read(i):
                types = [kind for kind, _ in kinds.values()]
                # Not stateful, as a generator would be: T5X can keep the position in a checkpoint.
                values = tf.numpy_function(example, [i], types, stateful=False)
                # SeqIO checks the number of axes, which `numpy_function` does not know.
                shapes = [shape for _, shape in kinds.values()]
                shaped = map(tf.ensure_shape, values, shapes)
                return dict(zip(kinds, shaped, strict=True))

            found = tf.data.Dataset.range(first, end).map(read)
            return found.filter(lambda example: example["_fate"] != DROPPED)

    return MixtureSource(splits=("train",), num_input_examples={"train": num_examples})


def _as_tensor(value: str | int | list[int]):
    if isinstance(value, str):
        return value.encode()
    return np.array(value, np.int32) if isinstance(value, list) else value


def row(fitted: Fitted, index: int) -> dict[str, str | int | list[int]]:
    """Gives the fields of an example: `TOKENS`, `WHOLE_NUMBERS` and `TEXTS`."""
    prompt = fitted.prompt
    return {
        "inputs": fitted.inputs.tolist(),
        "targets": fitted.targets.tolist(),
        "inputs_pretokenized": prompt.inputs,
        "targets_pretokenized": prompt.targets,
        "index": index,
        "_task_name": prompt.task,
        "_task_source": prompt.source,
        "_template_type": prompt.template_type,
        "_template_idx": prompt.template_idx,
        "_fate": fitted.fate,
    }


def import_seqio():
    """Imports and gives the module SeqIO; InputError if it is not installed."""
    try:
        import seqio
    except ImportError:
        raise InputError(
            "the SeqIO adapter needs SeqIO, which is not installed: pip install 'flanrepro[beam]'"
        ) from None
    return seqio
