import subprocess
import sys

import pytest

from flanrepro.cli import join_pairs, main
from flanrepro.errors import InputError


def flanrepro(monkeypatch, capsys, *args: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the command."""
    monkeypatch.setattr(sys, "argv", ["flanrepro", *args])
    with pytest.raises(SystemExit) as stop:
        main()
        raise SystemExit(0)
    out, err = capsys.readouterr()
    return stop.value.code or 0, out, err


def test_tasks_lists_training_and_held_out_tasks(monkeypatch, capsys):
    status, out, _ = flanrepro(monkeypatch, capsys, "tasks")
    rows = {line.split()[0]: line.split() for line in out.splitlines()[1:]}
    assert status == 0
    assert rows["sentiment"][1:5] == ["flan2021", "sentiment", "yes", "held_in"]
    assert rows["taste"][3:5] == ["no", "held_out"]


def test_show_prints_the_prompt_with_its_provenance(monkeypatch, capsys):
    _, zero_shot, _ = flanrepro(monkeypatch, capsys, "show", "sum")
    status, few_shot, _ = flanrepro(monkeypatch, capsys, "show", "sum", "--setting", "few_shot")
    assert status == 0
    assert "exemplars none" in zero_shot
    assert "exemplars none" not in few_shot
    assert few_shot.count("the answer is") in (3, 4, 6)  # 2, 3 or 5 exemplars and the target


def test_doctor_names_versions_devices_and_the_mirror(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    status, out, _ = flanrepro(monkeypatch, capsys, "doctor")
    assert status == 0
    assert "cpu" in out
    assert f"mirror: {tmp_path}, 0 of 14 files" in out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (
            ["tasks", "-c", "flan2023"],
            "unknown collection 'flan2023': choose one of pocket, flan20",
        ),
        (["show", "sums"], "collection 'pocket' has no task 'sums': it has "),
        (["show", "sum", "--setting", "one_shot"], "unknown setting 'one_shot': choose zero_shot"),
        (["run", "nothing.ipynb"], "there is no notebook nothing.ipynb"),
        (["run", "nothing.ipynb", "-p", "seeds"], "parameter 'seeds' has no value"),
    ],
)
def test_bad_input_ends_in_one_sentence_and_status_2(monkeypatch, capsys, args, sentence):
    status, _, err = flanrepro(monkeypatch, capsys, *args)
    assert status == 2
    assert err.startswith(f"flanrepro: {sentence}")
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_parameters_come_in_papermills_way_or_with_an_equals_sign():
    assert join_pairs(["run", "-p", "seeds", "3", "-p", "out=x"]) == [
        *("run", "-p", "seeds=3"),
        *("-p", "out=x"),
    ]
    with pytest.raises(InputError, match="'seeds' has no value"):
        join_pairs(["-p", "seeds"])


def test_help_needs_no_jax():
    code = "import sys, flanrepro.cli; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
