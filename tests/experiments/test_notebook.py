import functools
import json
import sys
from pathlib import Path

import nbformat
import pytest

from flanrepro.cli.main import main
from flanrepro.errors import InputError
from flanrepro.experiments import reproduce as runner
from flanrepro.experiments.notebook import printed_result, run_notebook
from flanrepro.experiments.parameters import check_parameters, notebook_parameters
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
        ({"seeds": "-1"}, "seeds is -1: expected a whole number, 0 to 1,000"),
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
    left = tmp_path / "executed" / "fails.pocket.quick.ipynb"
    assert "made" in left.read_text()


def test_a_notebook_runs_with_this_python_whatever_its_name_its_folder_and_installed_kernels(
    tmp_path, monkeypatch, capfd
):
    kernel = tmp_path / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = ["/bin/false", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    source = "out: str = ''\nseeds = 1  # a = b\nx = None"
    note = "import sys; open('ran', 'w').write(f'{sys.executable}|{out}|{seeds}|{x}')"
    monkeypatch.chdir(tmp_path)
    path = write_notebook(tmp_path / "{x} %s 'ü' \"{{.ipynb", (source, "parameters"), (note, ""))
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict({})  # no kernelspec, no language
    nbformat.write(notebook, path)
    out = str(tmp_path / "{out} {0}")
    target = run_notebook(path, {"out": out, "seeds": "2", "x": "{y}"})
    assert Path("ran").read_text() == f"{sys.executable}|{out}|2|{{y}}"
    assert target == Path(out, "executed", f"{path.stem}.pocket.quick.seeds2.ipynb")
    assert capfd.readouterr() == ("", "")


def test_an_executed_copy_runs_again_with_its_own_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = [("profile = 'quick'\nseeds = 1", "parameters"), ("print(profile, seeds)", "result")]
    path = write_notebook(tmp_path / "a.ipynb", *cells)
    again = run_notebook(run_notebook(path, {"profile": "smoke"}), {"seeds": "2"})
    assert again.name == "a.pocket.smoke.pocket.smoke.seeds2.ipynb"
    assert printed_result(again) == "smoke 2\n"
    tags = [cell.metadata.get("tags") for cell in nbformat.read(again, as_version=4).cells]
    assert tags == [["parameters"], ["injected-parameters"], ["result"]]


def test_an_error_of_several_lines_is_one_sentence(tmp_path):
    path = write_notebook(
        tmp_path / "a.ipynb", ("out = ''", "parameters"), ("raise ValueError('a\\nb' * 9_000)", "")
    )
    with pytest.raises(InputError) as caught:
        run_notebook(path, {"out": str(tmp_path)})
    said = str(caught.value)
    assert said.startswith("a.ipynb stopped in cell 2 with ValueError: a ba b")
    assert "\n" not in said and len(said) < 2500


@pytest.mark.parametrize("place", ["out", "out/executed"])
def test_a_file_in_the_place_of_a_folder_is_one_sentence(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).touch()
    path = write_notebook(tmp_path / "a.ipynb", ("out = ''", "parameters"))
    with pytest.raises(InputError, match=r"the folder of executed notebooks .*/out/executed "):
        run_notebook(path, {"out": str(tmp_path / "out")})


def test_a_kernel_that_does_not_start_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = write_notebook(tmp_path / "a.ipynb", ("out = ''", "parameters"))
    with pytest.raises(
        InputError, match=r"a\.ipynb stopped because its kernel did not start \('Ker"
    ):
        run_notebook(path, {"out": str(tmp_path)})


PARAMETERS = ("profile: str = 'quick'\nseeds: int = 0\nout: str = ''", "parameters")


@pytest.fixture
def flanrepro(tmp_path, monkeypatch, capsys):
    """flanrepro(*args): exit status, standard output's lines and standard error of the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLANREPRO_OUT", raising=False)

    def run(*args: object) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "argv", ["flanrepro", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            main()
            raise SystemExit(0)
        out, err = capsys.readouterr()
        return stop.value.code or 0, out.splitlines(), err

    return run


@pytest.fixture
def reproduce(flanrepro, tmp_path, monkeypatch):
    """reproduce(*args): `flanrepro` with this command, in a project without notebooks."""
    monkeypatch.setattr(runner, "train_all", lambda job: Path("trained").write_text(f"{job}"))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('name = "flanrepro"')

    return functools.partial(flanrepro, "reproduce")


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
    assert lines[0] == "4 notebooks into out: profile smoke, seeds 2."
    assert lines[1].startswith(HOW_LONG)
    assert [line.rpartition(",")[0] for line in lines[2:7]] == [
        "the runs that notebooks share",
        "1 of 4: 01_fails, FAILED",
        "2 of 4: 02_dies, FAILED",
        "3 of 4: 06_first",
        "4 of 4: 09_last",
    ]
    assert lines[7:] == [
        "figures and tables: out/figures/smoke.seeds2",
        "executed notebooks: out/executed",
    ]
    assert (tmp_path / "order").read_text() == "smoke 2 ;" * 2
    assert (tmp_path / "out/executed/09_last.pocket.smoke.seeds2.ipynb").is_file()
    assert "flanrepro: 2 of 5 steps failed: 1 of 4: 01_fails stopped: 01_fails.ipynb stopped" in err
    assert "02_dies.ipynb stopped because its kernel died" in err
    trained = (tmp_path / "trained").read_text()
    assert "profile='smoke', seeds=2" in trained


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--profile", "fast"], "unknown profile 'fast': choose one of smoke, quick"),
        (["-p", "size", "3"], "00_a.ipynb has no parameter 'size': it has profile, seeds, out"),
        (["--notebooks", "elsewhere"], "there are no notebooks 00 to 09 in elsewhere: name the"),
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


# --- where from, where to, with what ---

SHOWN = ("print(profile, seeds, out)", "result")


def test_a_notebook_runs_by_its_number_and_the_first_line_says_where_results_go(
    flanrepro, tmp_path
):
    (tmp_path / "pyproject.toml").write_text('name = "flanrepro"')
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    path = write_notebook(tmp_path / "notebooks" / "07_mine.ipynb", PARAMETERS, SHOWN)
    before = path.read_bytes()
    for name in ("07", "7", "07_mine"):
        status, lines, err = flanrepro("run", name, "-p", "seeds", "3")
        assert (status, err) == (0, "")
        assert lines[0] == (
            "Results go to out: figures to out/figures/quick.seeds3, runs to out/runs. "
            "The executed copy is out/executed/07_mine.pocket.quick.seeds3.ipynb."
        )
        assert lines[1] == "quick 3 "
    written = {p.relative_to(tmp_path).parts[0] for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {"pyproject.toml", "notebooks", "out"}
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 2


def test_a_relative_out_is_the_same_folder_when_the_executed_copy_runs_elsewhere(
    flanrepro, tmp_path, monkeypatch
):
    write_notebook(tmp_path / "a.ipynb", PARAMETERS, SHOWN)
    assert flanrepro("run", "a.ipynb", "-p", "out", "mine")[0] == 0
    copy = tmp_path / "mine" / "executed" / "a.pocket.quick.ipynb"
    monkeypatch.chdir(copy.parent)
    assert printed_result(run_notebook(copy, {})) == f"quick 0 {tmp_path / 'mine'}\n"


def test_parameters_come_from_a_file_and_p_goes_before_it(flanrepro, tmp_path):
    write_notebook(tmp_path / "a.ipynb", PARAMETERS, SHOWN)
    (tmp_path / "p.yaml").write_text("profile: smoke\nseeds: 4\n")
    args = ("run", "a.ipynb", "--params", "p.yaml", "--output", "there/b.ipynb")
    status, lines, err = flanrepro(*args, "-p", "seeds", "2")
    assert (status, err) == (0, "") and "smoke 2 " in lines
    assert "The executed copy is there/b.ipynb." in lines[0]
    assert printed_result(tmp_path / "there" / "b.ipynb") == "smoke 2 \n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["02_no"], "there is no notebook '02_no': give the path of one, or the name or number of"),
        (["a.ipynb", "--params", "no.yaml"], "the file of parameters no.yaml is missing: expected"),
        (["a.ipynb", "--params", "list.yaml"], "the file of parameters list.yaml holds no names"),
        (["a.ipynb", "--params", "bad.yaml"], "the file of parameters bad.yaml cannot be read ("),
        (["a.ipynb", "--params", "size.yaml"], "a.ipynb has no parameter 'size': it has profile"),
        (["a.ipynb", "--params", "seeds.yaml"], "parameter 'seeds' is '[1]': expected int"),
        (["a.ipynb", "--output", "a.ipynb"], "the executed copy would be the notebook itself, a"),
        (["a.ipynb", "--output", "b.txt"], "the executed copy would be b.txt: expected the path"),
        (["a.ipynb", "--output", "d.ipynb"], "the executed copy would be d.ipynb, which is a fold"),
        (["a.ipynb", "--kernel", "no"], "there is no kernel 'no': installed are "),
    ],
)
def test_what_a_run_cannot_do_is_one_sentence_and_writes_nothing(
    flanrepro, tmp_path, args, sentence
):
    write_notebook(tmp_path / "a.ipynb", PARAMETERS, SHOWN)
    (tmp_path / "d.ipynb").mkdir()
    texts = {"list": "- 1\n", "bad": "a: [", "size": "size: 3\n", "seeds": "seeds: [1]\n"}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    before = sorted(tmp_path.rglob("*"))
    status, lines, err = flanrepro("run", *args)
    assert (status, lines, err.count("\n")) == (2, [], 1)
    assert err.startswith(f"flanrepro: {sentence}")
    assert sorted(tmp_path.rglob("*")) == before


def test_another_kernel_is_used_if_it_is_named(flanrepro, tmp_path, monkeypatch):
    kernel = tmp_path / "kernels" / "mine" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "x", "language": "python", "env": {"MINE": "1"}}
    kernel.write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    said = ("import os; print('mine', os.environ.get('MINE'))", "result")
    write_notebook(tmp_path / "a.ipynb", PARAMETERS, said)
    assert flanrepro("run", "a.ipynb", "--kernel", "mine")[1][1] == "mine 1"
    assert flanrepro("run", "a.ipynb")[1][1] == "mine None"
