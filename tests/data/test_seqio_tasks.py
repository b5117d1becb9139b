import json
import runpy
import sys

import numpy as np
import pytest
from wording import QUESTION

from flanrepro.collection import Mixture, Prompt, Task, Template, load_templates, render
from flanrepro.data.examples import Encode, EncodedPrompts
from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED, count_fates
from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

pytestmark = pytest.mark.slow  # SeqIO brings TensorFlow

LENGTHS = {"inputs": 50, "targets": 8}  # short: some lose exemplars, are cut or are left out
NUM_EXAMPLES = 300


def pocket_mixture() -> Mixture:
    return Mixture(tuple(load_collection("pocket").tasks.values()), few_shot_fraction=0.5)


@pytest.fixture(scope="module")
def seqio():
    return pytest.importorskip("seqio")


@pytest.fixture(scope="module")
def register(seqio):
    from flanrepro.data.seqio_tasks import register

    return register


def read(task, **options) -> list[dict]:
    """The split's examples in the mixture's order, at LENGTHS."""
    dataset = task.get_dataset(LENGTHS, split="train", shuffle=False, **options)
    return sorted(dataset.as_numpy_iterator(), key=lambda example: int(example["index"]))


def assert_same_tokens(ours: list[dict], theirs: list[dict]) -> None:
    assert len(ours) == len(theirs)
    for left, right in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(left["inputs"], right["inputs"])
        np.testing.assert_array_equal(left["targets"], right["targets"])


def local(mixture, vocabulary, number: int) -> list[dict]:
    """The local engine's first examples, at LENGTHS."""
    examples = EncodedPrompts(mixture, Encode(vocabulary, *LENGTHS.values()))
    return [examples[i] for i in range(number)]


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_both_adapters_give_the_same_tokens_of_long_prompts_too(register):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    encoded = local(mixture, vocabulary, NUM_EXAMPLES)
    fates = [int(example["fate"][0]) for example in encoded]
    counts = count_fates(np.array(fates))
    assert counts["shortened"] > 10
    assert counts["dropped"] > 10

    task = register("flanrepro_test_mixture", mixture, vocabulary, NUM_EXAMPLES, *LENGTHS.values())
    dataset = task.get_dataset(LENGTHS, split="train", shuffle=False)
    theirs = list(dataset.as_numpy_iterator())
    kept = [i for i, fate in enumerate(fates) if fate != DROPPED]
    assert [int(example["index"]) for example in theirs] == kept
    assert [int(example["_fate"]) for example in theirs] == [fates[i] for i in kept]
    assert_same_tokens([encoded[i] for i in kept], theirs)


class Tales:
    """Prompts of tales of some numbers of words."""

    def __init__(self, *numbers: tuple[int, int]):
        records = [
            {"tale": "pig " * (inputs - 5) + "pig", "answer": "hen " * (targets - 1) + "hen"}
            for inputs, targets in numbers
        ]
        load = {"train": records}.__getitem__
        self.tasks = (Task("tales", "flan2021", "tales", load, {"train": len(records)}, QUESTION),)

    def __getitem__(self, i: int) -> Prompt:
        return render(self.tasks[0], i, template=Template("t", "{tale}\nWhat is told?", "{answer}"))


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_both_adapters_draw_the_line_at_the_same_token(register):
    vocabulary = load_vocabulary("pocket")
    tales = Tales((49, 7), (50, 7), (49, 8), (50, 8))
    encoded = local(tales, vocabulary, 4)
    assert [int(e["fate"][0]) for e in encoded] == [KEPT, TRUNCATED, DROPPED, DROPPED]
    task = register("flanrepro_test_line", tales, vocabulary, 4, *LENGTHS.values())
    theirs = read(task)
    assert_same_tokens(encoded[:2], theirs)
    assert [(len(e["inputs"]), len(e["targets"])) for e in theirs] == [(50, 8), (50, 8)]
    assert all(e["inputs"][-1] == e["targets"][-1] == EOS for e in theirs)
    # The cut text ends with its question.
    assert theirs[1]["inputs_pretokenized"].decode().endswith("pig pig\nWhat is told?")


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
@pytest.mark.parametrize("lengths", [None, {"inputs": 256}, {"inputs": 50, "targets": 64}])
def test_read_without_lengths_or_with_longer_ones_it_gives_what_it_was_registered_for(
    register, lengths
):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    task = register("flanrepro_test_longer", mixture, vocabulary, 50, *LENGTHS.values())
    dataset = task.get_dataset(lengths, split="train", shuffle=False)
    assert_same_tokens(read(task), list(dataset.as_numpy_iterator()))
    assert task.num_input_examples("train") == 50


@pytest.mark.parametrize(("key", "length"), [("inputs", 49), ("targets", 7)])
def test_shorter_lengths_than_the_registered_ones_are_refused(register, key, length):
    task = register(
        "flanrepro_test_shorter", pocket_mixture(), load_vocabulary("pocket"), 5, *LENGTHS.values()
    )
    said = (
        f"^SeqIO task 'flanrepro_test_shorter' was registered for {LENGTHS[key]} tokens of {key}, "
        f"and {length} were asked for: register it with {key}_length={length}, so that longer "
    )
    with pytest.raises(InputError, match=said):
        task.get_dataset({**LENGTHS, key: length}, split="train")


def write_cache(task, folder) -> None:
    """What `seqio_cache_tasks` writes for a task, here in the mixture's order reversed."""
    import seqio
    import tensorflow as tf

    dataset = task.preprocess_precache(task.source.get_dataset("train", shuffle=False))
    examples = list(dataset.as_numpy_iterator())
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "train.tfrecord-00000-of-00001")) as writer:
        for example in reversed(examples):
            writer.write(seqio.dict_to_tfexample(example).SerializeToString())
    features = {
        name: {"shape": list(spec.shape), "dtype": spec.dtype.name}
        for name, spec in dataset.element_spec.items()
    }
    info = {"num_shards": 1, "features": features, "seqio_version": seqio.__version__}
    (folder / "info.train.json").write_text(json.dumps(info))
    (folder / "stats.train.json").write_text(json.dumps({"examples": len(examples)}))
    (folder / "COMPLETED").touch()


def read_cached(task, folder, written_by) -> list[dict]:
    """The task's examples from a cache that `written_by` made."""
    import seqio

    write_cache(written_by, folder / task.name)
    seqio.set_global_cache_dirs([str(folder)])
    try:
        return read(task, use_cached=True)
    finally:
        seqio.set_global_cache_dirs([])


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_a_cache_gives_the_same_tokens(register, tmp_path):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    task = register("flanrepro_test_cache", mixture, vocabulary, 60, *LENGTHS.values())
    assert task.supports_caching  # seqio_cache_tasks passes over a task that does not
    cached = read_cached(task, tmp_path, task)
    assert 40 < len(cached) < 60  # some are left out
    assert_same_tokens(read(task), cached)


def test_a_cache_of_longer_examples_is_an_error_and_not_cut(register, tmp_path):
    import tensorflow as tf

    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    longer = register("flanrepro_test_longer_cache", mixture, vocabulary, 60, 256, 64)
    task = register("flanrepro_test_cache", mixture, vocabulary, 60, *LENGTHS.values())
    said = "flanrepro_test_cache.* is longer than the 50 and 8 tokens that .* write one for these"
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        read_cached(task, tmp_path, longer)


def test_t5x_gets_packed_features_from_it(register):
    import seqio

    register("flanrepro_test_packed", pocket_mixture(), load_vocabulary("pocket"), 40, 256, 32)
    dataset = seqio.get_dataset(
        "flanrepro_test_packed",
        {"inputs": 256, "targets": 32},
        dataset_split="train",
        shuffle=False,
        feature_converter=seqio.EncDecFeatureConverter(pack=True),
    )
    rows = list(dataset.as_numpy_iterator())
    assert {row["encoder_input_tokens"].shape for row in rows} == {(256,)}
    assert {row["decoder_target_tokens"].shape for row in rows} == {(32,)}
    assert sum(int((row["encoder_input_tokens"] == EOS).sum()) for row in rows) == 40


def test_vocabularies_have_the_same_size_before_padding(register):
    vocabulary = load_vocabulary("pocket")
    task = register("flanrepro_test_size", pocket_mixture(), vocabulary, 1, 256, 64)
    size = task.output_features["inputs"].vocabulary.vocab_size
    assert vocabulary.size - 128 < size <= vocabulary.size


def test_examples_carry_their_provenance(register):
    mixture = pocket_mixture()
    task = register("flanrepro_test_provenance", mixture, load_vocabulary("pocket"), 40, 256, 64)
    for example in task.get_dataset(None, split="train", shuffle=False).as_numpy_iterator():
        prompt = mixture[int(example["index"])]
        assert example["_task_name"].decode() == prompt.task
        assert example["_task_source"].decode() == prompt.source
        assert example["_template_type"].decode() == prompt.template_type
        templates = load_templates(load_collection("pocket").task(prompt.task).templates)
        assert templates[int(example["_template_idx"])].name == prompt.template


def test_shards_together_are_the_whole_and_none_overlaps(register, monkeypatch):
    import seqio

    from flanrepro.data import seqio_tasks as adapter

    monkeypatch.setattr(adapter, "SHARD", 7)
    source = register(
        "flanrepro_test_shards", pocket_mixture(), load_vocabulary("pocket"), 40, 256, 64
    ).source
    shards = source.list_shards("train")
    assert len(shards) == 6
    seen = []
    for i in range(len(shards)):
        info = seqio.ShardInfo(index=i, num_shards=len(shards))
        part = source.get_dataset("train", shuffle=False, shard_info=info)
        seen += [int(example["index"]) for example in part.as_numpy_iterator()]
    assert seen == list(range(40))


def test_a_stream_goes_on_from_a_checkpoint_of_its_position(register, tmp_path):
    import tensorflow as tf

    task = register(
        "flanrepro_test_position", pocket_mixture(), load_vocabulary("pocket"), 40, 256, 64
    )
    batches = task.get_dataset(None, split="train", shuffle=False).batch(1).prefetch(2)
    stream = iter(batches)
    for _ in range(7):
        next(stream)
    path = tf.train.Checkpoint(stream=stream).write(str(tmp_path / "position"))
    again = iter(batches)
    tf.train.Checkpoint(stream=again).read(path).assert_consumed()
    assert [int(next(again)["index"][0]) for _ in range(3)] == [7, 8, 9]


def test_registering_a_name_again_replaces_the_task(register):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    register("flanrepro_test_again", mixture, vocabulary, 5, 256, 64)
    task = register("flanrepro_test_again", mixture, vocabulary, 7, 256, 64)
    assert len(list(task.get_dataset(None, split="train", shuffle=False))) == 7


def test_an_empty_split_is_refused(register):
    with pytest.raises(InputError, match="num_examples is 0: expected at least 1"):
        register("flanrepro_test_empty", pocket_mixture(), load_vocabulary("pocket"), 0, 64, 8)


def test_without_seqio_the_extra_is_named(monkeypatch):
    from flanrepro.data.seqio_tasks import register

    monkeypatch.setitem(sys.modules, "seqio", None)
    with pytest.raises(InputError, match=r"pip install 'flanrepro\[beam\]'"):
        register("flanrepro_test_none", pocket_mixture(), load_vocabulary("pocket"), 1, 64, 8)


def test_sentinels_are_seqios():
    seqio = pytest.importorskip("seqio")
    vocabulary = load_vocabulary("pocket")
    theirs = seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=vocabulary.extra_ids)
    assert vocabulary.first_sentinel == theirs.vocab_size - 1  # T5's `sentinel_id`
    for k in (0, 1, vocabulary.extra_ids - 1):
        piece = theirs.tokenizer.id_to_piece(vocabulary.first_sentinel - k)
        assert piece.endswith(f"<extra_id_{k}>")
    assert vocabulary.first_sentinel < vocabulary.size


@pytest.mark.parametrize("said", ["512", "512 x", "512 64 8", "1 64"])
def test_lengths_for_seqio_s_own_programs_that_are_none_are_a_sentence(seqio, monkeypatch, said):
    monkeypatch.setenv("FLANREPRO_SEQIO", "niv2")
    monkeypatch.setenv("FLANREPRO_SEQIO_COLLECTION", "pocket")
    monkeypatch.setenv("FLANREPRO_SEQIO_LENGTHS", said)
    with pytest.raises(InputError, match=f"FLANREPRO_SEQIO_LENGTHS is '{said}': expected two"):
        runpy.run_module("flanrepro.data.seqio_mixtures")


def test_a_module_registers_mixtures_at_the_lengths_that_the_environment_says(seqio, monkeypatch):
    monkeypatch.setenv("FLANREPRO_SEQIO", "niv2,flan2021")
    monkeypatch.setenv("FLANREPRO_SEQIO_COLLECTION", "pocket")
    monkeypatch.setenv("FLANREPRO_SEQIO_LENGTHS", "90,12")
    runpy.run_module("flanrepro.data.seqio_mixtures")
    assert {"flanrepro_niv2_90_12", "flanrepro_flan2021_90_12"} <= set(seqio.TaskRegistry.names())
