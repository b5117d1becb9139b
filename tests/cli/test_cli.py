import csv
import json
import subprocess
import sys

import pytest

from flanrepro.cli.main import main
from flanrepro.cli.parameters import join_pairs
from flanrepro.errors import InputError
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.sources import SAID, load_collection

POCKET = load_collection("pocket")


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
    assert rows["bool_q"][1:5] == ["flan2021", "reading_comprehension", "yes", "held_in"]
    assert rows["mmlu_anatomy"][1:5] == ["evaluation", "mmlu", "no", "mmlu"]
    assert rows["bbh_snarks"][3:5] == ["no", "bbh"]
    assert rows["bbh_cot_snarks"][3:5] == ["no", "bbh_cot"]
    assert rows["wanli"][3:5] == ["no", "single_task"]
    assert rows["wanli_small"][3:5] == ["no", "-"]


def test_show_prints_the_prompt_with_its_provenance(monkeypatch, capsys):
    args = ("show", "cot_gsm8k")
    _, zero_shot, _ = flanrepro(monkeypatch, capsys, *args)
    status, few_shot, _ = flanrepro(monkeypatch, capsys, *args, "--setting", "few_shot")
    assert status == 0
    assert "exemplars none" in zero_shot
    assert "exemplars none" not in few_shot
    assert few_shot.count("the answer is") in (3, 4, 6)  # 2, 3 or 5 exemplars and the target


def test_tasks_of_one_source(monkeypatch, capsys):
    status, out, _ = flanrepro(monkeypatch, capsys, "tasks", "-c", "flan2022", "--source", "cot")
    assert status == 0
    names = [line.split()[0] for line in out.splitlines()[1:]]
    assert len(names) == 9
    assert all(name.startswith("cot_") for name in names)
    _, both, _ = flanrepro(monkeypatch, capsys, "tasks", "--source", "cot")
    pocket = [task.name for task in POCKET.tasks.values() if task.source == "cot"]
    assert [line.split()[0] for line in both.splitlines()[1:]] == [*pocket, *names]


def test_show_prints_several_prompts_of_a_seed(monkeypatch, capsys):
    args = ("show", "sst2", "--setting", "few_shot", "-n", "3", "--seed", "1")
    _, out, _ = flanrepro(monkeypatch, capsys, *args)
    assert out.count("# task sst2") == out.count("# target") == 3
    assert out == flanrepro(monkeypatch, capsys, *args)[1]
    assert out != flanrepro(monkeypatch, capsys, *args[:-1], "2")[1]


@pytest.mark.parametrize(
    ("length", "said"),
    [(1000, "whole"), (40, "its first 1 of {} exemplars are kept"), (20, "a run leaves it out")],
)
def test_show_prints_what_a_run_reads_of_a_prompt(monkeypatch, capsys, length, said):
    args = ("show", "sst2", "--setting", "few_shot", "--inputs-length", str(length))
    _, out, _ = flanrepro(monkeypatch, capsys, *args)
    _, whole, _ = flanrepro(monkeypatch, capsys, *args[:4])
    exemplars = whole.split("# exemplars ")[1].split(", layout")[0].split(", ")
    first, rest = out.split("\n", 1)
    assert first.startswith("# it has ")
    assert first.endswith(f" target tokens: {said.format(len(exemplars))}")
    if length == 40:
        assert f"# exemplars {exemplars[0]}, layout" in rest
        assert rest.split("\n\n# target")[0].endswith(whole.split("\n\n# target")[0][-60:])
    else:
        assert rest == whole


def test_show_finds_a_task_of_the_real_collection(monkeypatch, capsys, mirror, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    _, out, _ = flanrepro(monkeypatch, capsys, "show", "cot_qed", "--setting", "few_shot")
    assert "cot_qed" not in POCKET.every_task
    assert "# task cot_qed (cot)" in out


def test_show_prints_what_is_only_evaluated(monkeypatch, capsys, mirror, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    args = ("show", "mmlu_anatomy", "-c", "flan2022", "--setting", "few_shot", "-n", "2")
    status, out, _ = flanrepro(monkeypatch, capsys, *args)
    assert status == 0
    assert out.count("# task mmlu_anatomy (evaluation), template exam, test record") == 2
    assert out.count("\nAnswer: ") == 6
    status, _, err = flanrepro(monkeypatch, capsys, *args[:4], "--index", "99999999")
    assert status == 2
    assert "'mmlu_anatomy' has 135 records in its split 'test', counted from 0: there is no" in err
    status, _, err = flanrepro(monkeypatch, capsys, "show", "cxc", "-c", "flan2022")
    assert status == 2
    assert "captions_val2014.json" in err


def test_numbers_out_of_range_are_refused(monkeypatch, capsys):
    for args in (
        ["show", "sst2", "--index", "-1"],
        ["show", "sst2", "-n", "0"],
        ["vocabulary", "x.model", "--size", "-3"],
    ):
        status, _, err = flanrepro(monkeypatch, capsys, *args)
        assert status == 2
        assert "Traceback" not in err


def test_mixture_prints_rates_shares_and_what_is_missing(monkeypatch, capsys, mirror, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    table = tmp_path / "table.csv"
    args = ("mixture", "equal_without_flan2021", "--table", "--csv", str(table))
    status, out, err = flanrepro(monkeypatch, capsys, *args)
    assert status == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert sum(float(row["share"]) for row in rows) == pytest.approx(100)
    assert {row["source"] for row in rows} == {"niv2", "cot", "dialog", "program_synthesis"}
    assert "cot_gsm8k" in out
    assert "t0_sf: 0 of 193 tasks; share 20.0% stated, 0.0% of what is here" in err


def test_mixture_says_what_is_held_out_and_what_is_missing_by_name(
    monkeypatch, capsys, mirror, tmp_path
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    args = ("mixture", "flan2021_original", "--without-clusters", "nli, sentiment")
    status, out, err = flanrepro(monkeypatch, capsys, *args)
    assert status == 0
    assert "flan2021" in out
    held, nli, sentiment, paraphrase, *rest = err.splitlines()
    assert held == "held out: nli, sentiment"
    assert nli.startswith("  nli: anli_r1, anli_r2, anli_r3, rte, cb, ")
    assert sentiment == "  sentiment: imdb_reviews, sentiment140, sst2, yelp_polarity_reviews"
    assert paraphrase.startswith("  paraphrase, which goes with nli (Wei et al. 2021, section 2.2,")
    assert "newsroom" in " ".join(rest).split("not available: ")[1]


def test_mixture_of_pocket_says_what_is_held_out(monkeypatch, capsys):
    args = ("mixture", "flan2021_original", "-c", "pocket", "--without-clusters", "commonsense")
    status, _, err = flanrepro(monkeypatch, capsys, *args)
    assert status == 0
    assert err.splitlines()[:2] == [
        "held out: commonsense",
        "  commonsense: copa, hellaswag, piqa, story_cloze",
    ]
    assert "not available" not in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--instructions", "name"], "[Sentiment: sst2] "),
        (["--instructions", "none", "--split", "validation"], "template none, validation record 0"),
        (["--templates", "1"], "template review_is_it_positive"),
    ],
)
def test_show_prints_the_forms_of_a_prompt(monkeypatch, capsys, args, said):
    status, out, _ = flanrepro(monkeypatch, capsys, "show", "sst2", *args)
    assert (status, said in out) == (0, True), out


def test_data_status_and_verify(monkeypatch, capsys, mirror, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    status, out, _ = flanrepro(monkeypatch, capsys, "data", "status", "--source", "cot")
    assert (status, "11 of    12 splits" in out) == (0, True)
    status, out, _ = flanrepro(monkeypatch, capsys, "data", "verify", "cb")
    assert (status, "0 of them bad" in out) == (0, True)
    status, _, err = flanrepro(monkeypatch, capsys, "data", "fetch", "mednli")
    assert status == 1
    assert "physionet.org" in err


def test_doctor_names_versions_devices_and_the_mirror(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    status, out, _ = flanrepro(monkeypatch, capsys, "doctor")
    assert status == 0
    assert "cpu" in out
    assert f"mirror: {tmp_path}, 0 of 300 files" in out
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("FLANREPRO_MIRROR", f"~/{tmp_path.name}")
    assert f"mirror: {tmp_path}, 0 of 300 files" in flanrepro(monkeypatch, capsys, "doctor")[1]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (
            ["tasks", "-c", "flan2023"],
            "unknown collection 'flan2023': choose one of pocket, flan2022, flan20",
        ),
        (
            ["show", "arc_eazy"],
            f"collection 'pocket' has no task 'arc_eazy' among its {len(POCKET.every_task)}: "
            f"there is arc_easy",
        ),
        (["show", "sst2", "--setting", "one_shot"], "unknown setting 'one_shot': choose zero_shot"),
        (["mixture", "flan2023"], "unknown mixture 'flan2023': choose one of flan2022, "),
        (
            ["mixture", "flan2021_original", "--without-clusters", "nlu"],
            "unknown cluster 'nlu' in without_clusters: did you mean nli? choose of nli, ",
        ),
        (["show", "sst2", "--templates", "11"], "templates is 11: expected 1 to 10, or None"),
        (["tasks", "--source", "x"], "unknown source 'x': choose one of cot, dialog, evaluation"),
        (["data", "fetch", "cot", "--split", "x"], "none of the tasks named has a split 'x'"),
        (["data", "fetch", "nothing"], "collection 'flan2022' has no task, data set or source"),
        (["run", "nothing.ipynb"], "there is no notebook nothing.ipynb"),
        (["run", "nothing.ipynb", "-p", "seeds"], "parameter 'seeds' has no value"),
        (["run", "nothing.ipynb", "--parameter=seeds"], "parameter 'seeds' has no value"),
        (["mixture", "flan2021", "-c", "pocket", "--csv", "/"], "cannot write the table to / ("),
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
    code = "import sys, flanrepro.cli.app; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_checkpoints_are_evaluated_and_converted(monkeypatch, capsys, tmp_path):
    asked = ["--suite", "cot,wanli", "--items", "2", "--out", str(tmp_path)]
    status, out, _ = flanrepro(monkeypatch, capsys, "evaluate", "random", "--shots", "0", *asked)
    assert status == 0
    rows = [line.split() for line in out.splitlines()]
    assert [row[1:5] for row in rows[1:3]] == [
        ["cot", "validation", "0", "mean"],
        ["wanli", "test", "0", "mean"],
    ]
    assert out.splitlines()[3] == SAID["pocket"]
    assert out.splitlines()[-1] == f"items: {tmp_path}/evaluations/random/predictions"
    status, out, _ = flanrepro(
        monkeypatch, capsys, "convert", "pocket-nano", str(tmp_path / "made")
    )
    assert (status, out.strip()) == (0, str(tmp_path / "made"))
    made = str(tmp_path / "made")
    status, out, _ = flanrepro(monkeypatch, capsys, "evaluate", made, "--per-task", *asked)
    assert status == 0
    assert "strategyqa" in out


def test_a_cluster_is_evaluated_in_all_its_templates(monkeypatch, capsys, tmp_path):
    asked = ["--suite", "coreference", "--shots", "0", "--items", "7", "--out", str(tmp_path)]
    how = ["--template", "each", "--no-options"]
    status, out, _ = flanrepro(monkeypatch, capsys, "evaluate", "random", *asked, *how)
    assert status == 0
    assert out.splitlines()[1].split()[1:5] == ["coreference", "validation", "0", "mean"]
    (path,) = (tmp_path / "evaluations/random/predictions").iterdir()
    assert path.name == "coreference_0shot_7_each_nooptions.jsonl"
    asked = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(row["template_idx"] for row in asked) == sorted([*range(7)] * 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--shots", "five"], "shots is 'five': expected whole numbers with commas between"),
        (["--suite", "exam"], "has no suite 'exam': it has held_in, cot, mmlu, bbh, bbh_cot, "),
        (["--method", "guess"], "unknown method 'guess': choose one of decode, rank, "),
        (["--template", "11"], "template is '11': expected each, a number from 1 to 10, or "),
        (["--instructions", "x"], "unknown instructions 'x': choose one of none, name, or "),
        (["--split", "dev"], "suite 'cot' has no task with a split 'dev': there is "),
    ],
)
def test_a_wrong_evaluation_is_one_sentence(monkeypatch, capsys, tmp_path, given, said):
    asked = ["evaluate", "random", "--suite", "cot", "--out", str(tmp_path), *given]
    status, _, err = flanrepro(monkeypatch, capsys, *asked)
    assert status == 2
    assert said in err


def test_trace_leads_from_a_shipped_number_to_its_run(monkeypatch, capsys, tmp_path):
    (run, *_) = shipped_table("pocket", "runs")["run"]
    status, out, _ = flanrepro(monkeypatch, capsys, "trace", run, "--out", str(tmp_path))
    facts = json.loads(out)
    assert status == 0
    assert facts["spec"]["collection"] == "pocket"
    assert facts["device"].startswith("cpu") and facts["seconds"] >= 0
    status, _, err = flanrepro(monkeypatch, capsys, "trace", "nothing", "--out", str(tmp_path))
    assert (status, "there is no run 'nothing'" in err) == (2, True)


@pytest.mark.parametrize("run", ["a" * 300, "../runs/a", "", "."])
def test_what_is_no_run_id_is_a_sentence(monkeypatch, capsys, tmp_path, run):
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "manifest.json").write_text("{}")
    status, out, err = flanrepro(monkeypatch, capsys, "trace", run, "--out", str(tmp_path))
    assert (status, out) == (2, "") and err.startswith("flanrepro: there is no run '")


@pytest.mark.parametrize("name", ["manifest.json", "spec.json"])
@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_damaged_run_is_traced_to_a_sentence(monkeypatch, capsys, tmp_path, name, text):
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    for file in ("manifest.json", "spec.json"):
        (folder / file).write_text("{}")
    (folder / name).unlink()
    (folder / name).mkdir() if text is None else (folder / name).write_text(text)
    status, out, err = flanrepro(monkeypatch, capsys, "trace", "a", "--out", str(tmp_path))
    assert (status, out) == (2, "") and f"{folder / name} " in err and err.count("\n") == 1
