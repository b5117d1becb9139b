import json
import os
from pathlib import Path

import nbformat
import pytest

from flanrepro.errors import InputError
from flanrepro.experiments.parameters import check_parameters, notebook_parameters, read_notebook


@pytest.fixture
def written(tmp_path):
    """written(*cells, **metadata): a notebook of code cells, each a source or a source and tags."""

    def write(*cells: str | tuple[str, ...], **metadata) -> Path:
        notebook = nbformat.v4.new_notebook(metadata=metadata)
        for source, *tags in [cell if isinstance(cell, tuple) else (cell,) for cell in cells]:
            made = nbformat.v4.new_code_cell(source, metadata={"tags": tags})
            notebook.cells.append(made)
        nbformat.write(notebook, tmp_path / "a.ipynb")
        return tmp_path / "a.ipynb"

    return write


def types_and_helps(path: Path) -> dict[str, tuple[str, str, str]]:
    keys = ("inferred_type_name", "default", "help")
    return {
        name: tuple(row[key] for key in keys) for name, row in notebook_parameters(path).items()
    }


def test_every_form_of_an_assignment_is_a_parameter(written):
    source = '''"""What may be changed."""
import os

seeds = 2
rate: float = 1  # a = b, as "x: int = 3"
shape: "list[int]" = [
    1,  # first
    2,
]  # both
name = "a=b"  #no space
old = None  # type: str of old
steps: int
here = os.getcwd()
one = two = True
some.attribute = 3
if seeds:
    hidden = 1
'''.replace("some.attribute", "os.x")
    assert types_and_helps(written((source, "parameters"))) == {
        "seeds": ("int", "2", ""),
        "rate": ("float", "1", 'a = b, as "x: int = 3"'),
        "shape": ("list[int]", "[\n    1,  # first\n    2,\n]", "both"),
        "name": ("str", '"a=b"', "no space"),
        "old": ("str", "None", "of old"),
        "steps": ("int", "", ""),
        "here": ("None", "os.getcwd()", ""),
        "one": ("bool", "True", ""),
        "two": ("bool", "True", ""),
    }


@pytest.mark.parametrize(
    ("line", "text", "value"),
    [
        ("x = 2", "3", 3),
        ("x = 2.5", "3", 3.0),
        ("x = 'a'", "3", "3"),
        ("x = True", "False", False),
        ("x: list[int] = []", "[1, 2]", [1, 2]),
        ("x: dict[str, list[int]] = {}", "{'a': [1]}", {"a": [1]}),
        ("x: int | None = None", "None", None),
        ("x: int | None = None", "3", 3),
        ("x: int | str = 1", "many", "many"),
        ("x: int | float = 1", "2", 2),
        ("x = None", "3", 3),
        ("x = None", "/a/{b}", "/a/{b}"),
        ("x: Path = Path('.')", "/a", "/a"),
        ("x: str", "3", "3"),
    ],
)
def test_a_value_is_of_the_annotated_type_or_of_that_of_the_default(written, line, text, value):
    path = written((line, "parameters"))
    found = check_parameters(path, {"x": text})["x"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        ("x = 2", "2.0", "parameter 'x' is '2.0': expected int"),
        ("x = 2", "a\nb", r"parameter 'x' is 'a\nb': expected int"),
        ("x = True", "yes", "parameter 'x' is 'yes': expected bool"),
        ("x: list[int] = []", "1", r"parameter 'x' is '1': expected list[int]"),
        ("x = 0", "(" * 10_000, f"parameter 'x' is '{'(' * 59}...: expected int"),
    ],
)
def test_a_value_of_another_type_is_refused(written, line, text, said):
    with pytest.raises(InputError) as caught:
        check_parameters(written((line, "parameters")), {"x": text})
    assert str(caught.value) == said


def test_a_copied_parameters_cell_is_refused_since_the_later_would_win_in_silence(written):
    path = written("import os", ("seeds = 2", "parameters"), "1", ("seeds = 3", "parameters"))
    with pytest.raises(InputError) as caught:
        check_parameters(path, {"seeds": "4"})
    assert str(caught.value) == (
        f"{path} has 2 cells tagged 'parameters' (cells 2, 4, counted from 1), and the last would "
        "win: leave the tag to one (a copied cell keeps its tags)"
    )


def test_the_parameters_cell_need_not_be_the_first(written):
    path = written("import os", ("1", "progress"), ("seeds = 2", "hide", "parameters"))
    assert check_parameters(path, {"seeds": "4"}) == {"seeds": 4}


@pytest.mark.parametrize("source", ["%matplotlib inline\nx = 1", "x = = 1", "x = '", "x = 1\0"])
def test_a_parameters_cell_that_is_not_python_is_refused(written, source):
    path = written((source, "parameters"))
    with pytest.raises(InputError) as caught:
        notebook_parameters(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: the cell tagged 'parameters'")
    assert "is not plain Python: expected lines like `seeds: int = 3" in said and "\n" not in said


@pytest.mark.parametrize("tag", ["Parameters", "parameter", "my parameters"])
def test_a_tag_in_another_form_is_none(written, tag):
    with pytest.raises(InputError, match=r"has no cell tagged 'parameters', so"):
        notebook_parameters(written(("x = 1", tag)))


def test_a_tagged_text_is_no_parameters_cell(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_markdown_cell("x = 1", metadata={"tags": ["parameters"]})]
    nbformat.write(notebook, tmp_path / "a.ipynb")
    with pytest.raises(InputError, match=r"has no cell tagged 'parameters', so"):
        notebook_parameters(tmp_path / "a.ipynb")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "mine", "display_name": "Mine"}},
        {"kernelspec": {"name": "x", "display_name": "X", "language": "python"}},
        {"language_info": {"name": "python"}},
        {"language_info": {"name": "ipython"}},
    ],
)
def test_a_notebook_in_python_may_name_any_kernel_or_none(written, metadata):
    assert check_parameters(written(("x = 1", "parameters"), **metadata), {"x": "2"}) == {"x": 2}


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}},
        {"language_info": {"name": "R"}},
    ],
)
def test_a_notebook_in_another_language_is_refused(written, metadata):
    with pytest.raises(InputError, match=r"a\.ipynb is a notebook in 'R': expected one in Python"):
        notebook_parameters(written(("x <- 1", "parameters"), **metadata))


def test_an_executed_copy_keeps_its_values_unless_others_are_given(written):
    values = "# Parameters\nprofile = 'smoke'\nseeds = 3\n"
    cells = (("profile = 'quick'\nseeds = 1", "parameters"), (values, "injected-parameters"))
    assert check_parameters(written(*cells), {}) == {"profile": "smoke", "seeds": 3}
    given = {"seeds": "2"}
    assert check_parameters(written(*cells), given) == {"profile": "smoke", "seeds": 2}


@pytest.mark.parametrize("source", ["seeds = one()", "%magic", "seeds: int"])
def test_an_executed_copy_with_a_changed_cell_of_values_is_refused(written, source):
    path = written(("seeds = 1", "parameters"), (source, "injected-parameters"))
    with pytest.raises(
        InputError, match=r"a.ipynb, cell 2 \(from 1\): expected parameters' values"
    ):
        check_parameters(path, {})


WHOLE = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", id="a")])


def changed(**fields) -> str:
    return json.dumps({**WHOLE, **fields})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        json.dumps(WHOLE)[:60],
        "[]",
        "3",
        "[" * 100_000,
        changed(cells=7),
        changed(metadata=None),
        changed(nbformat=9),
        changed(nbformat="x"),
        changed(cells=[{**WHOLE.cells[0], "source": None}]),
        changed(cells=[{**WHOLE.cells[0], "metadata": {"tags": "parameters"}}]),
        changed(cells=[{"cell_type": "code"}]),
        changed(cells=[{**WHOLE.cells[0], "cell_type": "b\nc"}]),
        "\udcff",
    ],
)
def test_what_is_no_notebook_is_one_sentence(tmp_path, text):
    path = tmp_path / "no.ipynb"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        read_notebook(path)
    said = str(caught.value)
    assert said.startswith(f"{path} is no Jupyter notebook (") and said.endswith("another file")
    assert "\n" not in said and len(said) < len(f"{path}") + 200


def test_what_is_no_file_is_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "nothing")
    for name, said in (
        ("", "is a folder: name"),
        ("pipe.ipynb", "is a pipe: name"),
        ("link.ipynb", "is a link to what does not exist: name"),
        ("x.ipynb", "there is no notebook "),
    ):
        with pytest.raises(InputError, match=said):
            read_notebook(tmp_path / name)


def test_an_old_notebook_and_cells_with_one_id_are_read_without_a_warning(tmp_path, recwarn):
    cell = {"cell_type": "code", "collapsed": False, "language": "python", "outputs": []}
    cell |= {"input": ["seeds = 2"], "metadata": {"tags": ["parameters"]}}
    sheets = [{"cells": [cell], "metadata": {}}]
    old = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": sheets}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    assert list(notebook_parameters(tmp_path / "old.ipynb")) == ["seeds"]
    (tmp_path / "copied.ipynb").write_text(changed(cells=WHOLE.cells * 2))
    assert len(read_notebook(tmp_path / "copied.ipynb").cells) == 2
    assert not recwarn.list
