"""`python -m flanrepro.t5x.launch` is T5X's own train.py as a child, and takes its arguments.

It ends when its standard input does, even in the midst of a step: it does not go on training when
the process that started it is gone.
"""

import os
import runpy
import sys
import threading
import traceback


def _end_with_parent() -> None:
    os.read(0, 1)  # not sys.stdin, which the interpreter locks when it ends
    os._exit(1)


def _main() -> int:
    sys.argv[0] = "t5x.train"
    try:
        # As T5X is meant to be started: gin files name train.py's functions by `__main__`.
        runpy.run_module("t5x.train", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    status = _main()
    sys.stdout.flush()
    sys.stderr.flush()
    # T5X has closed what it wrote; an ordinary end would wait for TensorFlow's threads.
    os._exit(status)
