"""`seqio_cache_tasks` renders a named mixture on Beam's local runner, and SeqIO reads the cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flanrepro.collection.named import named_mixture
from flanrepro.data.cache import Cached, write_cache
from flanrepro.sources import load_collection


@pytest.mark.slow
def test_a_named_mixture_is_cached_by_beam_and_read_by_seqio(tmp_path):
    pytest.importorskip("apache_beam", reason="Beam is not installed: pip install -e '.[beam]'")
    import seqio

    from flanrepro.data.seqio_tasks import register_named
    from flanrepro.data.vocabulary import load_vocabulary

    subprocess.run(
        [
            Path(sys.executable).parent / "seqio_cache_tasks",
            "--tasks=flanrepro_flan2021",
            "--module_import=flanrepro.data.seqio_mixtures",
            f"--output_cache_dir={tmp_path}",
        ],
        env=os.environ
        | {
            "FLANREPRO_SEQIO": "flan2021",
            "FLANREPRO_SEQIO_COLLECTION": "pocket",
            "FLANREPRO_SEQIO_EXAMPLES": "300",
        },
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "flanrepro_flan2021" / "COMPLETED").is_file()
    task = register_named("flan2021", load_vocabulary("pocket"), 300, "pocket")
    seqio.set_global_cache_dirs([str(tmp_path)])
    try:
        dataset = task.get_dataset(None, split="train", shuffle=False, use_cached=True)
        examples = list(dataset.as_numpy_iterator())
    finally:
        seqio.set_global_cache_dirs([])
    mixture = named_mixture("flan2021", load_collection("pocket")).mixture
    assert sorted(int(example["index"]) for example in examples) == list(range(300))
    for example in examples:
        prompt = mixture[int(example["index"])]
        assert example["inputs_pretokenized"].decode() == prompt.inputs
        assert example["_task_name"].decode() == prompt.task
        assert example["_template_type"].decode() == prompt.template_type
    alone = write_cache(Cached("flan2021", "pocket", 300), tmp_path / "alone")
    assert records(alone) == records(tmp_path / "flanrepro_flan2021")
    for name in ("info.train.json", "stats.train.json"):
        assert (alone / name).read_text() == (tmp_path / "flanrepro_flan2021" / name).read_text()


def records(folder: Path) -> list[str]:
    """The records of a cache's files as text, sorted, since Beam shuffles them."""
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset(sorted(map(str, folder.glob("train.tfrecord-*"))))
    found = (tf.train.Example.FromString(record) for record in dataset.as_numpy_iterator())
    return sorted(str(sorted(dict(example.features.feature).items())) for example in found)
