from pathlib import Path

import nbformat
import pytest

from flanrepro.errors import InputError
from flanrepro.experiments.notebook import check_parameters, notebook_parameters, run_notebook

MIXED_PROMPTS = Path(__file__).parents[2] / "notebooks" / "02_mixed_prompts.ipynb"


def write_notebook(path: Path, *cells: tuple[str, str]) -> Path:
    """A notebook of code cells, each given by its source and its tag."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = dict(
        name="python3", display_name="Python 3", language="python"
    )
    for source, tag in cells:
        metadata = {"tags": [tag]} if tag else {}
        notebook.cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
    nbformat.write(notebook, path)
    return path


def test_every_parameter_has_a_type_and_a_help():
    parameters = notebook_parameters(MIXED_PROMPTS)
    assert list(parameters) == ["collection", "model", "profile", "seeds", "engine", "out"]
    assert {row["inferred_type_name"] for row in parameters.values()} == {"str", "int"}
    assert all(row["help"] for row in parameters.values())


def test_values_take_the_notebooks_types():
    given = {"seeds": "3", "profile": "smoke"}
    assert check_parameters(MIXED_PROMPTS, given) == {"seeds": 3, "profile": "smoke"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"profil": "smoke"}, "no parameter 'profil': it has collection, model, profile, seeds"),
        ({"profile": "fast"}, "unknown profile 'fast': choose one of smoke, quick"),
        ({"model": "huge"}, "unknown model 'huge': choose one of nano, micro"),
        ({"collection": "p3"}, "unknown collection 'p3': choose one of pocket, flan2022"),
        ({"engine": "tpu"}, "unknown engine 'tpu': choose one of local"),
        ({"seeds": "many"}, "parameter 'seeds' is 'many': expected int"),
        ({"seeds": "-1"}, "seeds is -1: expected a whole number, 0 or more"),
    ],
)
def test_an_unknown_parameter_or_value_lists_the_valid_ones(given, sentence):
    with pytest.raises(InputError, match=sentence):
        check_parameters(MIXED_PROMPTS, given)


def test_a_notebook_without_a_parameters_cell_is_refused(tmp_path):
    path = write_notebook(tmp_path / "plain.ipynb", ("print(1)", ""))
    with pytest.raises(InputError, match=r"plain.ipynb has no cell tagged 'parameters'"):
        check_parameters(path, {})


def test_what_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "no.ipynb"
    path.write_text("{")
    with pytest.raises(InputError, match=r"no.ipynb is no Jupyter notebook"):
        notebook_parameters(path)


def test_a_failed_notebook_leaves_the_cells_before_the_error(tmp_path):
    cells = [("out: str = ''", "parameters"), ("print('made')", ""), ("1 / 0", "")]
    path = write_notebook(tmp_path / "fails.ipynb", *cells)
    with pytest.raises(InputError, match=r"fails.ipynb stopped in cell 3 with ZeroDivisionError"):
        run_notebook(path, {"out": str(tmp_path)})
    left = tmp_path / "notebooks" / "executed" / "fails.pocket.quick.ipynb"
    assert "made" in left.read_text()
