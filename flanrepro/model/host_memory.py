"""Keeping freed memory in the process, so that a CPU train step does not wait for new pages."""

import ctypes
import os
import sys

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def reuse_host_memory() -> bool:
    """Lets glibc's malloc keep what XLA frees; True if it was told so.

    XLA's CPU backend allocates a step's temporary buffers anew in every call (some 100 MB even for
    `nano`). By default glibc maps them from the kernel and gives them back, so that each step
    touches every page for the first time, which takes as long as the arithmetic. The price is a
    process that stays as large as it once was. Works only before JAX's first use, because threads
    keep the arena that they began with; nothing is changed elsewhere than on Linux with glibc, or
    where the environment sets MALLOC_ARENA_MAX.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not os.confstr("CS_GNU_LIBC_VERSION"):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1))
    return all([mallopt(option, value) == 1 for option, value in settings])
