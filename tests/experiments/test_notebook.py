import sys
from pathlib import Path

import nbformat
import pytest

from flanrepro.cli.main import main
from flanrepro.errors import InputError
from flanrepro.experiments import reproduce as runner
from flanrepro.experiments.notebook import check_parameters, notebook_parameters, run_notebook
from flanrepro.experiments.reproduce import HOW_LONG

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
    assert list(parameters) == ["collection", "model", "profile", "seeds", "engine", "out", "mesh"]
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
        ({"engine": "tpu"}, "unknown engine 'tpu': choose one of local, t5x"),
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


PARAMETERS = ("profile: str = 'quick'\nseeds: int = 0\nout: str = ''", "parameters")


@pytest.fixture
def reproduce(tmp_path, monkeypatch, capsys):
    """reproduce(*args): exit status, standard output's lines and standard error of the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLANREPRO_OUT", raising=False)
    monkeypatch.setattr(runner, "train_all", lambda job: Path("trained").write_text(f"{job}"))
    (tmp_path / "notebooks").mkdir()

    def run(*args: str) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "argv", ["flanrepro", "reproduce", *args])
        with pytest.raises(SystemExit) as stop:
            main()
            raise SystemExit(0)
        out, err = capsys.readouterr()
        return stop.value.code or 0, out.splitlines(), err

    return run


def test_reproduce_runs_the_papers_notebooks_in_order_and_a_failed_one_stops_no_other(
    reproduce, tmp_path
):
    note = ("open('order', 'a').write(f'{profile} {seeds} {out};')", "")
    for name in ("09_last", "06_first", "08_not_the_papers"):
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", PARAMETERS, note)
    write_notebook(tmp_path / "notebooks" / "01_fails.ipynb", PARAMETERS, ("1 / 0", ""))
    died = ("import os; os._exit(1)", "")
    write_notebook(tmp_path / "notebooks" / "02_dies.ipynb", PARAMETERS, died)
    status, lines, err = reproduce("--profile", "smoke", "-p", "seeds", "2")
    assert status == 2
    assert lines[0] == "4 notebooks into reproduced: profile smoke, seeds 2."
    assert lines[1].startswith(HOW_LONG)
    assert [line.rpartition(",")[0] for line in lines[2:7]] == [
        "the runs that notebooks share",
        "1 of 4: 01_fails, FAILED",
        "2 of 4: 02_dies, FAILED",
        "3 of 4: 06_first",
        "4 of 4: 09_last",
    ]
    assert lines[7:] == [
        "figures and tables: reproduced/figures",
        "executed notebooks: reproduced/notebooks/executed",
    ]
    assert (tmp_path / "order").read_text() == "smoke 2 reproduced;" * 2
    assert (tmp_path / "reproduced/notebooks/executed/09_last.pocket.smoke.ipynb").is_file()
    assert "flanrepro: 2 of 5 steps failed: 1 of 4: 01_fails stopped: 01_fails.ipynb stopped" in err
    assert "02_dies.ipynb stopped because its kernel died" in err
    trained = (tmp_path / "trained").read_text()
    assert "profile='smoke', seeds=2" in trained and "out='reproduced'" in trained


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--profile", "fast"], "unknown profile 'fast': choose one of smoke, quick"),
        (["-p", "size", "3"], "00_a.ipynb has no parameter 'size': it has profile, seeds, out"),
        (["--notebooks", "elsewhere"], "there are no notebooks 00 to 09 in elsewhere: run this in"),
    ],
)
def test_reproduce_refuses_a_wrong_parameter_before_anything_runs(
    reproduce, tmp_path, args, sentence
):
    cells = [PARAMETERS, ("open('ran', 'w')", "")]
    write_notebook(tmp_path / "notebooks" / "00_a.ipynb", *cells)
    status, lines, err = reproduce(*args)
    assert (status, lines) == (2, [])
    assert err.startswith(f"flanrepro: {sentence}")
    assert not (tmp_path / "ran").exists()


def test_on_several_hosts_notebooks_are_run_one_by_one(reproduce, monkeypatch):
    variables = {"SLURM_STEP_NODELIST": "a,b", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status, _, err = reproduce()
    assert status == 2
    assert "is one process of several: start `flanrepro run NOTEBOOK` on all of them" in err
