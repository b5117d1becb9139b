"""`seqio_cache_tasks` renders a named mixture on Beam's local runner, and SeqIO reads the cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flanrepro.data.cache import Cached, write_cache
from flanrepro.data.fates import DROPPED, LOSSES

NAME = "flanrepro_flan2021_64_16"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")
def test_a_named_mixture_is_cached_by_beam_and_read_by_seqio(tmp_path):
    pytest.importorskip("apache_beam", reason="Beam is not installed: pip install -e '.[beam]'")
    import seqio

    from flanrepro.data.seqio_tasks import register_named
    from flanrepro.data.vocabulary import load_vocabulary

    subprocess.run(
        [
            Path(sys.executable).parent / "seqio_cache_tasks",
            "--tasks=flanrepro_flan2021_64_16",
            "--module_import=flanrepro.data.seqio_mixtures",
            f"--output_cache_dir={tmp_path}",
        ],
        env=os.environ
        | {
            "FLANREPRO_SEQIO": "flan2021",
            "FLANREPRO_SEQIO_COLLECTION": "pocket",
            "FLANREPRO_SEQIO_EXAMPLES": "300",
            "FLANREPRO_SEQIO_LENGTHS": "64 16",
        },
        check=True,
        capture_output=True,
    )
    assert (tmp_path / NAME / "COMPLETED").is_file()
    task = register_named("flan2021", load_vocabulary("pocket"), 300, 64, 16, "pocket")
    seqio.set_global_cache_dirs([str(tmp_path)])
    try:
        dataset = task.get_dataset(None, split="train", shuffle=False, use_cached=True)
        examples = list(dataset.as_numpy_iterator())
    finally:
        seqio.set_global_cache_dirs([])
    cached = Cached("flan2021", "pocket", 300, inputs_length=64, targets_length=16)
    prompts = cached.load_examples()
    kept = [i for i in range(300) if prompts.fitted(i).fate != DROPPED]
    assert sorted(int(example["index"]) for example in examples) == kept
    assert 200 < len(kept) < 300
    for example in examples:
        prompt = prompts.fitted(int(example["index"])).prompt
        assert example["inputs_pretokenized"].decode() == prompt.inputs
        assert example["_task_name"].decode() == prompt.task
        assert example["_template_type"].decode() == prompt.template_type
    alone = write_cache(cached, tmp_path / "alone")
    assert records(alone) == records(tmp_path / NAME)
    info, stats = (
        [
            json.loads((folder / f"{name}.train.json").read_text())
            for folder in (alone, tmp_path / NAME)
        ]
        for name in ("info", "stats")
    )
    assert info[0] == info[1]
    # Ours also counts what did not fit.
    assert stats[0].keys() - stats[1].keys() == set(LOSSES)
    assert stats[0] | stats[1] == stats[0]


def records(folder: Path) -> list[str]:
    """The records of a cache's files as text, sorted, since Beam shuffles them."""
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset(sorted(map(str, folder.glob("train.tfrecord-*"))))
    found = (tf.train.Example.FromString(record) for record in dataset.as_numpy_iterator())
    return sorted(str(sorted(dict(example.features.feature).items())) for example in found)
