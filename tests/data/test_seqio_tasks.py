import json
import sys

import numpy as np
import pytest

from flanrepro.collection import Mixture, Prompt, load_templates
from flanrepro.data.examples import DROPPED, KEPT, TRUNCATED, Encode
from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import load_collection

pytestmark = pytest.mark.slow  # SeqIO brings TensorFlow

LENGTHS = {"inputs": 64, "targets": 8}  # short, so that some examples are cut and some left out
NUM_EXAMPLES = 300


def pocket_mixture() -> Mixture:
    return Mixture(tuple(load_collection("pocket").tasks.values()), few_shot_fraction=0.5)


@pytest.fixture(scope="module")
def register():
    pytest.importorskip("seqio")
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


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_both_adapters_give_the_same_tokens_cut_and_dropped_examples_too(register):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    encode = Encode(vocabulary, LENGTHS["inputs"], LENGTHS["targets"])
    encoded = [encode(mixture[i]) for i in range(NUM_EXAMPLES)]
    fates = [int(example["fate"][0]) for example in encoded]
    assert fates.count(TRUNCATED) > 20
    assert fates.count(DROPPED) > 5

    task = register("flanrepro_test_mixture", mixture, vocabulary, NUM_EXAMPLES)
    dataset = task.get_dataset(LENGTHS, split="train", shuffle=False)
    theirs = list(dataset.as_numpy_iterator())
    kept = [i for i, fate in enumerate(fates) if fate != DROPPED]
    assert [int(example["index"]) for example in theirs] == kept
    assert_same_tokens([encoded[i] for i in kept], theirs)


@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_both_adapters_draw_the_line_at_the_same_token(register):
    vocabulary = load_vocabulary("pocket")
    prompts = [
        Prompt("pig " * inputs, "hen " * targets, "t", "s", "w", 0, "train", 0)
        for inputs, targets in [(63, 7), (64, 7), (63, 8), (64, 8)]
    ]
    encode = Encode(vocabulary, LENGTHS["inputs"], LENGTHS["targets"])
    encoded = [encode(prompt) for prompt in prompts]
    assert [int(e["fate"][0]) for e in encoded] == [KEPT, TRUNCATED, DROPPED, DROPPED]
    task = register("flanrepro_test_line", prompts, vocabulary, 4)
    theirs = read(task)
    assert_same_tokens(encoded[:2], theirs)
    assert [(len(e["inputs"]), len(e["targets"])) for e in theirs] == [(64, 8), (64, 8)]
    assert all(e["inputs"][-1] == e["targets"][-1] == EOS for e in theirs)


def test_without_lengths_nothing_is_cut_or_dropped(register):
    mixture, vocabulary = pocket_mixture(), load_vocabulary("pocket")
    task = register("flanrepro_test_whole", mixture, vocabulary, 50)
    examples = list(task.get_dataset(None, split="train", shuffle=False).as_numpy_iterator())
    for i, example in enumerate(examples):
        assert example["inputs"].tolist() == [*vocabulary.encode(mixture[i].inputs), EOS]
        assert example["targets"].tolist() == [*vocabulary.encode(mixture[i].targets), EOS]
        assert example["inputs_pretokenized"].decode() == mixture[i].inputs
    assert len(examples) == task.num_input_examples("train") == 50


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


def test_a_cache_serves_every_length_with_the_same_tokens(register, tmp_path):
    import seqio

    task = register("flanrepro_test_cache", pocket_mixture(), load_vocabulary("pocket"), 60)
    assert task.supports_caching  # seqio_cache_tasks passes over a task that does not
    write_cache(task, tmp_path / task.name)
    seqio.set_global_cache_dirs([str(tmp_path)])
    try:
        cached = read(task, use_cached=True)
    finally:
        seqio.set_global_cache_dirs([])
    assert 40 < len(cached) < 60  # some are left out
    assert_same_tokens(read(task), cached)


def test_t5x_gets_packed_features_from_it(register):
    import seqio

    register("flanrepro_test_packed", pocket_mixture(), load_vocabulary("pocket"), 40)
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
    task = register("flanrepro_test_size", pocket_mixture(), vocabulary, 1)
    size = task.output_features["inputs"].vocabulary.vocab_size
    assert vocabulary.size - 128 < size <= vocabulary.size


def test_examples_carry_their_provenance(register):
    mixture = pocket_mixture()
    task = register("flanrepro_test_provenance", mixture, load_vocabulary("pocket"), 40)
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
        "flanrepro_test_shards", pocket_mixture(), load_vocabulary("pocket"), 40
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

    task = register("flanrepro_test_position", pocket_mixture(), load_vocabulary("pocket"), 40)
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
    register("flanrepro_test_again", mixture, vocabulary, 5)
    task = register("flanrepro_test_again", mixture, vocabulary, 7)
    assert len(list(task.get_dataset(None, split="train", shuffle=False))) == 7


def test_an_empty_split_is_refused(register):
    with pytest.raises(InputError, match="num_examples is 0: expected at least 1"):
        register("flanrepro_test_empty", pocket_mixture(), load_vocabulary("pocket"), 0)


def test_without_seqio_the_extra_is_named(monkeypatch):
    from flanrepro.data.seqio_tasks import register

    monkeypatch.setitem(sys.modules, "seqio", None)
    with pytest.raises(InputError, match=r"pip install 'flanrepro\[beam\]'"):
        register("flanrepro_test_none", pocket_mixture(), load_vocabulary("pocket"), 1)


def test_sentinels_are_seqios():
    seqio = pytest.importorskip("seqio")
    vocabulary = load_vocabulary("pocket")
    theirs = seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=vocabulary.extra_ids)
    assert vocabulary.first_sentinel == theirs.vocab_size - 1  # T5's `sentinel_id`
    for k in (0, 1, vocabulary.extra_ids - 1):
        piece = theirs.tokenizer.id_to_piece(vocabulary.first_sentinel - k)
        assert piece.endswith(f"<extra_id_{k}>")
    assert vocabulary.first_sentinel < vocabulary.size
