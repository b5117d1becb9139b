"""Markdown that the package writes."""

from collections.abc import Iterable, Sequence


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar within a cell is escaped, and white space is one space.

    `pandas.DataFrame.to_markdown` needs another package, and pads cells: one longer cell would change
    every line of a card.
    """
    lines = [titles, ["---"] * len(titles), *rows]
    cells = ([" ".join(cell.replace("|", "\\|").split()) for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
