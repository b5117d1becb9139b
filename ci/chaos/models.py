"""Tampered checkpoints of others, and names of models that are none.

A trial writes a small model in one of the layouts that are read, with odd numbers, shapes, types or
names in it, or tampers with its files; or it asks for a model by an odd name. A process with little
memory loads it.
"""

import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from ci.chaos import checkpoints
from ci.chaos.common import Trial, sentence
from flanrepro.experiments.load import load
from flanrepro.model.huggingface_names import shapes
from flanrepro.model.tree import flat

NUMBER = 150

SECONDS = 5
"""Seconds of the processor that a load may take; a hundred times what a sound one takes."""

HUNG = 60
"""Seconds of the clock after which a load hangs, however loaded the machine is."""

MEMORY = 2 << 30
"""Bytes that a load may take beside what the libraries have."""

NAMES = (
    *("a\0b", "\ud800", "\udcff/x", "a\nb", "a/b\r\nc", "~nobody/x", "~no-such-user", "x" * 300),
    *("../..", "/dev/null", "/proc/self/mem", "\u2028", "google/../x", "x/" + "y" * 10**5),
)
"""Names that no model has."""


def trials(number: int, seed: int, folder: Path, apart: bool = True) -> Iterator[Trial]:
    """Yields a trial per checkpoint or name, see `ci.chaos.common.Part`.

    Args:
        number, seed, folder: see there.
        apart: true: in a process with limits of time and memory; false: in this one, without.
    """
    model, layouts = checkpoints.sound_model(), list(checkpoints.LAYOUTS)
    (folder / "mirror").mkdir()
    loader = Loader(folder) if apart else None
    for i in range(number):
        rng, own = np.random.default_rng((seed, i)), folder / str(i)
        own.mkdir()
        kind = layouts[i % len(layouts)]
        vocabulary, differ = "pocket" if checkpoints.LAYOUTS[kind].ours else "", 0
        if i % 10 == 9:
            kind, name = "name", NAMES[int(rng.integers(len(NAMES)))]
            what = repr(name[:40])
        else:
            name = str(own / "model")
            what, differ = _made(checkpoints.LAYOUTS[kind], model, own / "model", rng)
        before = _everything(folder)
        asked = (name, vocabulary, flat(model.params), differ)
        fell = loader.judged(*asked) if loader else judged(*asked)
        if _everything(folder) != before:
            fell = f"something was written: {sorted(_everything(folder) ^ before)[:3]}"
        yield Trial(kind, f"{i}: {what}", fell)
        shutil.rmtree(own)
    if loader:
        loader.end()


def _made(layout, model, folder: Path, rng: np.random.Generator) -> tuple[str, int]:
    """Makes a folder with something wrong in it; says what, and how many leaves it may change."""
    folder.mkdir()
    leaves = checkpoints.leaves_of(layout, model)
    if layout.odd and rng.random() < 0.5:
        odd, what, differ = checkpoints.odd_leaves(leaves, layout, rng)
        checkpoints.write(layout, model, odd, folder)
        return what, differ
    checkpoints.write(layout, model, leaves, folder)
    return checkpoints.odd_files(layout, folder, rng)


def _everything(folder: Path) -> set[str]:
    return {os.path.join(place, one) for place, _, names in os.walk(folder) for one in ("", *names)}


# --- judging ---


def judged(name: str, vocabulary: str, expected: dict[str, np.ndarray], differ: int) -> str:
    """What fell: no sentence, odd parameters, or more of them that differ than may.

    Args:
        name, vocabulary: see `flanrepro.load`.
        expected: the sound model's leaves.
        differ: number of leaves that may differ, where nothing says what is right.
    """
    found, began = {}, time.process_time()

    def work() -> None:
        model = load(name, vocabulary)
        found.update(flat(model.params))
        if {k: x.shape for k, x in found.items()} != _shapes(model.config):
            raise RuntimeError("the parameters are not of the model's shapes")

    if fell := sentence(work):
        return fell
    if (spent := time.process_time() - began) > SECONDS:
        return f"it took {spent:.1f} s of the processor"
    if not found:
        return ""
    if odd := [key for key, leaf in found.items() if not np.isfinite(leaf).all()]:
        return f"{odd[0]} is not finite, in silence"
    others = [key for key in expected if not np.array_equal(found.get(key), expected[key])]
    others += found.keys() - expected.keys()
    return f"{len(others)} other leaves in silence: {others[:2]}" * (len(others) > differ)


def _shapes(config) -> dict[str, tuple[int, ...]]:
    return {name: leaf.shape for name, leaf in flat(shapes(config)).items()}


class Loader:
    """A process that loads, with limits; a new one after one that ended or hung."""

    def __init__(self, folder: Path):
        self.folder, self.process = folder, None

    def judged(self, *asked) -> str:
        """`judged` with these arguments, in the process."""
        if self.process is None:
            # Not forked: threads of TensorStore and JAX do not survive that.
            spawn = multiprocessing.get_context("spawn")
            self.pipe, theirs = spawn.Pipe()
            self.process = spawn.Process(target=_serve, args=(theirs, str(self.folder)))
            self.process.start()
            theirs.close()
            self.pipe.recv()  # it has its libraries
        self.pipe.send(asked)
        try:
            if self.pipe.poll(HUNG):
                return self.pipe.recv()
            fell = f"it hung for {HUNG} s"
        except EOFError:
            self.process.join()
            fell = f"the process ended with status {self.process.exitcode}"
        self.end()
        return fell

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None


def _serve(pipe: Connection, folder: str) -> None:
    """Judges what comes through the pipe, in a process of limited memory."""
    os.environ["FLANREPRO_MIRROR"] = f"{folder}/mirror"  # no name is asked of the network
    os.chdir(f"{folder}/mirror")
    model = checkpoints.sound_model()
    for layout in checkpoints.LAYOUTS.values():  # all libraries and their threads are there
        warm = Path(folder) / "warm"
        warm.mkdir()
        checkpoints.write(layout, model, checkpoints.leaves_of(layout, model), warm)
        vocabulary = "pocket" if layout.ours else ""
        if fell := judged(str(warm), vocabulary, flat(model.params), 0):
            raise AssertionError(fell)
        shutil.rmtree(warm)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    pipe.send("ready")
    while True:
        pipe.send(judged(*pipe.recv()))
