"""P3 made of raw rows with promptsource's templates: names, rendering, what is lacking."""

import csv
import hashlib
import io
import json
import sys
import tarfile
from importlib import resources

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.raw import hub
from flanrepro.sources.flan2022 import flan2021, promptsource, t0_sf

TASKS = {task.name: task for task in (*t0_sf.tasks(), *t0_sf.overlap_tasks())}
GENERATE = "adversarial_qa_dbert_generate_question"
ANSWER = "adversarial_qa_dbert_answer_the_following_q"
SEPARATED = "race_high_Read_the_article_and_answer_the_question_no_option_"


def templates(dataset, **named):
    """A file in promptsource's layout: text and answer choices of a template by its name."""
    entries = [
        f"  t{number}: !Template {{answer_choices: {json.dumps(choices)}, "
        f"jinja: {json.dumps(text)}, name: {json.dumps(name)}, "
        f"metadata: !TemplateMetadata {{original_task: true}}}}\n"
        for number, (name, (text, choices)) in enumerate(named.items())
    ]
    return f"dataset: {dataset}\ntemplates:\n" + "".join(entries)


FILES = {
    "adversarial_qa/dbert": templates(
        "adversarial_qa",
        generate_question=("Ask something about\n{{context}}\n|||\n{{question}}", None),
        answer_the_following_q=(
            '{% if metadata.split != "test" %}{{context}} {{question}} ||| '
            "{{answers.text | choice}}{% endif %}",
            None,
        ),
    ),
    "race/high": templates(
        "race",
        **{
            "Read the article and answer the question (no option)": (
                "{{article}}\n{{question}} ||| {{answer_choices[options.index(answer)]}}",
                '{{ options | join("|||") }}',
            )
        },
    ),
    "trec": templates(
        "trec", what_category_best_describe=("{{text}} ||| {{label_coarse}} {{label_fine}}", None)
    ),
    "multi_news": templates(
        "multi_news",
        distill=(
            '{% for text in document.split("3ed2dface8203c4c9dfb1a5dc58e41e0||") %}'
            "<{{text}}>{% endfor %} ||| {{summary}}",
            None,
        ),
    ),
    "anli": templates("anli", can_we_infer=("{{premise}} ||| {{label}}", None)),
}
ROW = {
    "context": "Ash is a tree.",
    "question": "What is ash?",
    "answers": {"text": ["a tree", "tree", "some tree"], "answer_start": [0, 0, 0]},
    "metadata": {"split": "train"},
}
ROWS = [
    ROW,
    {**ROW, "context": "Either ||| or: " + 700 * "elms ", "question": "What ||| is?"},
    {**ROW, "question": " ", "metadata": {"split": "test"}},
]


@pytest.fixture(autouse=True)
def mirror(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    promptsource.template.cache_clear()
    yield tmp_path / "mirror"
    promptsource.template.cache_clear()


def put_archive(monkeypatch, folder, contents=FILES):
    path = folder / promptsource.ARCHIVE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in contents.items():
            member = tarfile.TarInfo(
                f"promptsource-0.2.3/promptsource/templates/{name}/templates.yaml"
            )
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setattr(promptsource, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def put_rows(folder, place, rows):
    path = folder / "hub" / place / "0000.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def test_every_subset_is_made_of_one_template_of_one_data_set():
    places = read_yaml("flanrepro.sources.flan2022", "promptsource")["places"]
    named = {name: promptsource._named(name) for name in TASKS}
    assert {folder for folder, _, _ in named.values()} == set(places)
    assert len(set(named.values())) == len(named) == 544
    assert named[GENERATE] == ("adversarial_qa/dbert", "generate_question", "")
    assert named["cos_e_v1.11_rationale"] == ("cos_e/v1.11", "rationale", "")
    assert named["super_glue_wsc.fixed_GPT_3_Style"] == ("super_glue/wsc.fixed", "GPT_3_Style", "")
    assert named["anli_can_we_infer_r2"] == ("anli", "can_we_infer", "r2")
    assert {turn for folder, _, turn in named.values() if folder == "anli"} == {"r1", "r2", "r3"}
    splits = TASKS["anli_can_we_infer_r2"].dataset.otherwise.splits
    assert [entry["hub"] for entry in splits.values()] == ["train_r2", "dev_r2", "test_r2"]


def test_flan_2021s_data_sets_are_read_from_the_same_copies():
    shared = {
        task.dataset.hub.id: task.dataset.hub for task in flan2021.tasks() if task.dataset.hub
    }
    here = [task.dataset.otherwise.hub for task in TASKS.values()]
    both = [place for place in here if place.id in shared]
    assert len({place.id for place in both}) == 20
    for place in both:
        assert place.revision == shared[place.id].revision, place
    own = [place for place in here if place.config == "*"]
    assert own and {place.revision for place in own} == {hub.PARQUET}


def test_rows_become_records_of_p3(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    put_rows(mirror, "UCLNLP/adversarial_qa/dbert/train", ROWS)
    task = TASKS[GENERATE]
    assert (task.missing("train"), "no hub/bigscience/P3/" in task.missing("validation")) == (
        "",
        True,
    )
    whole, cut = task.load("train")
    assert whole == {"inputs": "Ask something about\nAsh is a tree.", "answer": "What is ash?"}
    assert cut["inputs"].startswith("Ask something about\nEither ||| or: elms elms")
    assert cut["inputs"].endswith("elms...") and cut["answer"] == "What ||| is?"
    # 2,048 characters at most, in which promptsource counts 32 where the row has three bars.
    assert 2000 < len(cut["inputs"]) < len("Ask something about\n") + promptsource.CUT


def test_what_a_template_draws_follows_from_the_row(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    rows = [{**ROW, "context": f"Tree {number}."} for number in range(40)]
    put_rows(mirror, "UCLNLP/adversarial_qa/dbert/train", [*rows, ROWS[2]])
    records = TASKS[ANSWER].load("train")
    assert {record["answer"] for record in records} == set(ROW["answers"]["text"])
    # The last has no target: the template leaves out what is not annotated.
    assert len(records) == 40
    again = [promptsource.rendered(t0_sf.p3, ANSWER, row)[0] for row in reversed(rows)]
    assert again[::-1] == list(records)


def test_a_template_may_look_for_what_stands_for_bars(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    row = {"document": "Elms. ||||| Oaks.", "summary": "Trees."}
    made = promptsource.rendered(t0_sf.p3, "multi_news_distill", row)
    assert made == [{"inputs": "<Elms. >< Oaks.>", "answer": "Trees."}]


def test_choices_become_options_where_the_prompt_does_not_name_them(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    row = {"article": "Ash is a tree.", "question": "Ash?", "options": ["a fish ", "a tree"]}
    put_rows(mirror, "ehovy/race/high/test", [{**row, "answer": "a tree"}])
    assert list(TASKS[SEPARATED].load("test")) == [
        {"inputs": "Ash is a tree.\nAsh?", "answer": "a tree", "options": "a fish\na tree"}
    ]


def test_a_column_that_was_renamed_since_and_the_round_of_anli_are_found(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    # What CIA stands for, a city, a distance, as the Hub numbers them today and did then.
    today = [(0, 1, "2 3"), (4, 32, "5 21"), (5, 40, "4 40")]
    rows = [{"text": "?", "coarse_label": coarse, "fine_label": fine} for coarse, fine, _ in today]
    put_rows(mirror, "CogComp/trec/default/test", rows)
    records = TASKS["trec_what_category_best_describe"].load("test")
    assert [record["answer"] for record in records] == [then for *_, then in today]
    then = {"text": "?", "label-coarse": 5, "label-fine": 21}
    (record,) = promptsource.rendered(t0_sf.p3, "trec_what_category_best_describe", then)
    assert record["answer"] == "5 21"
    put_rows(mirror, "facebook/anli", [{"premise": "Elms.", "label": 1}])
    (mirror / "hub/facebook/anli/README.md").write_text(
        "---\nconfigs:\n- config_name: plain_text\n  data_files:\n"
        "  - {split: dev_r2, path: 0000.parquet}\n---\n"
    )
    assert list(TASKS["anli_can_we_infer_r2"].load("validation")) == [
        {"inputs": "Elms.", "answer": "1"}
    ]


def test_a_rendered_copy_is_read_where_there_is_one(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    put_rows(mirror, "UCLNLP/adversarial_qa/dbert/train", ROWS)
    made = TASKS[GENERATE].load("train")
    published = {"inputs_pretokenized": "Published", "targets_pretokenized": "so"}
    put_rows(mirror, f"bigscience/P3/{GENERATE}/train", [published])
    assert list(TASKS[GENERATE].load("train")) == [{"inputs": "Published", "answer": "so"}]
    # Its neighbours are made as before.
    put_rows(mirror, "UCLNLP/adversarial_qa/dbert/validation", ROWS)
    assert len(made) == len(TASKS[GENERATE].load("validation")) == 2


def test_what_is_lacking_is_said(mirror, monkeypatch):
    said = TASKS[GENERATE].missing("train")
    assert said.startswith(f"task '{GENERATE}', split 'train': the mirror {mirror} ")
    assert f"has no hub/bigscience/P3/{GENERATE}/train; nor can it be made: the mirror" in said
    assert f"no hub/UCLNLP/adversarial_qa/dbert/train and {promptsource.ARCHIVE}; `pip dow" in said
    path = put_archive(monkeypatch, mirror)
    said = TASKS[GENERATE].missing("train")
    assert said.endswith("has no hub/UCLNLP/adversarial_qa/dbert/train")
    path.unlink()
    put_rows(mirror, "UCLNLP/adversarial_qa/dbert/train", ROWS)
    said = TASKS[GENERATE].missing("train")
    assert f"(FLANREPRO_MIRROR) has no {promptsource.ARCHIVE}; `pip download " in said
    put_archive(monkeypatch, mirror)
    assert TASKS[GENERATE].missing("train") == ""


def fails(row=ROW, name=GENERATE):
    with pytest.raises(InputError) as error:
        promptsource.rendered(t0_sf.p3, name, row)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_another_archive_is_refused(mirror, monkeypatch):
    assert f"there is no file {mirror / promptsource.ARCHIVE}: `pip download" in fails()
    path = put_archive(monkeypatch, mirror)
    path.write_bytes(path.read_bytes() + b"\0")
    assert "is not the archive of promptsource-0.2.3: its SHA-256 is " in fails()


def test_a_row_that_does_not_fit_is_named(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    put_rows(mirror, "UCLNLP/adversarial_qa/dbert/train", [{"context": "Ash.", "asked": "What?"}])
    with pytest.raises(InputError) as error:
        TASKS[GENERATE].load("train")
    assert str(error.value).startswith(
        "UCLNLP/adversarial_qa, row 1: promptsource's template 'generate_question' fills in "
        "'question', and the row has context, asked: "
    )


@pytest.mark.parametrize("text", ["{{ context.nothing.more }}", "{{ ''.__class__.__mro__ }}"])
def test_a_template_that_fails_or_leaves_its_sandbox_is_named(mirror, monkeypatch, text):
    broken = templates("adversarial_qa", generate_question=(f"{text} ||| {{{{question}}}}", None))
    put_archive(monkeypatch, mirror, {"adversarial_qa/dbert": broken})
    assert "template 'generate_question' does not fit the row (" in fails()


def test_without_jinja2_the_extra_is_named(mirror, monkeypatch):
    put_archive(monkeypatch, mirror)
    promptsource._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "which is not installed: pip install 'flanrepro[hub]'" in fails()


def test_without_a_mirror_it_is_fetched_from_the_hub(mirror, monkeypatch, tmp_path):
    """The Hub has no P3 here, and has the raw data set."""
    put_rows(mirror, "UCLNLP/adversarial_qa/dbert/train", ROWS)
    monkeypatch.delenv("FLANREPRO_MIRROR")
    monkeypatch.setattr(hub, "_open", _from(hub._open, mirror))
    from flanrepro.sources.status import fetch_tasks

    assert fetch_tasks("flan2022", [GENERATE], "train") == 1
    put_archive(monkeypatch, tmp_path / "cache")
    assert f"run `flanrepro data fetch {GENERATE}`" in TASKS[GENERATE].missing("train")
    assert fetch_tasks("flan2022", [GENERATE], "train") == 0
    assert TASKS[GENERATE].missing("train") == ""
    assert len(TASKS[GENERATE].load("train")) == 2


def _from(open_split, folder):
    # Only where the Hub is differs: a folder in its layout.
    return lambda place, split, _, mark: open_split(place, split, folder, mark)


def test_the_table_of_subsets_is_whole():
    text = resources.files("flanrepro.sources.flan2022").joinpath("t0_sf.csv").read_text("utf-8")
    assert len(list(csv.DictReader(text.split("\n")))) == len(t0_sf.CONVERTERS) - 2 == 544
