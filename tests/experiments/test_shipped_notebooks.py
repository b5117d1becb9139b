"""Only the maintainers' command writes what ships: executed copies and figures of the checkout."""

from pathlib import Path

import nbformat
import pytest

from flanrepro.cli.figures import _folder
from flanrepro.errors import InputError
from flanrepro.experiments.notebook import printed_result
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.shipped_notebooks import execute_all


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A checkout with one notebook, in which this process stands."""
    monkeypatch.delenv("FLANREPRO_OUT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('name = "flanrepro"')
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks" / "07_mine.ipynb", "print(engine, beside)")
    return tmp_path


def write(path: Path, source: str) -> None:
    parameters = "engine: str = 'local'\nbeside: str = ''\nout: str = ''"
    cells = [
        nbformat.v4.new_code_cell(text, metadata={"tags": [tag]})
        for text, tag in ((parameters, "parameters"), (source, "result"))
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def test_copies_are_executed_again_with_their_parameters_and_kept_if_a_notebook_fails(checkout):
    copy = checkout / "notebooks" / "executed" / "07_mine.pocket.quick.ipynb"
    assert list(execute_all()) == [copy]
    assert printed_result(copy) == "shipped \n"
    text = copy.read_text("utf-8")
    copy.write_text(text.replace('shipped\\"', 'shipped\\"\\nbeside = \\"b\\"'), "utf-8")
    assert list(execute_all()) == [copy]
    assert printed_result(copy) == "shipped b\n"
    assert str(checkout) not in copy.read_text("utf-8")
    before = copy.read_bytes()
    write(checkout / "notebooks" / "07_mine.ipynb", "1 / 0")
    with pytest.raises(InputError, match=r"07_mine\.ipynb stopped in cell .*ZeroDivisionError"):
        list(execute_all())
    assert copy.read_bytes() == before


def test_outside_a_checkout_it_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"are a checkout's: run this in its folder, or `flanrep"):
        list(execute_all())


def test_the_checkouts_figures_are_of_the_scores_that_ship_alone(checkout, tmp_path, monkeypatch):
    shipped = {"engine": "shipped", "profile": "quick"}
    assert _folder(Job(**shipped)) == checkout / "figures" / "quick"
    assert _folder(Job(**shipped, out="a")) == checkout / "a" / "figures" / "quick"
    for others, name in (({"seeds": 1}, "seeds1"), ({"model": "micro"}, "micro")):
        folder = _folder(Job(**shipped, **others))
        assert folder.parent == checkout / "out" / "figures" and name in folder.name
    assert _folder(Job(profile="quick")) == checkout / "out" / "figures" / "quick"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (checkout / "pyproject.toml").unlink()
    monkeypatch.chdir(elsewhere)
    assert _folder(Job(**shipped)) == elsewhere / "out" / "figures" / "quick"
