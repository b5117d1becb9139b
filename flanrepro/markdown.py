"""Writers of Markdown."""

from collections.abc import Iterable, Sequence


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Writes a table; bars within cells are escaped, and white space becomes one space."""
    # Not `pandas.DataFrame.to_markdown`: it needs another package, and pads cells, so that one
    # longer cell would change every line of a card.
    lines = [titles, ["---"] * len(titles), *rows]
    cells = ([" ".join(cell.replace("|", "\\|").split()) for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
