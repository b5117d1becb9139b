"""Kills a process at a file event; Python imports this at its start, in worker processes too.

`ci.chaos.kills` puts this folder on PYTHONPATH, with a plan in FLANREPRO_CHAOS.
"""

import json
import os
import signal
import sys
import threading

EVENTS = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def install(under: str, log: str, who: str, at: int, delay: float, victims: list[str]) -> None:
    """Counts the file events under a folder, and sends SIGKILL at one of them.

    Args:
        under: folder whose events count.
        log: file that gets a line per event: who, the process, what, and the path.
        who: `parent` or `worker`, whose events count.
        at: number of the event, from 1 on; 0: none.
        delay: seconds from the event to the signal, for what no event tells.
        victims: `it`, the process of the event, and `its parent`, a worker's; the parent first.
    """
    here = "worker" if os.environ.get("FLANREPRO_WORKERS") == "1" else "parent"
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    seen, parent = 0, os.getppid()

    def kill() -> None:
        os.close(os.open(f"{log}.killed", os.O_CREAT | os.O_WRONLY))
        # A worker whose parent is gone has another one, which is no part of this.
        if "its parent" in victims and os.getppid() == parent:
            os.kill(parent, signal.SIGKILL)
        if "it" in victims:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, args: tuple) -> None:
        nonlocal seen
        if not (event in EVENTS or (event == "open" and args[2] & WRITES)):
            return
        if not (isinstance(args[0], (str, bytes)) and os.fsdecode(args[0]).startswith(under)):
            return
        seen += 1
        line = f"{here} {os.getpid()} {event} {os.fsdecode(args[0])[len(under) :]}\n"
        os.write(file, line.encode())
        if here != who or seen != at:
            return
        try:  # several workers reach their n-th event; the first one is killed
            os.open(f"{log}.claimed", os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return
        if delay:
            threading.Timer(delay, kill).start()
        else:
            kill()

    sys.addaudithook(hook)


if plan := os.environ.get("FLANREPRO_CHAOS"):
    install(**json.loads(plan))
