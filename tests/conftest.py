"""What every test may ask for; one store of compiled programs; in CI a skip is a failure."""

import ctypes
import gc
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flanrepro.model import compile_cache

# A shell that starts the tests in its background ignores Control-C for them, and so would every
# process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

# Hundreds of tests start processes, each of which would compile our modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Most of the suite's time is compilation, of the same few programs: the first process to need one
# leaves it to all others, children and later sessions too. Tests that kill a process in mid-run
# give it a folder of its own: what it leaves half written would stay here.
COMPILED = ROOT / ".pytest_cache" / "compiled"
compile_cache._prune(COMPILED, compile_cache.LIMIT)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(COMPILED / compile_cache._machine()))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# What a machine for CI may lack, by the reason that a test gives; every other skip fails there.
SKIPS_ALLOWED = {
    "JAX has no accelerator here": "it may have no GPU or TPU",
    "T5X is not installed": "T5X is on no package index: make t5x needs GitHub",
    r"the reference implementation \(google-research/FLAN\) is not": "it is on no package index",
    "tokamax is not installed": "its kernels are for GPUs and TPUs: extra `gpu`",
    "lm-evaluation-harness is not": "it is compared with in an environment of its own",
    "CTranslate2 is not": "it is compared with in the same environment",
    "no Chromium": "pages are looked at in it where it is installed",
    "one core": "a share of the cores takes two of them",
    "T5's vocabulary is not in the mirror": "it is published on the Hub alone",
    "the talk is not beside the data": "the mirror is data alone",
    "tells glibc's malloc": "it may have another system than Linux",
}


def _failed_in_ci(report) -> None:
    """Turns a skip into a failure if CI=true and the machine could have met the reason."""
    if not report.skipped or hasattr(report, "wasxfail") or os.environ.get("CI") != "true":
        return
    reason = str(report.longrepr[2])
    if not any(re.search(allowed, reason) for allowed in SKIPS_ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"{reason}. CI=true makes this a failure: see SKIPS_ALLOWED."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    _failed_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    _failed_in_ci(report)
    return report


_kept = 600 * 2**20
"""Bytes that this process may hold before it forgets what it compiled."""


def _resident() -> int:
    return psutil.Process().memory_info().rss


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what -m does not ask for
def pytest_collection_modifyitems(items):
    """Counts as slow what imports TensorFlow or PyTorch: each stays with some 500 MB."""
    for item in items:
        if {"seqio", "torch"} & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _memory_given_back():
    """Forgets compiled programs when they are many: JAX keeps each with its buffers, 100 MB each.

    What a later test shares with them comes from the folder of compiled programs. The trim is for
    glibc, which the package tells to keep what is free (`flanrepro/model/host_memory.py`). A
    quarter more than what was left each time, so that what is no program does not trigger it.
    """
    global _kept
    yield
    if "jax" in sys.modules and _resident() > _kept:
        sys.modules["jax"].clear_caches()
        gc.collect()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)
        _kept = max(_kept, int(1.25 * _resident()))


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder of real public data sets: $FLANREPRO_MIRROR, else ../shared/data beside the checkout.

    Nobody needs it to work on the package, so its tests are skipped without it, but for CI.
    """
    named = os.environ.get("FLANREPRO_MIRROR")
    folder = Path(named).expanduser() if named else ROOT.parent / "shared" / "data"
    if folder.is_dir():
        return folder.resolve()
    where = "FLANREPRO_MIRROR names" if named else "FLANREPRO_MIRROR is unset; looked for"
    pytest.skip(f"no real data: {where} {folder}, which is no folder")


@pytest.fixture(scope="session")
def pieces_like_t5s(tmp_path_factory) -> Callable[..., Path]:
    """pieces_like_t5s(texts, size, ...): a SentencePiece model of T5's kind, unigram and NFKC,
    without what our own training adds; further options are the trainer's."""
    import sentencepiece

    def trained(texts: list[str], size: int, **options) -> Path:
        path = tmp_path_factory.mktemp("pieces") / "spiece.model"
        with path.open("wb") as file:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(texts * 9),
                model_writer=file,
                vocab_size=size,
                hard_vocab_limit=False,
                pad_id=0,
                eos_id=1,
                unk_id=2,
                bos_id=-1,
                minloglevel=2,
                **options,
            )
        return path

    return trained


@pytest.fixture(scope="session")
def t5(mirror) -> Path:
    """T5's own SentencePiece model."""
    path = mirror / "models/google/t5-v1_1-small/spiece.model"
    if not path.is_file():
        pytest.skip("T5's vocabulary is not in the mirror")
    return path
