"""The paper's notebooks, executed one after the other into one folder, as a user does it."""

import functools
import itertools
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from flanrepro.experiments.profiles import Job
from flanrepro.experiments.single_task import single_task_specs, starts
from flanrepro.experiments.sweep import SWEEPS

NAMES = sorted(
    path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("0[0-69]_*.ipynb")
)

# What papermill and a kernel say of every notebook, and a finished run of prompts that did not fit.
# A kernel is interrupted before it is shut down, and says so or not.
PAPERMILL = re.compile(
    r"(Input|Output) Notebook: |Executing notebook with kernel: "
    r"|\[IPKernelApp\] WARNING \| Kernel is running over TCP without encryption\."
    r"|\[IPKernelApp\] ERROR \| KeyboardInterrupt caught in kernel\."
    r"|run [0-9a-f]{12}, \d+ input and \d+ target tokens: \d+ of \d+ prompts did not fit: "
)
# What a kernel logs if its control thread still writes when its main thread has closed the sockets:
# a race of its own end (ipykernel 7.4), after the last cell.
SHUTDOWN = re.compile(
    r"^ERROR:tornado\.general:Uncaught exception in ZMQStream callback\n"
    r"Traceback \(most recent call last\):\n(?: .*\n)+"
    r"zmq\.error\.ZMQError: Socket operation on non-socket\n",
    re.MULTILINE,
)
# Some 2 % of few-shot prompts are too long for pocket's rows and lose an exemplar, and a warning
# has to say so. The line after it is the code that warns.
# In a worker it is a sentence, in a kernel Python's two lines.
LONGER = re.compile(
    r"^(flanrepro|.*: PromptTooLong): training prompts are longer .*\n(  .*\n)?", re.MULTILINE
)
# A line of tqdm's: 'label:  50%|███   | 2/4 [00:01<00:01, 1.9run/s]', or '3run [00:01, ...]'.
BAR = re.compile(r"(\d+%\||\b\d+\w* \[\d\d:\d\d).*\]$")
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def complaints(path: Path) -> list[str]:
    """Errors in a notebook's outputs, and all that came by standard error and is no bar."""
    outputs = [
        output
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    texts = [output.text for output in outputs if output.get("name") == "stderr"]
    text = LONGER.sub("", ESCAPE.sub("", "\n".join(texts)).replace("\r", "\n"))
    lines = [line.strip() for line in text.split("\n")]
    errors = [output.evalue for output in outputs if output.output_type == "error"]
    return errors + [line for line in lines if line and not BAR.search(line)]


@pytest.mark.parametrize(
    "name", [NAMES[0], *(pytest.param(n, marks=pytest.mark.slow) for n in NAMES[1:])]
)
def test_a_notebook_runs_without_a_warning_and_without_an_error(smoke, name):
    executed = smoke(name)
    lines = LONGER.sub("", SHUTDOWN.sub("", executed.stderr)).splitlines()
    said = [line for line in lines if not PAPERMILL.match(line)]
    assert (executed.status, said) == (0, [])
    assert complaints(executed.path) == []


@pytest.mark.slow
def test_together_they_train_every_run_of_every_sweep_once(smoke):
    job = Job(profile="smoke", out=str(smoke(NAMES[-1]).out))
    specs = [spec for sweep in SWEEPS.values() for spec in sweep.specs(job)]
    specs += [*starts(job), *(spec for _, spec in single_task_specs(job))]
    distinct = {spec.run_id for spec in specs}
    assert set(smoke(NAMES[-1]).manifests) == distinct
    assert len(distinct) < len(specs)
    for earlier, later in itertools.pairwise(map(smoke, NAMES)):
        assert earlier.manifests.items() <= later.manifests.items()


@pytest.mark.slow
def test_every_run_that_a_table_names_is_in_the_store(smoke):
    last = smoke(NAMES[-1])
    # A run's name can look like a number.
    read = functools.partial(pd.read_csv, dtype={"runs": str})
    tables = map(read, sorted((last.out / "figures" / "smoke").glob("*.csv")))
    named = [table["runs"].dropna().str.split() for table in tables if "runs" in table]
    assert len(named) > 5
    for runs in named:
        assert {run for row in runs for run in row} <= set(last.manifests)
