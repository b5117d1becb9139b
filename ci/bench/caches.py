"""How fast one core renders data and reads it again.

Seconds are those of the processor, on one core, so that other work on the machine does not count.
"""

import tempfile
import time
from pathlib import Path

import pandas as pd

from ci.bench.common import in_process

MIXTURE = "flan2022"
VOCABULARIES = {"pocket": "pocket", "flan2022": "flan2022-4096"}
"""Vocabulary by collection; flan2022's is trained from its text, since its own is on the Hub."""

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "JAX_PLATFORMS": "cpu"}


def table(collections: list[str], examples: int, steps: int) -> pd.DataFrame:
    """Rates of writing and reading caches, with columns what, value, unit.

    Args:
        collections: names; without data that is available, one gives no rows. Real data is read
            from FLANREPRO_MIRROR or the user's cache.
        examples: number of them in SeqIO's layout.
        steps: number of batches in packed files.
    """
    from flanrepro.sources import load_collection

    rows = []
    for collection in collections:
        tasks = load_collection(collection).tasks.values()
        if any(not task.missing("train") for task in tasks):
            with tempfile.TemporaryDirectory() as folder:
                for part, number in ((seqio, examples), (packed, steps)):
                    given = part, collection, Path(folder), number
                    rows += in_process(*given, one_core=True, environment=QUIET)
    return pd.DataFrame(rows, columns=["what", "value", "unit"])


def seqio(collection: str, folder: Path, examples: int) -> list[list]:
    """A cache in SeqIO's layout: written, read through a task, and read many records at a time."""
    import seqio
    import tensorflow as tf

    from flanrepro.data.cache import Cached, write_cache
    from flanrepro.data.seqio_tasks import register_named

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    lengths = {"inputs": 512, "targets": 128}
    most = {f"{name}_length": length for name, length in lengths.items()}
    cached = Cached(MIXTURE, collection, examples, VOCABULARIES[collection], **most)
    cached.load().mixture[0]
    began = time.process_time()
    path = write_cache(cached, folder)
    rows = [_row(f"{collection}: rendered, tokenized and written for SeqIO", examples, began)]

    seqio.set_global_cache_dirs([str(folder)])
    task = register_named(
        MIXTURE, cached.load_vocabulary(), examples, *lengths.values(), collection
    )
    dataset = task.get_dataset(
        lengths, "train", shuffle=False, use_cached=True, try_in_mem_cache=False
    ).map(lambda example: example["index"])
    rows.append(_drained(f"{collection}: read by SeqIO, task.get_dataset", tf, dataset.batch(1024)))

    files = tf.data.TFRecordDataset(sorted(map(str, path.glob("train.tfrecord-*"))))
    wanted = {name: tf.io.RaggedFeature(tf.int64) for name in lengths}
    parsed = files.batch(1024).map(lambda records: tf.io.parse_example(records, wanted)["inputs"])
    rows.append(_drained(f"{collection}: the same files, tokens of 1,024 at a time", tf, parsed))
    return rows


def _drained(what: str, tf, dataset) -> list:
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    began = time.process_time()
    return _row(what, sum(int(batch.shape[0]) for batch in dataset.with_options(options)), began)


def packed(collection: str, folder: Path, steps: int) -> list[list]:
    """The packed files that the local engine reads."""
    from ci.gpu.packed_files import open_packed
    from ci.gpu.packed_writer import write_packed
    from flanrepro.experiments.profiles import Job
    from flanrepro.experiments.start import start_params

    changes = {"mixture": MIXTURE, "vocabulary": VOCABULARIES[collection], "steps": steps}
    spec = next(Job(collection, profile="quick").specs(**changes, warmup_steps=0, decay_steps=0))
    run = folder / spec.run_id
    write_packed(spec, run, start=start_params(spec, folder))
    began, stream = time.process_time(), open_packed(run).batches()
    examples = sum(int((next(stream)["fate"] > 0).sum()) for _ in range(steps))
    rows = [_row(f"{collection}: read from packed files", examples, began)]
    seconds = time.process_time() - began
    size = sum(path.stat().st_size for path in (run / "packed").glob("batches-*"))
    what = f"{collection}: packed files"
    rows.append([f"{what}, batches of {spec.batch_size} rows", steps / seconds, "batches/s"])
    rows.append([f"{what}, size", size / examples, "bytes/example"])
    return rows


def _row(what: str, examples: int, began: float) -> list:
    return [what, examples / (time.process_time() - began), "examples/s"]
