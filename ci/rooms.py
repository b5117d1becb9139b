"""The library's rooms and their imports: `python -m ci.rooms` draws out/rooms.svg.

A room is a folder of `flanrepro/`. `tests/test_rooms.py` holds that imports run only to rooms
above, and in no circle.
"""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ORDER = (
    "collection", "raw", "sources", "data", "model", "training", "evaluation", "t5x", "experiments",
    "report", "cards", "cli",
)  # fmt: skip
"""The way of an example, from a record to a verdict: each room may import from those before it."""

GROUND = {
    f"flanrepro.{name}"
    for name in (
        "allocator",
        "bars",
        "cluster",
        "errors",
        "fields",
        "markdown",
        "packaged",
        "version",
        "whole",
        "workers",
    )
}
"""Modules of no room that every room may import; they import only each other."""

FRONT = {"flanrepro", "flanrepro.__main__"}
"""Modules of no room that may import every room."""


def modules(folder: str) -> dict[str, Path]:
    """The modules below a folder of the checkout, by their dotted names."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    names = (path.relative_to(ROOT).with_suffix("").as_posix() for path in paths)
    dotted = (name.removesuffix("/__init__").replace("/", ".") for name in names)
    return dict(zip(dotted, paths, strict=True))


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of `known` that a file imports, also inside functions and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in inside}
    return found & set(known)


def room(module: str) -> str:
    """The room of a module that is neither on the ground nor at the front."""
    return module.split(".")[1]


def draw(path: Path) -> None:
    """Draws a row per room and an arc per pair of rooms, as wide as it has imports.

    Arcs to a room above are on the right; one to a room below, which must not be, would be red and
    on the left.
    """
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Arc

    library = modules("flanrepro")
    pairs, lines = Counter(), Counter()
    for name, file in library.items():
        if name in GROUND | FRONT:
            continue
        lines[room(name)] += len(file.read_text(encoding="utf-8").splitlines())
        others = imported(file, library) - GROUND - FRONT
        pairs.update((room(name), room(o)) for o in others if room(o) != room(name))
    fig, ax = plt.subplots(figsize=(6, 5))
    for row, name in enumerate(ORDER):
        ax.text(-0.1, row, f"{name}  ({lines[name]:,} lines)", ha="right", va="center")
    for (low, high), number in sorted(pairs.items()):
        begin, end = ORDER.index(low), ORDER.index(high)
        up = end > begin
        arc = Arc(
            (0, (begin + end) / 2), abs(begin - end) * 0.9, abs(begin - end),
            theta1=90 if up else -90, theta2=270 if up else 90,
            linewidth=0.4 + number**0.5 / 3, color="red" if up else "#1f77b4", alpha=0.6,
        )  # fmt: skip
        ax.add_patch(arc)
    ax.set(
        xlim=(-4.5, 5.5), ylim=(len(ORDER) - 0.5, -0.5), title="imports, from a room to those above"
    )
    ax.set_axis_off()
    fig.savefig(path, bbox_inches="tight")
    print(f"{path.relative_to(ROOT)}: {pairs.total()} imports between {len(ORDER)} rooms")


if __name__ == "__main__":
    (ROOT / "out").mkdir(exist_ok=True)
    draw(ROOT / "out" / "rooms.svg")
