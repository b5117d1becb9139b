"""A mixture rendered and tokenized in many processes, in the layout that SeqIO reads as a cache.

`seqio_cache_tasks` writes the same examples on Apache Beam, which spreads over a cluster and begins
anew when it is killed. This module is for one machine, needs no Beam, and goes on with the missing
shards. In both a folder is complete when it holds `COMPLETED`, which is written last.
"""

import contextlib
import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from flanrepro.collection.mixture import PROMPTS
from flanrepro.collection.named import NamedMixture, named_mixture
from flanrepro.data.examples import Encode, EncodedPrompts
from flanrepro.data.fates import DROPPED, count_fates
from flanrepro.data.seqio_tasks import SHARD, TOKENS, import_seqio, row, task_name
from flanrepro.data.vocabulary import EOS, Vocabulary, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.sources import load_collection
from flanrepro.whole import (
    kind_of,
    locked,
    make_folder,
    read_json,
    read_sealed,
    write_sealed,
    write_whole,
)
from flanrepro.workers import in_workers

_LEAST = {"examples": 1, "inputs_length": 2, "targets_length": 2, "workers": 1}

MIN_SHARDS = 64
"""Smallest number of files, as in `seqio_cache_tasks`: 64 hosts each read files of their own."""


@dataclass(frozen=True)
class Cached:
    """The content of a cache: the first prompts of a mixture, as ids of a vocabulary.

    Attributes:
        mixture: name, see `flanrepro.collection.named.mixture_names`.
        collection: name, see `flanrepro.sources.load_collection`.
        examples: number of the mixture's prompts, from the first on; those that do not fit at all
            are left out of the cache.
        vocabulary: name, see `load_vocabulary`; empty: the collection's.
        seed, subset, few_shot_fraction: see `flanrepro.collection.named.named_mixture`.
        inputs_length, targets_length: number of tokens of an example at most, EOS included.
    """

    mixture: str
    collection: str
    examples: int
    vocabulary: str = ""
    seed: int = 0
    subset: int | None = None
    few_shot_fraction: float | None = None
    inputs_length: int = 2048
    targets_length: int = 512

    def load(self) -> NamedMixture:
        """Makes the mixture; InputError if it is unknown, or no data of it is available."""
        return named_mixture(
            self.mixture,
            load_collection(self.collection),
            seed=self.seed,
            subset=self.subset,
            few_shot_fraction=self.few_shot_fraction,
        )

    def load_vocabulary(self) -> Vocabulary:
        return load_vocabulary(self.vocabulary or load_collection(self.collection).vocabulary)

    def load_examples(self) -> EncodedPrompts:
        """Makes the mixture's prompts, to be read at these lengths; InputError as in `load`."""
        encode = Encode(self.load_vocabulary(), self.inputs_length, self.targets_length)
        return EncodedPrompts(self.load().mixture, encode)

    @property
    def task_name(self) -> str:
        """Name of the folder, and of the task that `register_named` makes for it."""
        return task_name(self.mixture, self.inputs_length, self.targets_length)

    @property
    def shards(self) -> int:
        """Number of files, by what is cached alone: the number of workers changes no file."""
        return min(self.examples, max(MIN_SHARDS, -(-self.examples // SHARD)))

    def rows(self, shard: int) -> range:
        """Gives the indices of a shard's prompts; sizes of shards differ by one at most."""
        first, end = (self.examples * i // self.shards for i in (shard, shard + 1))
        return range(first, end)


def write_cache(cached: Cached, root: Path, workers: int = 1, bar: str = "") -> Path:
    """Writes a cache's missing shards, for `seqio.set_global_cache_dirs([root])`.

    `flanrepro.data.seqio_tasks.register_named` registers the task that reads it, with
    `use_cached=True` and the same lengths. Its counts in `stats.train.json` are SeqIO's, and those
    of the prompts that did not fit (`flanrepro.data.fates.LOSSES`).

    Args:
        cached: content of the cache.
        root: folder that gets one under the task's name.
        workers: number of processes.
        bar: name of a progress bar over shards; empty: none.

    Returns:
        the task's folder: `train.tfrecord-*`, `info.train.json`, `stats.train.json`, `COMPLETED`,
        and `flanrepro.json`, which says what it holds.

    Raises:
        InputError: SeqIO is not installed; a number is not positive; the mixture or the vocabulary
            is unknown; the folder holds another cache, is being written by another process or
            cannot be written; or a worker was killed. Written shards are kept.
    """
    import_seqio()
    numbers = asdict(cached) | {"workers": workers}
    for name, least in _LEAST.items():
        if numbers[name] < least:
            raise InputError(f"{name} is {numbers[name]}: expected at least {least}")
    identity = _identity(cached)
    folder = root / cached.task_name
    with _own(folder):
        _claim(folder, identity)
        if not (folder / "COMPLETED").is_file():
            files = (_shard, _part)
            left = [
                i
                for i in range(cached.shards)
                if not all(kind_of(file(folder, cached, i)) for file in files)
            ]
            _write_shards(cached, folder, left, workers, bar)
            _complete(cached, folder)
        # Behind the marker, so that a process killed in between leaves a whole cache; and those of
        # a process that was killed here.
        for i in range(cached.shards):
            _part(folder, cached, i).unlink(missing_ok=True)
    return folder


def _identity(cached: Cached) -> dict:
    """Gives what tells this cache from another one, for JSON; equal where the examples are."""
    made, vocabulary = cached.load(), cached.load_vocabulary()
    return asdict(cached) | {
        # The mixture's own, where `cached` leaves it open.
        "few_shot_fraction": float(made.mixture.few_shot_fraction),
        "vocabulary": vocabulary.digest,
        "data": made.digest,
        "prompts": PROMPTS,
        "shards": cached.shards,
    }


@contextlib.contextmanager
def _own(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other processes from writing to it meanwhile."""

    def refuse() -> None:  # not waited for: the other process may take hours
        raise InputError(
            f"another process is writing the cache {folder}: wait for it, or give another folder"
        )

    make_folder(folder, "cache folder")
    with locked(folder / "writing.lock", refuse):
        yield


def _claim(folder: Path, identity: dict) -> None:
    """Writes into the folder what it is to hold; InputError if it holds another cache."""
    path = folder / "flanrepro.json"
    there = read_json(path) if kind_of(path) else None
    # Shards without a description are `seqio_cache_tasks`'s, or another program's.
    if there is None and any(folder.glob("train.tfrecord-*")):
        there = {}
    if there is not None:
        _check_same(folder, there, identity)
    write_whole(path, json.dumps(identity, indent=1, sort_keys=True))
    for part in folder.glob("*.part"):  # of a process that was killed
        part.unlink()


def _check_same(folder: Path, there: dict, identity: dict) -> None:
    if there != identity:
        differ = [k for k in identity if there.get(k) != identity[k]]
        raise InputError(
            f"{folder} holds another cache: its {', '.join(differ)} "
            + ("is" if len(differ) == 1 else "are")
            + " not what is asked for; give another folder, or move that one away"
        )


def _shard(folder: Path, cached: Cached, i: int) -> Path:
    return folder / f"train.tfrecord-{i:05d}-of-{cached.shards:05d}"


def _part(folder: Path, cached: Cached, i: int) -> Path:
    """The file of a shard's counts, written after the shard: where it is, the shard is whole."""
    return folder / f"stats.train-{i:05d}-of-{cached.shards:05d}.json"


def _write_shards(
    cached: Cached, folder: Path, left: Sequence[int], workers: int, bar: str
) -> None:
    write, failed = functools.partial(write_shard, cached, folder), {}
    # The mean speed of all shards: workers end theirs nearly together, and the time left would
    # jump.
    bar_of = {"desc": bar, "total": cached.shards, "unit": "shard", "disable": not bar}
    with tqdm(initial=cached.shards - len(left), smoothing=0, **bar_of) as progress:

        def report(shard: int, _: None, sentence: str) -> None:
            failed.update({shard: sentence} if sentence else {})
            progress.update(not sentence)

        if workers > 1:
            in_workers(write, left, min(workers, len(left)), report, progress.refresh)
        else:
            for shard in left:
                report(shard, write(shard), "")
    if failed:
        kept = sum(_part(folder, cached, i).is_file() for i in range(cached.shards))
        reasons = "; ".join(dict.fromkeys(failed.values()))
        raise InputError(
            f"{len(failed)} shards of {folder} could not be written ({reasons}); {kept} of "
            f"{cached.shards} are written and kept: mend that and start again, with fewer workers "
            f"than {workers} if memory ran out"
        )


@functools.cache
def _loaded(cached: Cached, folder: Path) -> EncodedPrompts:
    """Loads mixture and vocabulary, once per process; InputError if they are not the folder's."""
    # Data that is mended while a cache is written would be in some of its shards.
    _check_same(folder, read_json(folder / "flanrepro.json"), _identity(cached))
    return cached.load_examples()


def write_shard(cached: Cached, folder: Path, i: int) -> None:
    """Renders, tokenizes and writes one shard, then its counts."""
    import tensorflow as tf

    examples = _loaded(cached, folder)
    fates, counts = [], dict.fromkeys(("examples", *_TOKEN_COUNTS), 0)

    def write(path: Path) -> None:
        with tf.io.TFRecordWriter(str(path)) as file:
            for index in cached.rows(i):
                example = row(examples.fitted(index), index)
                fates.append(example["_fate"])
                if example["_fate"] != DROPPED:
                    _count(counts, example)
                    file.write(_serialized(tf.train, example))

    write_whole(_shard(folder, cached, i), write)
    # SeqIO's `examples` are those in the files.
    write_sealed(_part(folder, cached, i), count_fates(np.array(fates)) | counts)


def _serialized(proto, example: dict) -> bytes:
    """Gives the bytes of a `tf.train.Example`; `proto` is the module `tf.train`."""
    feature = {}
    for name, value in example.items():
        if isinstance(value, str):
            one = proto.Feature(bytes_list=proto.BytesList(value=[value.encode()]))
        else:
            whole = value if isinstance(value, list) else [value]
            one = proto.Feature(int64_list=proto.Int64List(value=whole))
        feature[name] = one
    made = proto.Example(features=proto.Features(feature=feature))
    # Features are a protobuf map, which has no order of its own; sorted, equal caches are equal
    # byte for byte.
    return made.SerializeToString(deterministic=True)


_TOKEN_COUNTS = [f"{name}_{what}" for name in TOKENS for what in ("tokens", "max_tokens")]


def _count(counts: dict[str, int], example: dict) -> None:
    counts["examples"] += 1
    for name in TOKENS:
        tokens, most = f"{name}_tokens", f"{name}_max_tokens"
        n = sum(i > EOS for i in example[name])  # SeqIO counts neither padding nor EOS
        counts[tokens] += n
        counts[most] = max(counts[most], n)


def _complete(cached: Cached, folder: Path) -> None:
    """Writes the two files that SeqIO reads beside the shards, then the marker `COMPLETED`."""
    import seqio

    each = [_counts(_part(folder, cached, i)) for i in range(cached.shards)]
    stats = {
        name: (max if "_max_" in name else sum)(counts[name] for counts in each) for name in each[0]
    }
    # Every example has the same features; SeqIO parses the records by them.
    features = {
        name: {"shape": [], "dtype": "string"}
        if isinstance(value, str)
        else {"shape": [None], "dtype": "int32"}
        if isinstance(value, list)
        else {"shape": [], "dtype": "int64"}
        for name, value in row(_loaded(cached, folder).fitted(0), 0).items()
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


def _counts(path: Path) -> dict[str, int]:
    try:
        return read_sealed(path)
    except InputError as error:
        raise InputError(f"{error}: delete it and start again, its shard is made anew") from None
