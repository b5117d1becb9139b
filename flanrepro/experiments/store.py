"""The run store: a finished run is never trained again, and nobody trains it twice at once."""

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock

from flanrepro import cluster
from flanrepro.errors import InputError
from flanrepro.experiments.scores import kept_scores, scores_of, suite_of
from flanrepro.experiments.start import start_input
from flanrepro.model import compile_cache
from flanrepro.model.model import Model
from flanrepro.training.spec import RunSpec
from flanrepro.version import __version__
from flanrepro.whole import write_whole

FORMAT = 1
"""Version of a run folder's layout; raised when an older one can no longer be read."""

_LIBRARIES = ("jax", "flax", "optax", "orbax-checkpoint", "grain", "sentencepiece", "numpy")


@dataclass(frozen=True)
class Run:
    """A finished run.

    Its folder holds `spec.json`, `manifest.json` (versions, device, git commit, seconds, tokens,
    counts), `metrics.csv` (loss and accuracy on the training stream), `checkpoints/`,
    `predictions/` (one JSON row per item) and `scores/`.
    """

    spec: RunSpec
    folder: Path

    @property
    def manifest(self) -> dict:
        return json.loads((self.folder / "manifest.json").read_text("utf-8"))

    def params(self) -> dict:
        """The trained parameters."""
        from flanrepro.training.checkpoint import restore_params

        return restore_params(self.folder / "checkpoints")

    def metrics(self):
        """The training history as a DataFrame: step, loss, accuracy, useful tokens/s, seconds."""
        import pandas as pd

        return pd.read_csv(self.folder / "metrics.csv")

    def model(self) -> Model:
        """The trained model."""
        spec = self.spec
        return Model(spec.run_id, spec.model_config(), self.params(), spec.load_vocabulary())

    def has_scores(self, suite_name: str, shots: int, items: int | None = None) -> bool:
        """Whether the scores of `scores` are kept already."""
        spec, lengths = self.spec, (self.spec.inputs_length, self.spec.targets_length)
        suite = suite_of(spec.load_collection(), suite_name)
        return bool(kept_scores(self.folder, suite, shots, items, lengths=lengths))

    def scores(
        self, suite_name: str, shots: int, items: int | None = None, method: str = ""
    ) -> list[dict]:
        """Scores on a suite, with the run's own lengths, evaluated once and read from then on.

        Args:
            suite_name, shots, items, method: see `flanrepro.experiments.scores.scores_of`.

        Returns:
            rows of `flanrepro.evaluation.scores.score`, with run and seed.
        """
        spec, lengths = self.spec, (self.spec.inputs_length, self.spec.targets_length)
        scores = scores_of(
            self.folder,
            self.model,
            spec.load_collection(),
            suite_name,
            shots,
            items,
            method,
            lengths,
        )
        return [{"run": spec.run_id, "seed": spec.seed} | row for row in scores]


class RunStore:
    """Runs under one folder, each under its id.

    A run is the same whatever trains it: the mesh is no part of its spec. On several hosts all of
    them ask for it, in folders that they share, and the first one writes.

    Args:
        root: made if it is not there.
        mesh: devices that train, see `flanrepro.training.loop.train`.
        inputs: gives what a run is trained with beside its spec, as arguments of
            `flanrepro.training.loop.train`, from the spec and the root.
    """

    def __init__(
        self,
        root: Path | str,
        mesh: str = "",
        inputs: Callable[[RunSpec, Path], dict] = start_input,
    ):
        self.root, self.mesh, self.inputs = Path(root), mesh, inputs

    def find(self, spec: RunSpec) -> Run | None:
        """The finished run of `spec`, or None; InputError if its folder is of another version."""
        folder = self.root / spec.run_id
        self._check(folder, spec)
        return Run(spec, folder) if (folder / "manifest.json").is_file() else None

    def get(
        self,
        spec: RunSpec,
        *,
        bar: str = "",
        each: Callable[[int, dict], None] | None = None,
        every: int = 0,
    ) -> Run:
        """The finished run of `spec`: read if it is there, else trained, going on where it was.

        Of several processes that ask for one run, one trains it and the others wait for it. A name
        for the progress `bar` shows one. While it trains here, `each` is called `every` so many
        steps, see `flanrepro.training.loop.train`.
        """
        cluster.join()
        if self._found(spec):
            return Run(spec, self.root / spec.run_id)
        inputs = self.inputs(spec, self.root)
        with self.own(spec) as folder:
            if not self._found(spec):
                self._train(spec, folder, bar=bar, each=each, every=every, **inputs)
        return Run(spec, folder)

    def _found(self, spec: RunSpec) -> bool:
        """Whether the run is finished; on several hosts, the first one's answer."""
        found = self.find(spec) is not None
        if cluster.process()[1] == 1:
            return found
        from flanrepro.training.mesh import agreed

        return agreed(found)

    def advance(self, spec: RunSpec, stop_at: int, *, bar: str = ""):
        """Trains `spec` up to step `stop_at` and leaves it there: `get` goes on with it.

        Returns:
            what was done, a `flanrepro.training.loop.Progress`.
        """
        from flanrepro.training.loop import train

        cluster.join()
        compile_cache.enable()
        how = {"bar": bar, "stop_at": stop_at, "mesh": self.mesh, **self.inputs(spec, self.root)}
        with self.own(spec) as folder:
            _, progress = train(spec, folder / "checkpoints", **how)
        return progress

    @contextlib.contextmanager
    def own(self, spec: RunSpec) -> Iterator[Path]:
        """The run's folder with its spec, which no other process trains in meanwhile."""
        folder = self.root / spec.run_id
        self._check(folder, spec)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the run folder {folder} could not be made ({error.strerror}): give another `out`"
            ) from None
        lock = _locked(folder / "training.lock", spec)
        with lock if cluster.first() else contextlib.nullcontext():
            if cluster.first() and not (folder / "manifest.json").is_file():
                text = json.dumps(asdict(spec), indent=1, sort_keys=True)
                write_whole(folder / "spec.json", text)
            yield folder

    def _train(self, spec: RunSpec, folder: Path, **how) -> None:
        compile_cache.enable()
        if spec.engine == "t5x":
            from flanrepro.t5x.engine import train

            _, progress = train(spec, folder, mesh=self.mesh, **how)
        else:
            from flanrepro.training.loop import train

            _, progress = train(spec, folder / "checkpoints", mesh=self.mesh, **how)
        if cluster.first():
            write_results(spec, folder, progress)
        self._found(spec)  # the other hosts wait here until all is written

    def _check(self, folder: Path, spec: RunSpec) -> None:
        """InputError if the folder holds another version's run, or another spec's."""
        manifest, written = folder / "manifest.json", folder / "spec.json"
        try:
            found = (
                json.loads(manifest.read_text("utf-8"))["format"] if manifest.is_file() else FORMAT
            )
            same = (
                not written.is_file() or RunSpec(**json.loads(written.read_text("utf-8"))) == spec
            )
        except (ValueError, KeyError, TypeError) as error:  # ValueError: not JSON, or not UTF-8
            raise InputError(
                f"the run folder {folder} cannot be read ({error!r}): it is damaged or of another "
                "version of flanrepro; move it away and run again"
            ) from None
        if not same:
            raise InputError(
                f"the run folder {folder} holds another run: its spec.json is not what is asked "
                "for; move the folder away and run again"
            )
        if found != FORMAT:
            raise InputError(
                f"the run folder {folder} was written by another version of flanrepro (format "
                f"{found}, this one reads {FORMAT}): use that version, or move the folder away and "
                "run again"
            )


@contextlib.contextmanager
def _locked(path: Path, spec: RunSpec) -> Iterator[None]:
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"run {spec.run_id} is being trained by another process: waiting for it", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def write_results(spec: RunSpec, folder: Path, progress) -> None:
    import pandas as pd

    write_whole(folder / "metrics.csv", pd.DataFrame(progress.history).to_csv(index=False))
    # The manifest comes last: a run with one is finished.
    manifest = {
        "format": FORMAT,
        "run": spec.run_id,
        "start": spec.start or "random",
        **_totals(progress),
        **environment(),
    }
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1))


def _totals(progress) -> dict:
    fields = ("seconds", "examples", "truncated", "dropped", "tokens", "useful_tokens")
    totals = {name: getattr(progress, name) for name in fields}
    return {**totals, "non_padding_fraction": progress.useful_tokens / max(progress.tokens, 1)}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # a machine that trains from files needs few
        return None


def environment() -> dict:
    """Versions, device and commit, as a manifest records them."""
    import jax

    device = jax.devices()[0]
    here = Path(__file__).parent
    git = subprocess.run(
        ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    versions = {name: _version(name) for name in _LIBRARIES}
    return {
        "versions": {"flanrepro": __version__, **versions},
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}, {jax.device_count()} device(s)",
        "cores": os.cpu_count(),
        "git_commit": git.stdout.strip() or None,
    }
