"""`flanrepro report`: writes the reproducibility report."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    output: Annotated[
        Path | None, typer.Option(help="file to write, as Markdown; none: standard output")
    ] = None,
) -> None:
    """Report on the scores that ship, as the ML Reproducibility Challenge asks for it."""
    from flanrepro.report import reproducibility
    from flanrepro.whole import write_whole

    text = reproducibility.report()
    if output is None:
        print(text, end="")
    else:
        write_whole(output, text)
        print(f"{output}: {len(text.splitlines())} lines")
