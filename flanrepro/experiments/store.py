"""The run store: a finished run is never trained again, and no two processes train the same run."""

import contextlib
import csv
import functools
import hashlib
import importlib.metadata
import io
import json
import math
import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from flanrepro import cluster
from flanrepro.collection.asking import Asking, asked
from flanrepro.data.fates import LOSSES, say_losses
from flanrepro.errors import InputError
from flanrepro.experiments.scores import kept_scores, scores_of, suite_of
from flanrepro.experiments.start import start_input
from flanrepro.fields import make, shown
from flanrepro.model import compile_cache
from flanrepro.model.model import Model
from flanrepro.training.spec import RunSpec
from flanrepro.version import __version__
from flanrepro.whole import kind_of, locked, make_folder, read_json, write_whole

FORMAT = 1
"""Version of a run folder's layout; raised when older folders can no longer be read."""

# The libraries that a run's last digits may depend on.
_LIBRARIES = ("jax", "flax", "optax", "orbax-checkpoint", "grain", "sentencepiece", "numpy")


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        spec: the run's spec.
        folder: folder with `spec.json`, `manifest.json` (versions, device, processor, git commit,
            seconds, tokens, counts), `metrics.csv` (loss and accuracy on the training stream),
            `checkpoints/`, `predictions/` (one JSON row per item) and `scores/`.
    """

    spec: RunSpec
    folder: Path

    @property
    def manifest(self) -> dict:
        return read_json(self.folder / "manifest.json")

    def params(self) -> dict:
        """The trained parameters; InputError if the last checkpoint is damaged or not finite."""
        from flanrepro.training.checkpoint import restore_params

        return restore_params(self.folder / "checkpoints", self.spec.steps)

    def metrics(self):
        """The training history as a DataFrame, a row per logged step; loss in nats per token."""
        import pandas as pd

        path = self.folder / "metrics.csv"
        try:
            content = path.read_bytes()
            kept = self.manifest.get("metrics")  # an older version's has no digest
            if kept not in (None, hashlib.sha256(content).hexdigest()):
                raise ValueError("another digest than the manifest's")
            return pd.read_csv(io.BytesIO(content))
        except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
            raise InputError(
                f"{path} cannot be read ({type(error).__name__}): move {self.folder} away and "
                "train the run again"
            ) from None

    def model(self) -> Model:
        """The trained model."""
        spec = self.spec
        return Model(spec.run_id, spec.model_config(), self.params(), spec.load_vocabulary())

    @functools.cached_property
    def _model(self) -> Model:
        # Several suites are asked of one run: its parameters are restored once.
        return self.model()

    def has_scores(
        self, suite_name: str, shots: int, items: int | None = None, asking: Asking | None = None
    ) -> bool:
        """True if `scores` with these arguments would be read, not evaluated."""
        spec, lengths = self.spec, (self.spec.room, self.spec.targets_length)
        suite = asked(suite_of(spec.load_collection(), suite_name), asking)
        return bool(kept_scores(self.folder, suite, shots, items, lengths=lengths))

    def scores(
        self,
        suite_name: str,
        shots: int,
        items: int | None = None,
        method: str = "",
        asking: Asking | None = None,
    ) -> list[dict]:
        """Scores on a suite, with the run's own lengths; evaluated once and read from then on.

        Args:
            suite_name, shots, items, method, asking: see `flanrepro.experiments.scores.scores_of`.

        Returns:
            rows of `flanrepro.evaluation.scores.score` with `run` and `seed`.
        """
        spec, lengths = self.spec, (self.spec.room, self.spec.targets_length)
        scores = scores_of(
            self.folder,
            lambda: self._model,
            spec.load_collection(),
            suite_name,
            shots,
            items,
            method,
            lengths,
            asking,
        )
        return [{"run": spec.run_id, "seed": spec.seed} | row for row in scores]


class RunStore:
    """A folder of runs, each in a folder named by its run id.

    A run does not depend on what trains it: the mesh is no part of its spec. On several hosts, all
    of them ask for the run in a shared folder, and the first host writes.

    Args:
        root: folder of the runs, made if missing.
        mesh: numbers of devices, see `flanrepro.training.loop.train`.
        inputs: function of a spec and the root that gives further keyword arguments for
            `flanrepro.training.loop.train`.
    """

    def __init__(
        self,
        root: Path | str,
        mesh: str = "",
        inputs: Callable[[RunSpec, Path], dict] = start_input,
    ):
        self.root, self.mesh, self.inputs = Path(root), mesh, inputs

    def find(self, spec: RunSpec) -> Run | None:
        """The finished run of `spec`, or None; InputError if its folder holds something else."""
        folder = self.root / spec.run_id
        return Run(spec, folder) if self._check(folder, spec) else None

    def get(
        self,
        spec: RunSpec,
        *,
        bar: str = "",
        each: Callable[[int, dict], None] | None = None,
        every: int = 0,
    ) -> Run:
        """The finished run of `spec`: read if finished, else trained on from its last checkpoint.

        If several processes ask for one run, one trains it and the others wait.

        Args:
            spec: spec of the run.
            bar: name of the progress bar; empty: no bar.
            each: function called with the step and the parameters while the run trains here.
            every: number of steps between calls of `each`, see `flanrepro.training.loop.train`.
        """
        cluster.join()
        if self._found(spec):
            return Run(spec, self.root / spec.run_id)
        # Before the lock: a start that cannot be read fails without leaving a folder behind.
        inputs = self.inputs(spec, self.root)
        with self.own(spec) as folder:
            # Again: another process may have finished it while this one waited for the lock.
            if not self._found(spec):
                self._train(spec, folder, bar=bar, each=each, every=every, **inputs)
        return Run(spec, folder)

    def _found(self, spec: RunSpec) -> bool:
        """True if the run is finished; on several hosts, the first one's answer."""
        # A shared file system may show a new file to one host before another. If one host read the
        # run and another trained it, the latter would wait for the former forever.
        found = self.find(spec) is not None
        if cluster.process()[1] == 1:
            return found
        from flanrepro.training.mesh import agreed

        return agreed(found)

    def advance(self, spec: RunSpec, stop_at: int, *, bar: str = ""):
        """Trains `spec` up to step `stop_at`, for `get` to go on; returns the loop's `Progress`."""
        from flanrepro.training.loop import train

        cluster.join()
        compile_cache.enable()
        how = {"bar": bar, "stop_at": stop_at, "mesh": self.mesh, **self.inputs(spec, self.root)}
        with self.own(spec) as folder:
            _, progress = train(spec, folder / "checkpoints", **how)
        return progress

    @contextlib.contextmanager
    def own(self, spec: RunSpec) -> Iterator[Path]:
        """The run's folder with its spec, locked: no other process trains in it meanwhile."""
        folder = self.root / spec.run_id
        self._check(folder, spec)
        make_folder(folder, "run folder")
        say = f"run {spec.run_id} is being trained by another process: waiting for it"
        # The first host's lock holds for all hosts of a run.
        lock = locked(folder / "training.lock", lambda: print(say, flush=True))
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
            what = "prompts" if spec.objective == "instruction" else "texts"
            what = "prompts and texts" if spec.replay else what
            if lost := say_losses(vars(progress), what):
                lengths = f"{spec.inputs_length} input and {spec.targets_length} target tokens"
                print(f"run {spec.run_id}, {lengths}: {lost}", flush=True)
        self._found(spec)  # on several hosts, a barrier: all wait until the results are written

    def _check(self, folder: Path, spec: RunSpec) -> bool:
        """True if the run is finished.

        Raises:
            InputError: the folder is damaged, or holds another version's run, another spec's, or
                one that diverged.
        """
        manifest, written = folder / "manifest.json", folder / "spec.json"
        try:
            finished = bool(kind_of(manifest))
            found = read_json(manifest)["format"] if finished else FORMAT
            same = not kind_of(written) or _spec_in(written).to_json() == spec.to_json()
        except (OSError, KeyError, TypeError, InputError) as error:
            raise InputError(
                f"the run folder {folder} cannot be read ({shown(error, 300)}): it is damaged "
                "or of another version of flanrepro; move it away and run again"
            ) from None
        if not same:
            raise InputError(
                f"the run folder {folder} holds another run: its spec.json is not what is asked "
                "for; move the folder away and run again"
            )
        if found != FORMAT:
            raise InputError(
                f"the run folder {folder} was written by another version of flanrepro (format "
                f"{shown(found)}, this one reads {FORMAT}): use that version, or move the folder "
                "away and run again"
            )
        if finished:
            _check_losses(folder)
        return finished


def _spec_in(path: Path) -> RunSpec:
    return make(RunSpec, **read_json(path))


def _check_losses(folder: Path) -> None:
    """InputError if a finished run has a loss that is none: older versions did not look."""
    try:
        text = (folder / "metrics.csv").read_text("utf-8")
        rows = list(csv.DictReader(text.splitlines()))
    except (OSError, ValueError, csv.Error):  # `Run.metrics` says so, where it is read
        return
    for row in rows:
        if "loss" in row and not _is_finite(row["loss"]):
            raise InputError(
                f"the run in {folder} diverged: its loss of step {shown(row.get('step'))} is "
                "infinite or NaN; move the folder away, and train with a lower learning_rate"
            )


def _is_finite(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))  # NaN was written as nothing
    except ValueError:
        return False


def write_results(spec: RunSpec, folder: Path, progress) -> None:
    """Writes `metrics.csv` and `manifest.json` of a trained run."""
    import pandas as pd

    history = pd.DataFrame(progress.history).to_csv(index=False)
    write_whole(folder / "metrics.csv", history)
    # The manifest comes last: a folder with a manifest is a finished run.
    manifest = {
        "format": FORMAT,
        "run": spec.run_id,
        "start": spec.start or "random",
        "metrics": hashlib.sha256(history.encode()).hexdigest(),
        **_totals(progress),
        **environment(),
    }
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1))


def _totals(progress) -> dict:
    fields = ("seconds", "examples", *LOSSES, "tokens", "useful_tokens")
    totals = {name: getattr(progress, name) for name in fields}
    return {**totals, "non_padding_fraction": progress.useful_tokens / max(progress.tokens, 1)}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # not all are needed to train from packed files
        return None


def environment() -> dict:
    """Versions, Python, device, processor and git commit, as a manifest records them."""
    import jax

    device = jax.devices()[0]
    versions = {name: _version(name) for name in _LIBRARIES}
    return {
        "versions": {"flanrepro": __version__, **versions},
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}, {jax.device_count()} device(s)",
        "cores": os.cpu_count(),
        "processor": processor(),
        "git_commit": git_commit(Path(__file__).resolve().parents[1]),
    }


def processor() -> str:
    """The processor's name, family and model, where Linux says them: rounding depends on it."""
    path, said = Path("/proc/cpuinfo"), {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        name, _, value = line.partition(":")
        said.setdefault(name.strip(), value.strip())
    named = [said.get("model name", platform.processor())]
    named += [f"{name} {said[name]}" for name in ("cpu family", "model") if name in said]
    return ", ".join(named)


def git_commit(package: Path) -> str | None:
    """The commit of the package's own repository, `-dirty` if a file of the package is changed.

    None for an installed package, also where its environment lies inside another repository: that
    one does not track it.
    """

    def git(*words: str) -> subprocess.CompletedProcess | None:
        command = ["git", "-C", str(package), *words]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:  # no git here
            return None

    tracked = git("ls-files", "--error-unmatch", "__init__.py")
    if tracked is None or tracked.returncode:
        return None
    commit = git("describe", "--always", "--abbrev=12").stdout.strip()
    # Figures and notebooks of the repository do not change what a run computes.
    changed = git("diff", "--quiet", "HEAD", "--", ".").returncode == 1
    return (commit + "-dirty" if changed else commit) or None
