"""`flanrepro doctor`: prints what this machine has, for bug reports."""

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path

from flanrepro import allocator
from flanrepro.raw.files import cache_folder, manifest, mirror

_CORE = ("jax", "flax", "optax", "orbax-checkpoint", "grain", "sentencepiece", "papermill")
_EXTRAS = {"huggingface_hub": "hub", "seqio": "beam", "torch": "interop", "transformers": "interop"}


def report() -> str:
    """Versions, devices, memory, allocator, caches, mirror: one fact per line."""
    import jax

    from flanrepro.experiments.profiles import workspace

    lines = [f"flanrepro {_version('flanrepro')}, Python {platform.python_version()}"]
    lines += [f"  {name} {_version(name)}" for name in _CORE]
    for name, extra in _EXTRAS.items():
        missing = f"not installed (pip install 'flanrepro[{extra}]')"
        lines.append(f"  {name} {_version(name) or missing}")
    devices = ", ".join(f"{d.platform}: {d.device_kind}" for d in jax.devices())
    lines.append(f"devices: {devices}; {os.cpu_count()} cores; memory: {_memory()}")
    lines.append(f"allocator: {allocator.state()}")
    for name, folder in (("workspace", workspace()), ("cache", cache_folder())):
        lines.append(f"{name}: {folder}, {_free(folder)}")
    lines.append(f"mirror: {_mirror()}")
    return "\n".join(lines)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return "unknown"
    return f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free"


def _free(folder: Path) -> str:
    # A folder that is not made yet will lie on the disk of its nearest parent.
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    made = "" if folder.exists() else "not made yet, "
    return f"{made}{shutil.disk_usage(existing).free / 1e9:.1f} GB free"


def _mirror() -> str:
    folder = mirror()
    if folder is None:
        return "FLANREPRO_MIRROR is not set: files are downloaded"
    there = sum((folder / path).is_file() for path in manifest())
    return f"{folder}, {there} of {len(manifest())} files of collection flan2022"


def doctor() -> None:
    """Print versions, devices, memory, folders and the mirror, and what is missing."""
    print(report())
