"""What the tests of all notebooks need."""

from pathlib import Path

import nbformat
import pytest


@pytest.fixture(scope="session")
def code_cells():
    """code_cells(path): the code cells of a notebook."""

    def cells(path: Path) -> list:
        every = nbformat.read(path, as_version=4).cells
        return [cell for cell in every if cell.cell_type == "code"]

    return cells
