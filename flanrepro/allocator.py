"""The allocator of processes that train on a CPU: glibc's malloc, told to keep what is freed.

XLA's CPU backend allocates a step's temporary buffers anew in every call (some 100 MB even for
`nano`). By default glibc maps them from the kernel and gives them back, so that each step touches
every page for the first time. Measured: 250 steps of `nano` through a run store in a notebook's
kernel, one core of two, glibc 2.36, Linux 6.18; medians of three:

    settings                                  page faults   user s   system s   peak MB
    none                                        4,360,000     22.2        9.2       537
    by `mallopt`, as the model is imported      4,360,000     21.9        9.1       542
    SETTINGS, before Python starts                204,000     21.8        0.8       919
    SETTINGS and HUGE_PAGES                        63,000     19.9        0.9       589

The price is memory: a process stays as large as it once was, and how large that is differs from run
to run of the last two rows, 570 to 1,110 MB. A top pad (`MALLOC_TOP_PAD_`) made no difference.

A process can change its own malloc only as long as it has one thread, as a notebook's kernel has
not: threads keep the arena that they began with. So the settings are in the environment that a
process is started with, and whoever imports the library keeps their own allocator. Child processes
inherit them; git, the processes of `flanrepro cache` and evaluation are as fast and as large with
SETTINGS as without.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

SETTINGS = {
    # Any other arena consists of small heaps of its own, which go back to the kernel when empty.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_MMAP_MAX_": "0",
}
"""Environment variables that glibc's malloc reads when a process starts."""

HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""A tunable that asks for transparent huge pages; glibc before 2.35 ignores it."""

_PAGE_SIZE = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")


def environment() -> dict[str, str]:
    """Gives the variables that a process that trains needs beside those of this process.

    There are none if it has them already, if the user has any setting of malloc of their own, and
    elsewhere than on Linux with glibc.
    """
    if _own() or not _glibc():
        return {}
    if not _huge_pages_are_small():
        return dict(SETTINGS)
    others = os.environ.get("GLIBC_TUNABLES")
    return SETTINGS | {"GLIBC_TUNABLES": f"{others}:{HUGE_PAGES}" if others else HUGE_PAGES}


def holds() -> bool:
    """Says if this process was started with the settings; what is set later changes nothing."""
    try:
        began = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:  # only Linux has it
        return False
    return _glibc() and {f"{name}={value}".encode() for name, value in SETTINGS.items()} <= {*began}


def state() -> str:
    """Says if the settings hold in this process, and if they do not, what follows from it."""
    if holds():
        return "glibc keeps freed memory for the next train step (MALLOC_ARENA_MAX=1 and others)"
    if not _glibc():
        return "the system's own; flanrepro has settings for glibc alone"
    if own := _own():
        return f"as your own settings say ({', '.join(own)}), which flanrepro leaves as they are"
    settings = " ".join(f"{name}={value}" for name, value in environment().items())
    return (
        "glibc gives freed memory back, which makes train steps on a CPU slower; the commands that "
        f"train are started with other settings, for JupyterLab write: {settings} jupyter lab"
    )


def restart_with_it() -> None:
    """Starts the program of this process anew with the settings; returns if it has them.

    Everything else stays: process, arguments, standard streams, working directory, and so the exit
    status. For the beginning of a command: what has been read or begun is lost.
    """
    added, arguments = environment(), sys.argv[1:]
    # Inside another program, a test say, that calls the command, it would restart that program.
    is_command = bool(arguments) and sys.orig_argv[-len(arguments) :] == arguments
    if added and is_command and sys.executable:
        # It cannot go round: the new process has settings, whoever made them.
        # Signals wait until the new process can end in a sentence.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        with contextlib.suppress(OSError):  # no more than slower
            command = [sys.executable, *sys.orig_argv[1:]]
            os.execve(sys.executable, command, {**os.environ, **added})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _own() -> list[str]:
    """Names the variables of this process's environment that set anything of malloc's."""
    names = [name for name in os.environ if name.startswith("MALLOC_")]
    tuned = "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
    return sorted(names) + ["GLIBC_TUNABLES"] * tuned


def _glibc() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):  # another C library
        return False


def _huge_pages_are_small() -> bool:
    # 2 MiB on most machines, but 512 MiB beside ARM's pages of 64 KiB: one touch takes all of it.
    try:
        return int(_PAGE_SIZE.read_text()) <= 2 << 20
    except (OSError, ValueError):  # a kernel without them
        return False
