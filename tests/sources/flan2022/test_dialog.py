"""The dialog source: every file reads in full, turns keep their order, bad rows are named."""

import csv
import gzip
import json
import shutil

import pytest
from rendering import assert_renders

from flanrepro.collection import render
from flanrepro.collection.formats import Format, TurnStyle, layouts, plain_style
from flanrepro.collection.templates import by_direction, load_wordings
from flanrepro.errors import InputError
from flanrepro.raw import files as data_files
from flanrepro.sources.flan2022 import dialog

CAST = ("2020_manual_evaluation", "2021_manual_evaluation", "2022_evaluation")


@pytest.fixture
def tasks(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    return {task.name: task for task in dialog.tasks()}


@pytest.fixture
def own(monkeypatch, tmp_path):
    """A function that writes a file of a mirror and gives the tasks."""
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    # Other files under the names of those that the manifest has checksums of.
    monkeypatch.setattr(data_files, "manifest", dict)

    def write(name: str, content: bytes | str | list):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        content = json.dumps(content) if isinstance(content, list) else content
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return {task.name: task for task in dialog.tasks()}

    return write


def topics(mirror, name):
    (path,) = mirror.glob(f"trec_cast/{name}*")
    return json.loads(path.read_text("utf-8"))


def test_no_file_is_read_to_make_the_tasks(monkeypatch, tmp_path):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    tasks = {task.name: task for task in dialog.tasks()}
    assert list(tasks) == [
        "qrecc",
        "qrecc_rewriting",
        "wiki_dialog",
        "task_master",
        "trec_cast",
        "trec_cast_2019",
    ]
    assert tasks["qrecc"].splits == {"train": 63501, "test": 16451}
    assert "gs://gresearch/dialog-inpainting" in tasks["wiki_dialog"].missing("train")


def test_taskmaster_has_a_record_for_every_turn_of_the_assistant(tasks, mirror):
    turns = 0
    for name in ("tm4_data_00.json", "tm4_data_07.json"):
        for conversation in json.loads((mirror / "taskmaster" / name).read_text("utf-8")):
            speakers = [utterance["speaker"] for utterance in conversation["utterances"]]
            turns += speakers[1:].count("assistant")
    assert turns == 1329
    with (mirror / "taskmaster/tm3_train-bc.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, dialect="excel-tab"))
    opening = [row for row in rows if row[0] == "<S>"]
    assert (len(rows), len(opening)) == (1517, 2)
    records = list(tasks["task_master"].records("train"))
    assert len(records) == 1517 - 2 + 1329 == 2844
    calls = [record for record in records[:1515] if record["answer"].startswith("Call: ")]
    assert len(calls) == sum(row[1].startswith("[PN]") for row in rows) == 549
    spoken = [row for row in rows if row not in opening and "[PN]" not in row[1]]
    said = [row[1].removeprefix("[A]") for row in spoken]
    answers = {record["answer"] for record in records}
    assert {" ".join(text.split()) for text in said} <= answers


def test_no_dialogue_keeps_a_marker_of_the_file(tasks):
    for record in tasks["task_master"].records("train"):
        for text in record.values():
            assert not dialog._IN_INPUTS.search(text)
            assert not dialog._IN_TARGETS.search(text)
        turns = [turn.partition(": ") for turn in record["dialogue"].split("\n")]
        speakers = [speaker for speaker, _, _ in turns]
        assert set(speakers) <= {"User", "Assistant", "Call", "Result"}
        # The user has the last word before the assistant's, and they take turns.
        alternating = (["Assistant", "User"] * len(turns))[-len(turns) :]
        assert ("turns" in record) == (speakers == alternating)
        if "turns" in record:
            assert json.loads(record["turns"]) == [said for _, _, said in turns]


def test_dialogs_of_taskmaster_without_calls_have_turns_without_speakers(tasks):
    records = list(tasks["task_master"].records("train"))
    assert sum("turns" in record for record in records) == 1652
    for record in records:
        assert ("turns" in record) != ("\nCall: " in record["dialogue"])


def test_trec_cast_has_a_record_for_every_different_turn_with_a_context(tasks, mirror):
    different, first = set(), 0
    for name in CAST:
        for topic in topics(mirror, name):
            before = ()
            for turn in topic["turn"]:
                said = turn.get("raw_utterance", turn.get("utterance"))
                first += not before and (name, topic["number"], said) not in different
                different.add((name, topic["number"], *before, said))
                before += (said, turn.get("response", turn.get("passage")))
    assert len(different) - first == len(tasks["trec_cast"].records("train")) == 591
    assert (len(different), first) == (660, 69)


def test_the_topics_of_2019_have_a_record_for_every_turn_but_the_first(tasks, mirror):
    for split, name in {"train": "train", "validation": "evaluation"}.items():
        expected = sum(len(topic["turn"]) - 1 for topic in topics(mirror, name))
        assert len(tasks["trec_cast_2019"].records(split)) == expected
    assert len(tasks["trec_cast_2019"].records("train")) == 239
    assert len(tasks["trec_cast_2019"].records("validation")) == 429


@pytest.mark.parametrize(("start", "expected"), list(zip(CAST, (191, 213, 187), strict=True)))
def test_each_file_of_trec_cast_reads_alone(tasks, start, expected, mirror, tmp_path, monkeypatch):
    (file,) = (mirror / "trec_cast").glob(f"{start}*")
    (tmp_path / "trec_cast").mkdir()
    shutil.copy(file, tmp_path / "trec_cast")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(tmp_path))
    assert len(dialog_task("trec_cast").records("train")) == expected


def dialog_task(name: str):
    return next(task for task in dialog.tasks() if task.name == name)


def test_every_record_renders_with_every_template(tasks):
    assert assert_renders(tasks["task_master"]) == 2844
    assert assert_renders(tasks["trec_cast"]) == 591
    assert assert_renders(tasks["trec_cast_2019"]) == 239
    assert assert_renders(tasks["trec_cast_2019"], "validation") == 429


@pytest.mark.parametrize("name", ["dialog_response", "dialog/question_rewriting"])
def test_seven_templates_ask_for_the_answer_and_three_for_what_was_before(name):
    for templates in load_wordings(name):
        if templates:
            assert [template.targets for template in templates[:7]] == ["{answer}"] * 7
            assert [template.inverted for template in templates] == [False] * 7 + [True] * 3
            assert sum("{dialogue}" in template.targets for template in templates) >= 2


@pytest.mark.parametrize("name", ["wiki_dialog", "qrecc", "task_master"])
def test_ten_templates_of_each_kind_ask_for_the_next_turn_and_ten_for_those_before(name):
    zero_shot, few_shot = load_wordings(f"dialog/{name}")
    for templates in (zero_shot, few_shot):
        regular, inverted = by_direction(templates)
        assert (len(regular), len(inverted)) == (10, 10)
        assert {template.targets for template in inverted} == {"{dialogue}"}
        # The next turn's mark, which the reference adds to the dialog, is the cue for the answer.
        assert all(template.inputs.rstrip().endswith("{dialogue}") for template in regular)
        assert all("{answer}" in template.targets for template in regular)
    assert all(template.mixed for template in few_shot)
    assert sum(t.targets != "{answer}" for t in by_direction(few_shot)[0]) == 1


def test_turns_are_written_with_their_own_marks_and_the_next_one_as_the_cue(own):
    task = own("qrecc/qrecc_train.json", [QRECC])["qrecc"]
    style = TurnStyle("made", "Talk:", ("\n[x] ", "\n[y] "), ";")
    formed = Format(layouts()[0], plain_style(), turns=style)
    bare, asked_back = by_direction(load_wordings(task.templates).templates)
    prompt = render(task, 0, template=bare[1], format=formed)
    assert (
        prompt.inputs == "Talk:\n[x] who is {she}?;\n[y] A <b>singer</b>.;\n[x] is she old?;\n[y]"
    )
    assert prompt.targets == "No."
    assert render(task, 0, template=asked_back[0], format=formed).targets == (
        "Talk:\n[x] who is {she}?;\n[y] A <b>singer</b>.;\n[x] is she old?;"
    )


def test_taskmaster_golden(tasks):
    record = tasks["task_master"].records("train")[1515]
    assert record == {
        "dialogue": "User: one Chai Latte please",
        "answer": "is the order displayed correct and ready to send off to be made?",
        "turns": '["one Chai Latte please"]',
    }
    prompt = render(tasks["task_master"], 1516, exemplars=[1515])
    assert prompt.inputs == (
        "Read the conversation and write what is said next.\n\n"
        "Conversation:\nUser: one Chai Latte please\n"
        "Next turn: is the order displayed correct and ready to send off to be made?\n\n"
        "Conversation:\nUser: one Chai Latte please\n"
        "Assistant: is the order displayed correct and ready to send off to be made?\n"
        "User: yes\n"
        "Next turn:"
    )
    assert prompt.targets == "ok, then you can pick up your drink over at the bar in a few minutes."


def test_trec_cast_golden(tasks):
    prompt = render(tasks["trec_cast"], 1)
    assert prompt.inputs == (
        "Rewrite the last question so that it can be understood without the conversation.\n\n"
        "Conversation:\n"
        "User: How do you know when your garage door opener is going bad?\n"
        "User: Now it stopped working. Why?\n"
        "Last question: How much does it cost for someone to fix it?"
    )
    assert prompt.targets == "How much does it cost for someone to repair a garage door opener?"
    with_passage = tasks["trec_cast"].records("train")[191]
    assert with_passage["dialogue"].startswith("User: I just had a breast biopsy for cancer. What")
    assert "\nAssistant: More research is needed. Types Breast cancer" in with_passage["dialogue"]


QRECC = {
    "Context": ["who is {she}?", "A <b>singer</b>."],
    "Question": "is she\told?",
    "Rewrite": "Is {she} old?",
    "Answer": "No.",
}


def test_qrecc_gives_answers_and_rewritten_questions(own):
    first = {**QRECC, "Context": [], "Answer": ""}
    tasks = own("qrecc/qrecc_train.json", [first, QRECC])
    history = "User: who is {she}?\nAssistant: A <b>singer</b>."
    assert list(tasks["qrecc"].records("train")) == [
        {
            "dialogue": f"{history}\nUser: is she old?",
            "answer": "No.",
            "turns": '["who is {she}?", "A <b>singer</b>.", "is she old?"]',
        }
    ]
    assert list(tasks["qrecc_rewriting"].records("train")) == [
        {"dialogue": history, "question": "is she old?", "answer": "Is {she} old?"}
    ]
    assert assert_renders(tasks["qrecc_rewriting"]) == 1


def test_wiki_dialog_gives_one_of_the_writers_turns_of_a_conversation(own):
    row = {"title": "Ash", "pid": "ash_0", "author_num": [0, 1, 0, 1, 0]}
    row["utterances"] = ["Ask me about Ash.", "What is it?", "A tree.", "How big?", "Big."]
    lines = "".join(json.dumps({**row, "pid": f"ash_{n}"}) + "\n" for n in range(20))
    tasks = own("wiki_dialog/data_train.jsonl-00000-of-00099.gz", gzip.compress(lines.encode()))
    records = list(tasks["wiki_dialog"].records("train"))
    assert len(records) == 20
    start = "Assistant: Ask me about Ash.\nUser: What is it?"
    later = f"{start}\nAssistant: A tree.\nUser: How big?"
    kinds = {(record["dialogue"], record["answer"]) for record in records}
    assert kinds == {(start, "A tree."), (later, "Big.")}
    turns = {len(json.loads(record["turns"])) for record in records}
    assert turns == {2, 4}


def test_the_first_two_releases_of_taskmaster_write_speakers_in_capitals(own):
    utterances = [
        {"speaker": "ASSISTANT", "text": "Hi."},
        {"speaker": "USER", "text": "A {table},\nplease."},
        {"speaker": "USER", "text": " "},
        {"speaker": "ASSISTANT", "text": "For when?"},
    ]
    tasks = own("taskmaster/self-dialogs.json", [{"utterances": utterances}])
    assert list(tasks["task_master"].records("train")) == [
        {
            "dialogue": "Assistant: Hi.\nUser: A {table}, please.",
            "answer": "For when?",
            "turns": '["Hi.", "A {table}, please."]',
        }
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tm3_train-bc.tsv", "<U>Hi\t[A]Hello\n", "line 1: 2 tab-separated columns, expected 3"),
        ("tm3_train-bc.tsv", "Hi\t[A]Hello\tx\n", "line 1: expected turns that begin with a mark"),
        ("self-dialogs.json", [{"id": 1}], "record 1: the record has no field 'utterances'"),
        (
            "self-dialogs.json",
            [{"utterances": [{"speaker": "x", "text": "Hi"}]}],
            "record 1: the speaker 'x' is none of user, assistant, agent",
        ),
        (
            "self-dialogs.json",
            [{"utterances": [{"speaker": "user"}]}],
            "record 1: the row is not as expected (KeyError: 'text')",
        ),
    ],
)
def test_a_bad_row_of_taskmaster_is_named(own, name, content, said):
    with pytest.raises(InputError) as error:
        own(f"taskmaster/{name}", content)["task_master"].records("train")
    assert f"{name}, {said}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no gzip", "not a whole gzip file (Not a gzipped file"),
        (gzip.compress(b'{"a": 1}\n' * 99, mtime=0)[:-20], "not a whole gzip file ("),
        (gzip.compress(b"[1]\n", mtime=0), ", line 1: expected a JSON object, found list"),
        (gzip.compress(b"{\n", mtime=0), ", line 1: not JSON ("),
        (gzip.compress(b"\xff\n", mtime=0), ", line 1: not UTF-8 ("),
        (
            gzip.compress(b"[" * 99_999 + b"\n", mtime=0),
            ", line 1: lists or objects nested too deep",
        ),
        (
            gzip.compress(b'{"utterances": ["a"], "author_num": []}\n', mtime=0),
            ", line 1: 1 utterances and 0 authors, expected one author for each",
        ),
    ],
)
def test_a_bad_part_of_wiki_dialog_is_named(own, content, said):
    name = "wiki_dialog/data_train.jsonl-00000-of-00099.gz"
    with pytest.raises(InputError) as error:
        own(name, content)["wiki_dialog"].records("train")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_topic_without_an_utterance_is_named(own):
    content = [{"number": 1, "turn": [{"number": 1}]}]
    with pytest.raises(InputError, match="record 1, turn 1: the turn has no utterance"):
        own("trec_cast/train_topics_v1.0.json", content)["trec_cast_2019"].records("train")
