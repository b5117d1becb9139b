"""Of every notebook in the repository, as it is committed."""

from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_source_is_stripped_and_its_cells_are_short(path, code_cells):
    assert code_cells(path)
    for cell in code_cells(path):
        assert not cell.outputs
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= 15
        assert "class " not in cell.source
