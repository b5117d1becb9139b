"""A mixture rendered and tokenized in many processes, in the layout that SeqIO reads as a cache.

`seqio_cache_tasks` writes the same examples on Apache Beam, which spreads over a cluster and begins
anew when it is killed; this is for one machine, needs no Beam, and goes on with the shards that are
missing. In both a folder is complete when it holds `COMPLETED`, which comes last.
"""

import concurrent.futures
import contextlib
import functools
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock
from tqdm import tqdm

from flanrepro.collection import Mixture
from flanrepro.collection.mixture import PROMPTS
from flanrepro.collection.named import NamedMixture, named_mixture
from flanrepro.data.seqio_tasks import SHARD, import_seqio, row, task_name
from flanrepro.data.vocabulary import EOS, Vocabulary, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import load_collection
from flanrepro.whole import write_whole

MIN_SHARDS = 64
"""As of `seqio_cache_tasks`: so many hosts can read a cache, each its own files."""

TOKENS = ("inputs", "targets")


@dataclass(frozen=True)
class Cached:
    """What a cache holds.

    Attributes:
        mixture: see `flanrepro.collection.named.mixture_names`.
        collection: see `flanrepro.collection.load_collection`.
        examples: the mixture's first so many prompts.
        vocabulary: see `load_vocabulary`; empty: the collection's.
        seed, subset, few_shot_fraction: see `flanrepro.collection.named.named_mixture`.
    """

    mixture: str
    collection: str
    examples: int
    vocabulary: str = ""
    seed: int = 0
    subset: int | None = None
    few_shot_fraction: float | None = None

    def load(self) -> NamedMixture:
        """InputError: no such mixture, or nothing of it at hand."""
        return named_mixture(
            self.mixture,
            load_collection(self.collection),
            seed=self.seed,
            subset=self.subset,
            few_shot_fraction=self.few_shot_fraction,
        )

    def load_vocabulary(self) -> Vocabulary:
        return load_vocabulary(self.vocabulary or load_collection(self.collection).vocabulary)

    @property
    def shards(self) -> int:
        """Files; their bytes depend on what is cached alone, not on who writes them."""
        return min(self.examples, max(MIN_SHARDS, -(-self.examples // SHARD)))

    def rows(self, shard: int) -> range:
        """The indices of a shard's prompts."""
        first, end = (self.examples * i // self.shards for i in (shard, shard + 1))
        return range(first, end)


def write_cache(cached: Cached, root: Path, workers: int = 1, bar: str = "") -> Path:
    """Writes what is missing of a cache, for `seqio.set_global_cache_dirs([root])`.

    The task to read it with is `flanrepro.data.seqio_tasks.register_named`'s, with `use_cached=True`.

    Args:
        cached: what to write.
        root: gets a folder under the task's name, see `flanrepro.data.seqio_tasks.task_name`.
        workers: processes.
        bar: show progress over shards under this name; empty: not.

    Returns:
        the task's folder: `train.tfrecord-*`, `info.train.json`, `stats.train.json`, `COMPLETED`,
        and `flanrepro.json` with what it holds.

    Raises:
        InputError: SeqIO is not installed; a number is not positive; there is no such mixture or
            vocabulary; the folder holds something else, is being written by another process or
            cannot be written; or a worker was killed. Shards that are written are kept.
    """
    import_seqio()
    for name, value in (("examples", cached.examples), ("workers", workers)):
        if value < 1:
            raise InputError(f"{name} is {value}: expected at least 1")
    identity = _identity(cached)
    folder = root / task_name(cached.mixture)
    with _own(folder):
        _claim(folder, identity)
        if not (folder / "COMPLETED").is_file():
            left = [i for i in range(cached.shards) if not _part(folder, cached, i).is_file()]
            _write_shards(cached, folder, left, workers, bar)
            _complete(cached, folder)
    return folder


def _identity(cached: Cached) -> dict:
    """What tells this cache from another one, JSON-able; the same where the examples are."""
    made, vocabulary = cached.load(), cached.load_vocabulary()
    return asdict(cached) | {
        "few_shot_fraction": float(made.mixture.few_shot_fraction),
        "vocabulary": hashlib.sha256(vocabulary.path.read_bytes()).hexdigest(),
        "data": made.digest,
        "prompts": PROMPTS,
        "shards": cached.shards,
    }


@contextlib.contextmanager
def _own(folder: Path) -> Iterator[None]:
    """The folder, in which no other process writes meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the cache folder {folder} could not be made ({error.strerror}): give another one"
        ) from None
    lock = filelock.FileLock(folder / "writing.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise InputError(
            f"another process is writing the cache {folder}: wait for it, or give another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _claim(folder: Path, identity: dict) -> None:
    """Says in the folder what it is to hold; InputError if it holds something else."""
    path = folder / "flanrepro.json"
    try:
        there = json.loads(path.read_text("utf-8")) if path.is_file() else None
    except ValueError:
        there = {}
    if there is None and any(folder.glob("train.tfrecord-*")):
        there = {}
    if there is not None and there != identity:
        differ = [k for k in identity if there.get(k) != identity[k]]
        raise InputError(
            f"{folder} holds another cache: its {', '.join(differ)} "
            + ("is" if len(differ) == 1 else "are")
            + " not what is asked for; give another folder, or move that one away"
        )
    write_whole(path, json.dumps(identity, indent=1, sort_keys=True))
    for part in folder.glob("*.part"):  # of a process that was killed
        part.unlink()


def _shard(folder: Path, cached: Cached, i: int) -> Path:
    return folder / f"train.tfrecord-{i:05d}-of-{cached.shards:05d}"


def _part(folder: Path, cached: Cached, i: int) -> Path:
    """A written shard's counts, until the cache is complete; they come behind the shard."""
    return folder / f"stats.train-{i:05d}-of-{cached.shards:05d}.json"


def _write_shards(
    cached: Cached, folder: Path, left: Sequence[int], workers: int, bar: str
) -> None:
    write = functools.partial(write_shard, cached, folder)
    done = map(write, left) if workers == 1 else _in_processes(write, left, workers)
    bar_of = {"desc": bar, "total": cached.shards, "unit": "shard", "disable": not bar}
    try:
        for _ in tqdm(done, initial=cached.shards - len(left), smoothing=0, **bar_of):
            pass
    except BrokenProcessPool:
        kept = sum(_part(folder, cached, i).is_file() for i in range(cached.shards))
        raise InputError(
            f"a process that wrote {folder} was killed, as the system does when memory runs out; "
            f"{kept} of {cached.shards} shards are written and kept: start again, with fewer "
            f"workers than {workers} if it was memory"
        ) from None


def _in_processes(write: Callable[[int], None], left: Sequence[int], workers: int) -> Iterator[int]:
    """Gives shards as they are done; BrokenProcessPool if a process was killed."""
    # Not forked: TensorFlow and JAX have threads.
    spawn = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(max(1, min(workers, len(left))), spawn)
    shards = {pool.submit(write, i): i for i in left}
    try:
        for future in concurrent.futures.as_completed(shards):
            future.result()
            yield shards[future]
    finally:
        pool.shutdown(cancel_futures=True)


@functools.cache
def _loaded(cached: Cached) -> tuple[Mixture, Vocabulary]:
    """Once per process."""
    return cached.load().mixture, cached.load_vocabulary()


def write_shard(cached: Cached, folder: Path, i: int) -> None:
    """Renders, tokenizes and writes one shard, then its counts."""
    import tensorflow as tf

    mixture, vocabulary = _loaded(cached)
    counts: dict[str, int] = {"examples": 0}

    def write(path: Path) -> None:
        with tf.io.TFRecordWriter(str(path)) as file:
            for index in cached.rows(i):
                example = tokenized(row(mixture[index], index), vocabulary)
                _count(counts, example)
                file.write(_serialized(tf.train, example))

    write_whole(_shard(folder, cached, i), write)
    write_whole(_part(folder, cached, i), json.dumps(counts))


def tokenized(example: dict[str, str | int], vocabulary: Vocabulary) -> dict:
    """As `seqio.preprocessors.tokenize` does it: ids without EOS, and the text beside them."""
    text = {f"{name}_pretokenized": example[name] for name in TOKENS}
    return example | text | {name: vocabulary.encode(example[name]) for name in TOKENS}


def _serialized(proto, example: dict) -> bytes:
    """A `tf.train.Example`; `proto` is TensorFlow's module."""
    feature = {}
    for name, value in example.items():
        if isinstance(value, str):
            one = proto.Feature(bytes_list=proto.BytesList(value=[value.encode()]))
        else:
            whole = value if isinstance(value, list) else [value]
            one = proto.Feature(int64_list=proto.Int64List(value=whole))
        feature[name] = one
    made = proto.Example(features=proto.Features(feature=feature))
    return made.SerializeToString(deterministic=True)


def _count(counts: dict[str, int], example: dict) -> None:
    counts["examples"] += 1
    for name in TOKENS:
        tokens, most = f"{name}_tokens", f"{name}_max_tokens"
        n = sum(i > EOS for i in example[name])
        counts[tokens] = counts.get(tokens, 0) + n
        counts[most] = max(counts.get(most, 0), n)


def _complete(cached: Cached, folder: Path) -> None:
    """What SeqIO reads beside the shards, and the marker that all are there."""
    import seqio

    parts = [_part(folder, cached, i) for i in range(cached.shards)]
    each = [json.loads(path.read_text("utf-8")) for path in parts]
    stats = {
        name: (max if "_max_" in name else sum)(counts[name] for counts in each) for name in each[0]
    }
    mixture, vocabulary = _loaded(cached)
    features = {
        name: {"shape": [], "dtype": "string"}
        if isinstance(value, str)
        else {"shape": [None], "dtype": "int32"}
        if isinstance(value, list)
        else {"shape": [], "dtype": "int64"}
        for name, value in tokenized(row(mixture[0], 0), vocabulary).items()
    }
    info = {
        "num_shards": cached.shards,
        "features": features,
        "seqio_version": seqio.__version__,
    }
    for name, content in (("info", info), ("stats", stats)):
        text = json.dumps(content, indent=2, sort_keys=True)
        write_whole(folder / f"{name}.train.json", f"{text}\n")
    write_whole(folder / "COMPLETED", "")
    for path in parts:
        path.unlink()
