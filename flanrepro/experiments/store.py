"""The run store: a finished run is never trained again, and nobody trains it twice at once."""

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock

from flanrepro.collection.prompt import at_hand
from flanrepro.collection.task import MissingTasks, Suite
from flanrepro.errors import InputError
from flanrepro.experiments.spec import RunSpec
from flanrepro.experiments.start import start_params

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
        return json.loads((self.folder / "manifest.json").read_text())

    def params(self) -> dict:
        """The trained parameters."""
        from flanrepro.training.checkpoint import restore_params

        return restore_params(self.folder / "checkpoints")

    def metrics(self):
        """The training history as a DataFrame: step, loss, accuracy, useful tokens/s, seconds."""
        import pandas as pd

        return pd.read_csv(self.folder / "metrics.csv")

    def evaluate(self, suite_name: str, shots: int, items: int | None = None) -> list[dict]:
        """Scores on a suite, evaluated once and read from then on.

        Args:
            suite_name: one of the collection's suites.
            shots: exemplars per prompt; 0: zero-shot.
            items: at most so many per task; None: all.

        Returns:
            rows of run, seed, suite, task (`mean`: the suite), shots, metric, value and chance in
            per cent, n items.
        """
        suites = self.spec.load_collection().suites
        if suite_name not in suites:
            raise InputError(
                f"collection '{self.spec.collection}' has no suite '{suite_name}': it has "
                f"{', '.join(suites)}"
            )
        suite, missing = suites[suite_name], {}
        name = f"{suite_name}_{shots}shot_{items or 'all'}"
        if not (self.folder / "scores" / f"{name}.json").is_file():
            suite, missing = at_hand(suite)
        if missing:  # other tasks, other scores: once the rest is at hand, they are made anew
            name += f"_{len(suite.tasks)}of{len(suites[suite_name].tasks)}tasks"
        scores = self.folder / "scores" / f"{name}.json"
        with filelock.FileLock(self.folder / "evaluation.lock"):
            if not scores.is_file():
                rows = self._predict(suite, missing, shots, items, name)
                write_whole(scores, json.dumps(rows, indent=1))
        common = {"run": self.spec.run_id, "seed": self.spec.seed}
        return [{**common, **row} for row in json.loads(scores.read_text())]

    def _predict(
        self, suite: Suite, missing: dict[str, str], shots: int, items: int | None, name: str
    ) -> list[dict]:
        from flanrepro.evaluation.evaluate import evaluate, score

        if missing:
            reason = next(iter(missing.values()))
            rest = f"left out {', '.join(missing)}, because e.g. {reason}"
            if not suite.tasks:
                raise InputError(f"suite '{suite.name}' has no task that is at hand: {rest}")
            warnings.warn(f"suite '{suite.name}': {rest}", MissingTasks, stacklevel=3)
        rows = evaluate(
            self.spec.model_config(),
            self.params(),
            self.spec.load_vocabulary(),
            suite,
            shots=shots,
            items=items,
            inputs_length=self.spec.inputs_length,
            targets_length=self.spec.targets_length,
        )
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_whole(self.folder / "predictions" / f"{name}.jsonl", lines)
        return score(suite, shots, rows)


class RunStore:
    """Runs under one folder, each under its id.

    Args:
        root: made if it is not there.
    """

    def __init__(self, root: Path | str):
        self.root = Path(root)

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
        if run := self.find(spec):
            return run
        start = start_params(spec, self.root)
        with self._own(spec) as folder:
            if not self.find(spec):
                self._train(spec, folder, bar=bar, start=start, each=each, every=every)
        return Run(spec, folder)

    def advance(self, spec: RunSpec, stop_at: int, *, bar: str = ""):
        """Trains `spec` up to step `stop_at` and leaves it there: `get` goes on with it.

        Returns:
            what was done, a `flanrepro.training.loop.Progress`.
        """
        from flanrepro.training.loop import train

        start = start_params(spec, self.root)
        with self._own(spec) as folder:
            _, progress = train(spec, folder / "checkpoints", bar=bar, stop_at=stop_at, start=start)
        return progress

    @contextlib.contextmanager
    def _own(self, spec: RunSpec) -> Iterator[Path]:
        """The run's folder with its spec, which no other process trains in meanwhile."""
        folder = self.root / spec.run_id
        self._check(folder, spec)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the run folder {folder} could not be made ({error.strerror}): give another `out`"
            ) from None
        with _locked(folder / "training.lock", spec):
            if not (folder / "manifest.json").is_file():
                text = json.dumps(asdict(spec), indent=1, sort_keys=True)
                write_whole(folder / "spec.json", text)
            yield folder

    def _train(self, spec: RunSpec, folder: Path, **how) -> None:
        import pandas as pd

        from flanrepro.training.loop import train

        _, progress = train(spec, folder / "checkpoints", **how)
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

    def _check(self, folder: Path, spec: RunSpec) -> None:
        """InputError if the folder holds another version's run, or another spec's."""
        manifest, written = folder / "manifest.json", folder / "spec.json"
        try:
            found = json.loads(manifest.read_text())["format"] if manifest.is_file() else FORMAT
            same = not written.is_file() or RunSpec(**json.loads(written.read_text())) == spec
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


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        free = shutil.disk_usage(path.parent).free
        raise InputError(
            f"{path} could not be written ({error.strerror}; {free / 1e6:.0f} MB free): free some "
            "space and run again, what was written before is whole"
        ) from None


def _totals(progress) -> dict:
    fields = ("seconds", "examples", "truncated", "dropped", "tokens", "useful_tokens")
    totals = {name: getattr(progress, name) for name in fields}
    return {**totals, "non_padding_fraction": progress.useful_tokens / max(progress.tokens, 1)}


def environment() -> dict:
    """Versions, device and commit, as a manifest records them."""
    import jax

    import flanrepro

    device = jax.devices()[0]
    here = Path(__file__).parent
    git = subprocess.run(
        ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {
        "versions": {"flanrepro": flanrepro.__version__, **versions},
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}, {jax.device_count()} device(s)",
        "cores": os.cpu_count(),
        "git_commit": git.stdout.strip() or None,
    }
