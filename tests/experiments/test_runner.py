import dataclasses
import os
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import pytest

from flanrepro import bars
from flanrepro.errors import InputError
from flanrepro.experiments import runner
from flanrepro.experiments.runner import run_sweep, worker_count
from flanrepro.experiments.store import RunStore
from flanrepro.training.spec import RunSpec


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.delenv("FLANREPRO_WORKERS", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)


@pytest.fixture
def specs(spec) -> list[RunSpec]:
    return [dataclasses.replace(spec, seed=seed) for seed in range(4)]


def none(spec: RunSpec) -> bool:
    return False


def where(spec: RunSpec) -> tuple[int, int]:
    return spec.seed, os.getpid()


def test_results_are_in_the_order_of_specs_and_equal_ones_are_done_once(specs):
    asked = [*reversed(specs), specs[2]]
    results = run_sweep(where, asked, done=none, workers=2)
    assert [seed for seed, _ in results] == [3, 2, 1, 0, 2]
    assert results[4] == results[1]
    processes = {process for _, process in results}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_what_is_finished_is_read_in_this_process_and_counts_from_the_start(
    specs, capfd, monkeypatch
):
    monkeypatch.setattr(bars, "LOG_EVERY", 0.0)
    results = run_sweep(where, specs, done=lambda spec: spec.seed in (1, 3), workers=2)
    assert [process == os.getpid() for _, process in results] == [False, True, False, True]
    drawn = capfd.readouterr().err.splitlines()
    assert drawn[0].startswith("runs:  50%") and " 2.0 of 4 " in drawn[0]


def test_one_worker_is_this_process(specs):
    assert {process for _, process in run_sweep(where, specs, done=none, workers=1)} == {
        os.getpid()
    }


def fails(spec: RunSpec) -> int:
    if spec.seed == 1:
        raise InputError("the data is not at hand: fetch it")
    if spec.seed == 2:
        raise KeyError("field")
    return spec.seed


@pytest.mark.parametrize("workers", [1, 2])
def test_failed_runs_are_named_at_the_end_and_the_others_are_done(
    specs, workers, tmp_path, capfd, monkeypatch
):
    monkeypatch.setattr(bars, "LOG_EVERY", 0.0)
    with pytest.raises(InputError) as caught:
        run_sweep(
            partial(marks, tmp_path, fails), specs, done=none, label="ablations", workers=workers
        )
    said = str(caught.value)
    assert said.startswith("2 of 4 ablations failed, the others are finished and kept: ")
    assert f"{specs[1].run_id} ({specs[1].label()}): the data is not at hand: fetch it" in said
    assert f"{specs[2].run_id} ({specs[2].label()}): KeyError: 'field'" in said
    assert said.endswith("start again: finished runs are read")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "3"]
    err = capfd.readouterr().err
    assert 'raise KeyError("field")' in err  # where it was, for who mends it
    assert ", 2 failed]" in err


def marks(folder: Path, do, spec: RunSpec):
    """Leaves a file if `do` comes to its end."""
    result = do(spec)
    (folder / str(spec.seed)).touch()
    return result


def broken(spec: RunSpec) -> bool:
    if spec.seed == 0:
        raise InputError("the folder is damaged")
    return False


def test_a_run_that_cannot_be_looked_for_stops_no_other(specs, tmp_path):
    def do(spec: RunSpec) -> int:
        broken(spec)
        return marks(tmp_path, where, spec)

    with pytest.raises(InputError, match=r"^1 of 4 runs failed, .*: the folder is damaged\. Mend"):
        run_sweep(do, specs, done=broken)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3"]


def dies(spec: RunSpec) -> int:
    if spec.seed == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if spec.seed == 1:
        os._exit(7)
    return spec.seed


def test_a_killed_worker_is_a_failed_run_and_the_others_are_done(specs, tmp_path):
    with pytest.raises(InputError) as caught:
        run_sweep(partial(marks, tmp_path, dies), specs, done=none, workers=2)
    said = str(caught.value)
    assert said.startswith("2 of 4 runs failed")
    assert f"{specs[0].label()}): its process was ended by SIGKILL, as the system does when" in said
    assert f"{specs[1].label()}): its process ended with exit code 7" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def chatters(spec: RunSpec) -> int:
    print(f"printed {spec.seed}")
    os.write(1, b"written\n")
    warnings.warn(f"careful with {spec.seed}", UserWarning, stacklevel=1)
    return spec.seed


def test_what_workers_print_and_warn_of_goes_to_stderr(specs, capfd):
    assert run_sweep(chatters, specs, done=none, workers=2) == [0, 1, 2, 3]
    out, err = capfd.readouterr()
    assert out == ""
    for seed in range(4):
        assert f"printed {seed}" in err  # two workers' lines may run into one another
        assert f"UserWarning: careful with {seed}" in err
    assert err.count("written\n") == 4


def large(spec: RunSpec) -> bytes:
    return bytes(1_000_000)


def test_a_large_result_comes_whole(specs):
    assert run_sweep(large, specs, done=none, workers=2) == [bytes(1_000_000)] * 4


def cores(folder: Path, spec: RunSpec) -> tuple[int, ...]:
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < 2:  # so that both workers have one
        time.sleep(0.01)
    return tuple(os.sched_getaffinity(0))


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="one core"
)
def test_each_worker_has_its_own_share_of_the_cores(specs, tmp_path):
    mine = os.sched_getaffinity(0)
    first, second = set(run_sweep(partial(cores, tmp_path), specs, done=none, workers=2))
    assert set(first).isdisjoint(second)
    assert {*first, *second} == mine == os.sched_getaffinity(0)


def trained(root: Path, spec: RunSpec) -> float:
    return float(RunStore(root).get(spec).metrics()["loss"].iloc[-1])


def found(root: Path, spec: RunSpec) -> bool:
    return RunStore(root).find(spec) is not None


@pytest.mark.slow
def test_real_runs_are_trained_by_workers_and_then_read(specs, tmp_path, monkeypatch):
    losses = run_sweep(
        partial(trained, tmp_path), specs[:2], done=partial(found, tmp_path), workers=2
    )
    assert all(4 < loss < 10 for loss in losses)
    assert losses[0] != losses[1]
    monkeypatch.setattr(RunStore, "_train", None)
    again = run_sweep(partial(trained, tmp_path), specs[:2], done=partial(found, tmp_path))
    assert again == losses


def test_how_many_workers_there_are(specs, monkeypatch):
    def count(**changes) -> int:
        return worker_count(where, [dataclasses.replace(s, **changes) for s in specs])

    monkeypatch.setattr(runner, "_accelerator", lambda: False)
    monkeypatch.setattr(runner, "cores", lambda: [0, 1, 2])
    monkeypatch.setattr(runner, "WORKER_MEMORY", 1.0)
    assert count(model="mini") == 3
    assert count(model="small") == 1
    assert worker_count(where, specs[:2]) == 2
    assert worker_count(where, specs[:1], workers=4) == 1
    assert worker_count(where, specs, workers=9) == 4
    assert worker_count(lambda spec: spec, specs, workers=2) == 1
    monkeypatch.setattr(runner, "WORKER_MEMORY", 1e18)
    assert count() == 1
    monkeypatch.setenv("FLANREPRO_WORKERS", "3")
    assert worker_count(where, specs, workers=2) == 3


def test_an_accelerator_is_for_one_process(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")
    assert runner._accelerator()
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert not runner._accelerator()
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setattr(runner.util, "find_spec", lambda name: name == "libtpu")
    assert runner._accelerator()


@pytest.mark.parametrize("text", ["two", "-1", "1.5"])
def test_a_bad_number_of_workers_is_one_sentence(specs, text, monkeypatch):
    monkeypatch.setenv("FLANREPRO_WORKERS", text)
    with pytest.raises(InputError, match=f"FLANREPRO_WORKERS is '{text}': expected a whole number"):
        run_sweep(where, specs, done=none)
    monkeypatch.delenv("FLANREPRO_WORKERS")
    with pytest.raises(InputError, match="workers is -1: expected a whole number, 0 or more"):
        run_sweep(where, specs, done=none, workers=-1)


# --- other ways to be started ---

HANGS = 900
"""Seconds after which a process hangs; no test is right or wrong by its time."""

WORK = """
import os, time, warnings
from pathlib import Path

def where(spec):
    warnings.warn(f"careful with {spec.seed}")
    return os.getpid()

def waits(folder, spec):
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(3600)

def first(folder, spec):
    if spec.seed:
        waits(folder, spec)
    (Path(folder) / "done").touch()

def none(spec):
    return False
"""

SPECS = """
import dataclasses
from functools import partial
from pathlib import Path
from flanrepro.experiments.runner import run_sweep
from flanrepro.training.spec import RunSpec
import work
spec = RunSpec("pocket", "nano", "pocket", 2, 2, 64, 16, 1e-3)
specs = [dataclasses.replace(spec, seed=seed) for seed in range(4)]
"""


@pytest.fixture
def script(tmp_path):
    """script(text) -> the process of a script of that text, with no guard; ended with the test."""
    started = []
    (tmp_path / "work.py").write_text(WORK)

    def start(text: str) -> subprocess.Popen:
        path = tmp_path / "script.py"
        path.write_text(SPECS + text)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, path], **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_script_without_a_guard_is_not_run_again_by_workers(script):
    process = script("""
print("here", flush=True)
print(len(set(run_sweep(work.where, specs, done=work.none, workers=2))))
def own(spec):
    return spec.seed
print(run_sweep(own, specs, done=work.none, workers=2))
""")
    out, err = process.communicate(timeout=HANGS)
    assert (process.returncode, out) == (0, "here\n2\n[0, 1, 2, 3]\n"), err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_with_the_sweep_its_workers_end_in_mid_run(script, tmp_path, how):
    process = script(
        f"run_sweep(partial(work.waits, {str(tmp_path)!r}), specs, done=work.none, workers=2)"
    )
    until = time.monotonic() + HANGS
    while len(pids := [int(path.stem) for path in tmp_path.glob("*.pid")]) < 2:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    assert all(map(alive, pids))
    process.send_signal(how)
    err = process.communicate(timeout=HANGS)[1]
    assert process.returncode == -how
    assert err.count("KeyboardInterrupt") == (how == signal.SIGINT)
    while any(map(alive, pids)):
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # a process that nobody has asked after counts as ended
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_notebook_has_workers_and_shows_their_warnings(tmp_path, monkeypatch):
    import nbformat
    import papermill

    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # under which a kernel leaves its file 2 as it is
    (tmp_path / "work.py").write_text(WORK)
    cells = [SPECS, "print(len(set(run_sweep(work.where, specs, done=work.none, workers=2))))"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, tmp_path / "in.ipynb")
    done = papermill.execute_notebook(
        str(tmp_path / "in.ipynb"),
        None,
        kernel_name="python3",
        cwd=str(tmp_path),
        progress_bar=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    said = {"stdout": "", "stderr": ""}
    for output in done.cells[-1].outputs:
        said[output["name"]] += output["text"]
    assert said["stdout"] == "2\n"
    assert "careful with 3" in said["stderr"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_notebooks_stop_button_is_one_sentence_with_what_is_kept(tmp_path, monkeypatch, workers):
    from jupyter_client.manager import start_new_kernel

    (tmp_path / "work.py").write_text(WORK)
    monkeypatch.chdir(tmp_path)
    code = f"{SPECS}\nrun_sweep(partial(work.first, {str(tmp_path)!r}), specs, done=work.none, "
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        asked = client.execute(f"{code}workers={workers}, label='runs of x')")
        until = time.monotonic() + HANGS
        while len(list(tmp_path.glob("*.pid"))) < workers or not (tmp_path / "done").exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(1.0)  # the first run's end is told to the sweep
        manager.interrupt_kernel()  # SIGINT, as JupyterLab sends it
        while (answer := client.get_shell_msg(timeout=HANGS))["parent_header"]["msg_id"] != asked:
            pass  # of questions that came before
        reply = answer["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    (sentence,) = reply["traceback"]
    assert (reply["ename"], reply["evalue"]) == ("KeyboardInterrupt", sentence)
    assert sentence.startswith("interrupted: 1 of 4 runs of x are finished and kept, and of each")
    assert "in a notebook: run the cell again" in sentence
    assert not any(alive(int(path.stem)) for path in tmp_path.glob("*.pid") if workers > 1)
