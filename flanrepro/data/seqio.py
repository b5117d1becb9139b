"""The SeqIO adapter: a mixture as a registered `seqio.Task`, for T5X and `seqio_cache_tasks`.

It gives the same tokens as the Grain adapter, unpacked: packing is then the caller's. Lengths are
the caller's too: what is cached is not cut, so one cache serves every length.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from flanrepro.collection.prompt import Prompt
from flanrepro.data.vocabulary import Vocabulary
from flanrepro.errors import InputError

if TYPE_CHECKING:
    import seqio


def register(
    name: str, mixture: Sequence[Prompt], vocabulary: Vocabulary, num_examples: int
) -> "seqio.Task":
    """Registers a mixture's first `num_examples` prompts as the split `train` of a SeqIO task.

    Inputs are cut to the length that the caller asks for, less one, before EOS; examples whose
    targets would be cut are left out, as `flanrepro.data.grain.Encode` does. The mixture is in
    shuffled order already, so `shuffle=False` loses nothing and keeps it (`seqio_cache_tasks`
    shuffles). Every example carries its `index`: `mixture[index]` has its provenance.

    Args:
        name: in SeqIO's registry; a task of that name is replaced, so that a notebook's cell can
            run twice.
        mixture: gives the prompts, by index from 0 on.
        vocabulary: gives the ids.
        num_examples: a SeqIO split ends, a mixture does not.

    Raises:
        InputError: SeqIO is not installed, or `num_examples` is not positive.
    """
    seqio = _import_seqio()
    if num_examples < 1:
        raise InputError(f"num_examples is {num_examples}: expected at least 1")
    pieces = seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=vocabulary.extra_ids)
    if name in seqio.TaskRegistry.names():
        seqio.TaskRegistry.remove(name)
    return seqio.TaskRegistry.add(
        name,
        source=seqio.FunctionDataSource(
            dataset_fn=_dataset_fn(mixture, num_examples),
            splits=("train",),
            num_input_examples={"train": num_examples},
        ),
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


def _dataset_fn(mixture: Sequence[Prompt], num_examples: int):
    """SeqIO's source function; SeqIO wants just these arguments."""

    def dataset_fn(split: str, shuffle_files: bool, seed: int | None = None):
        import tensorflow as tf

        def examples() -> Iterator[dict[str, str | int]]:
            for i in range(num_examples):
                prompt = mixture[i]
                yield {"inputs": prompt.inputs, "targets": prompt.targets, "index": i}

        text, whole = tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int64)
        return tf.data.Dataset.from_generator(
            examples, output_signature={"inputs": text, "targets": text, "index": whole}
        )

    return dataset_fn


def _drop_long_targets(dataset, sequence_length: Mapping[str, int] | None = None):
    """Leaves out examples whose targets do not fit with EOS; a cut answer teaches a wrong one."""
    if not sequence_length or sequence_length.get("targets") is None:
        return dataset
    import tensorflow as tf

    return dataset.filter(lambda example: tf.size(example["targets"]) < sequence_length["targets"])


def _import_seqio():
    try:
        import seqio
    except ImportError:
        raise InputError(
            "the SeqIO adapter needs SeqIO, which is not installed: pip install 'flanrepro[beam]'"
        ) from None
    return seqio
