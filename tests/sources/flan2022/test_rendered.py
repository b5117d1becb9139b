"""The authors' own prompts: rows of the submixtures come to the tasks that they belong to."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanrepro.collection import Mixture, render
from flanrepro.errors import InputError
from flanrepro.sources.flan2022 import cot, dialog, flan2021, niv2, rendered, t0_sf

SOURCES = {"flan2021": flan2021, "t0_sf": t0_sf, "niv2": niv2, "cot": cot, "dialog": dialog}


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "mirror"


def row(name, kind, inputs, targets="t", source="Flan2021"):
    """A row as the submixtures have it."""
    return {
        "inputs": inputs,
        "targets": targets,
        "task_source": source,
        "task_name": name,
        "template_type": kind,
    }


def tasks(places, source, rows):
    """The tasks, of which the submixture of `source` has these rows in the mirror."""
    folder = places / "hub" / rendered.HUB[source] / "data"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000-of-00001-0a.parquet")
    return {task.name: task for task in rendered.tasks()}


def test_the_names_and_sources_are_those_of_the_other_way():
    made = rendered.tasks()
    for source, module in SOURCES.items():
        names = [task.name for task in made if task.source == source]
        assert names == [task.name for task in module.tasks()]
    assert len(made) == len({task.name for task in made})
    for task in made:
        assert task.rendered and task.licence and "Longpre et al., 2023" in task.citation
        assert list(task.splits) == ["zs_opt", "zs_noopt", "fs_opt", "fs_noopt"]


# What the published data calls its tasks, after the Data Provenance Initiative's list.
PUBLISHED = """
aeslc:1.0.0 ag_news_subset:1.0.0 ai2_arc/ARC-Challenge:1.0.0 ai2_arc/ARC-Easy:1.0.0 anli/r1:0.1.0
anli/r2:0.1.0 anli/r3:0.1.0 bool_q:1.0.0 cnn_dailymail:3.4.0 coqa:1.0.0 cosmos_qa:1.0.0
definite_pronoun_resolution:1.1.0 drop:2.0.0 fix_punct gem/common_gen:1.1.0 gem/dart:1.1.0
gem/e2e_nlg:1.1.0 gem/web_nlg_en:1.1.0 gem/wiki_lingua_english_en:1.1.0 gigaword:1.2.0
glue/cola:2.0.0 glue/mnli:2.0.0 glue/mrpc:2.0.0 glue/qnli:2.0.0 glue/qqp:2.0.0 glue/sst2:2.0.0
glue/stsb:2.0.0 glue/wnli:2.0.0 hellaswag:1.1.0 huggingface:xsum imdb_reviews/plain_text:1.0.0
lambada:1.0.0 math_dataset/algebra__linear_1d:1.0.0 multi_news:1.0.0 natural_questions_open:1.0.0
newsroom:1.0.0 openbookqa:0.1.0 opinion_abstracts_idebate opinion_abstracts_rotten_tomatoes
para_crawl_enes paws_wiki:1.1.0 piqa:1.0.0 quac:1.0.0 samsum:1.0.0 sentiment140:1.0.0 snli:1.1.0
squad/v1.1:3.0.0 squad/v2.0:3.0.0 story_cloze/2016:1.0.0 super_glue/cb:1.0.2 super_glue/copa:1.0.2
super_glue/multirc:1.0.2 super_glue/record:1.0.2 super_glue/rte:1.0.2 super_glue/wic:1.0.2
super_glue/wsc.fixed:1.0.2 trec:1.0.0 trivia_qa/rc:1.1.0 true_case unified_qa_science_inst
winogrande:1.1.0 wmt14_translate/fr-en:1.0.0 wmt16_translate/cs-en:1.0.0
wmt16_translate/de-en:1.0.0 wmt16_translate/fi-en:1.0.0 wmt16_translate/ro-en:1.0.0
wmt16_translate/ru-en:1.0.0 wmt16_translate/tr-en:1.0.0 word_segment yelp_polarity_reviews:0.2.0
""".split()


def test_every_published_name_of_flan_2021_is_a_tasks(places):
    rows = [row(name, "zs_opt", f"prompt of {name}") for name in PUBLISHED]
    made = tasks(places, "flan2021", rows)
    own = [task for task in made.values() if task.source == "flan2021"]
    texts = {task.name: [r["inputs"] for r in task.records("zs_opt")] for task in own}
    assert sorted(text for found in texts.values() for text in found) == sorted(
        f"prompt of {name}" for name in PUBLISHED
    )
    without = [name for name, found in texts.items() if not found]
    assert without == ["mnli_mismatched", "trivia_qa_wiki_missing"]
    assert texts["rte"] == ["prompt of super_glue/rte:1.0.2"]
    assert texts["mnli_matched"] == ["prompt of glue/mnli:2.0.0"]


def test_a_row_belongs_to_its_task_and_setting_and_is_used_as_it_is(places):
    rows = [
        row("super_glue/rte:1.0.2", "zs_opt", "Is {it} <b>so</b>?\nOPTIONS:\n- yes", " yes\n"),
        row("super_glue/rte:1.0.2", "fs_noopt", "Q: a\nA: b\n\nQ: c\nA:", "d"),
        row("glue/wnli:2.0.0", "zs_opt", "another"),
        row("super_glue/rte:1.0.2", "zs_opt", "second"),
        row("super_glue/rte:1.0.2", "zs_opt", "nothing", " "),
    ]
    rte = tasks(places, "flan2021", rows)["rte"]
    assert list(rte.records("zs_opt")) == [
        {"inputs": "Is {it} <b>so</b>?\nOPTIONS:\n- yes", "answer": "yes"},
        {"inputs": "second", "answer": "t"},
    ]
    prompt = render(rte, 0, split="zs_opt")
    assert (prompt.inputs, prompt.targets) == ("Is {it} <b>so</b>?\nOPTIONS:\n- yes", "yes")
    assert [rte.size(split) for split in rte.splits] == [2, 0, 0, 1]
    assert rte.records("fs_noopt")[0]["inputs"] == "Q: a\nA: b\n\nQ: c\nA:"


def test_tasks_of_both_beginnings_and_inverted_ones_are_one(places):
    rows = [
        row(name, "zs_opt", name, source="CoT")
        for name in ("stream_qed", "stream_qed_ii", "cot_gsm8k", "cot_gsm8k_ii", "cot_esnli")
    ]
    made = tasks(places, "cot", rows)
    names = {
        name: [record["inputs"] for record in made[name].records("zs_opt")]
        for name in ("cot_qed", "cot_gsm8k", "cot_esnli", "cot_aqua")
    }
    assert names == {
        "cot_qed": ["stream_qed", "stream_qed_ii"],
        "cot_gsm8k": ["cot_gsm8k", "cot_gsm8k_ii"],
        "cot_esnli": ["cot_esnli"],
        "cot_aqua": [],
    }


@pytest.mark.parametrize(
    ("source", "published"),
    [
        (
            "niv2",
            {
                "task141_odd_man_out_classification_category": (
                    "task141_odd-man-out_classification_category",
                ),
                "task1640_aqa1": (
                    "task1640_aqa1.0_answerable_unanswerable_question_classification",
                ),
                "task648_answer_generation": ("task648_answer_generation",),
                "task001_quoref_question_generation": (),
            },
        ),
        (
            "t0_sf",
            {
                "adversarial_qa_dbert_based_on": ("adversarial_qa_dbert_based_on",),
                "cos_e_v1.11_i_think": ("cos_e_v1.11_i_think",),
                "cos_e_v1.11_rationale": (),
            },
        ),
        ("dialog", {"qrecc": ("qrecc", "qrecc_ii"), "wiki_dialog": ("wiki_dialog",)}),
    ],
)
def test_the_other_submixtures_name_their_tasks_as_the_files_do(places, source, published):
    names = [name for given in published.values() for name in given]
    made = tasks(places, source, [row(name, "fs_opt", name) for name in names])
    for task, given in published.items():
        assert [record["inputs"] for record in made[task].records("fs_opt")] == list(given)


def test_a_mixture_draws_from_the_split_of_its_setting_or_the_nearest(places):
    kinds = {"super_glue/rte:1.0.2": ("zs_opt", "zs_noopt", "fs_opt", "fs_noopt")}
    kinds["super_glue/cb:1.0.2"] = ("zs_opt", "fs_opt")
    rows = [
        row(name, kind, f"{name} {kind} {n}", f"{n}")
        for name, of in kinds.items()
        for kind in of
        for n in range(5)
    ]
    made = tasks(places, "flan2021", rows)
    mixture = Mixture((made["rte"], made["cb"]), weights=(1, 1), seed=1)
    prompts = [mixture[i] for i in range(400)]
    for prompt in prompts:
        _, kind, answer = prompt.inputs.split(" ")
        assert (kind, answer) == (prompt.split, prompt.targets)
        assert not prompt.exemplars  # they are part of the text
    assert {prompt.inputs for prompt in prompts} == {row["inputs"] for row in rows}
    few_shot = Mixture((made["cb"],), (1,), seed=1, few_shot_fraction=1.0, options_fraction=0.0)
    assert {few_shot[i].split for i in range(20)} == {"fs_opt"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": None}, "AttributeError"),
        ({"targets": None}, "AttributeError"),
    ],
)
def test_a_bad_row_is_named(places, changes, said):
    rows = [row("super_glue/rte:1.0.2", "zs_opt", "a"), row("glue/wnli:2.0.0", "zs_opt", "b")]
    made = tasks(places, "flan2021", [rows[0], rows[1] | changes])
    assert len(made["rte"].records("zs_opt")) == 1
    with pytest.raises(InputError) as error:
        made["wnli"].records("zs_opt")
    assert f"{rendered.HUB['flan2021']}, row 2: the row is not as expected" in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_without_data_is_said(places):
    folder = places / "hub" / rendered.HUB["cot"]
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text(json.dumps({"a": 1})[:3])
    made = next(task for task in rendered.tasks() if task.source == "cot")
    with pytest.raises(InputError, match="could not be read") as error:
        made.records("zs_opt")
    assert "\n" not in str(error.value)


def test_what_is_nowhere_is_said(monkeypatch):
    made = rendered.tasks()[0]
    assert f"has no hub/{rendered.HUB['flan2021']}" in made.missing("zs_opt")
    monkeypatch.delenv("FLANREPRO_MIRROR")
    assert f"data fetch {made.name} -c flan2022_rendered`" in made.missing("zs_opt")
