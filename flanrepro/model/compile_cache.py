"""Compiled programs, kept on disk: a process compiles nothing that an earlier one compiled.

JAX does it; here is where, and how much. JAX's own variables go first: `JAX_COMPILATION_CACHE_DIR`
names another folder, `JAX_ENABLE_COMPILATION_CACHE=false` keeps nothing.
"""

import contextlib
import functools
import hashlib
import platform
import warnings
from pathlib import Path

from flanrepro.raw.files import cache_folder
from flanrepro.workers import cores

LIMIT = 1 << 30
"""Number of bytes to keep, of the programs that were used last."""


def enable() -> None:
    """Switches the cache on, in the user's cache folder, unless JAX has one already.

    Programs that are compiled before the call are not kept. A folder that cannot be written, or an
    entry that cannot be read, costs the compilation and nothing else.
    """
    import jax

    if jax.config.jax_compilation_cache_dir is not None:
        return
    root = cache_folder() / "jax"
    _prune(root, LIMIT)
    # One would come per program, about a cache that nobody asked for.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
    # A run of a small model is many compilations below JAX's own threshold of a second.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_compilation_cache_dir", str(root / _machine()))


@functools.cache
def _machine() -> str:
    """Names the processor and the number of cores that this process may use.

    A program for the CPU is compiled for both. JAX's key has neither, so that machines that share
    a home folder, or a process pinned to one core, would load each other's programs.
    """
    facts = [platform.machine(), platform.processor(), str(len(cores()))]
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        facts += sorted({ln for ln in lines if ln.startswith(("model name", "flags", "Features"))})
    except OSError:  # only Linux lists a processor's features
        facts.append(platform.node())
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _prune(root: Path, limit: int) -> None:
    """Deletes entries beyond `limit` bytes, the longest unused first, and those that are empty.

    JAX's own limit is not used: it locks the folder at every reading, and an entry that a killed
    process left half written makes every later writing fail.
    """
    entries = []
    for path in root.glob("*/*-cache"):
        with contextlib.suppress(OSError):  # another process deletes too
            found = path.stat()
            # Many disks are mounted without times of access; the time of writing is left.
            entries.append((max(found.st_atime, found.st_mtime), found.st_size, path))
    total = 0
    for _, size, path in sorted(entries, reverse=True):
        total += size
        if size == 0 or total > limit:  # a full disk leaves empty files
            with contextlib.suppress(OSError):
                path.unlink()
