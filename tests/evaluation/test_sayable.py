import pytest

from flanrepro.collection.task import Protocol, Suite
from flanrepro.data.vocabulary import Vocabulary, load_vocabulary, train_vocabulary
from flanrepro.evaluation.answers import UnsaidAnswers, answer_suite
from flanrepro.evaluation.sayable import Loss, loss, task_loss
from flanrepro.model import pretrained
from flanrepro.model.model import Model
from flanrepro.model.sizes import t5_config
from flanrepro.sources import load_collection

CODE = "def f(x):\n    x = x + 1\n    return x"
TEXTS = [CODE, "the pig and the hen: (a, b) = 1 + 2"]


@pytest.fixture(scope="module")
def like_t5(pieces_like_t5s) -> Vocabulary:
    """Pieces of a text without line ends and braces."""
    return Vocabulary(pieces_like_t5s([text.replace("\n", " ") for text in TEXTS], 40))


def test_what_comes_back_as_it_was_is_no_loss(like_t5):
    found = loss(like_t5, ["the pig"], ["the hen"], [["the hen"]], "text")
    assert found == Loss(1, 0, 0, 0, 0, 0, "")
    assert not found.any


def test_line_ends_are_wrong_in_code_and_mere_space_in_a_text(like_t5):
    assert loss(like_t5, [""], [CODE], [[CODE]], "code") == Loss(1, 1, 1, 0, 1, 0, "")
    found = loss(like_t5, [""], ["the pig\nthe hen"], [["the pig\nthe hen"]], "text")
    assert found == Loss(1, 1, 1, 0, 0, 0, "")
    assert not found.any


def test_characters_without_a_piece_are_named_most_frequent_first(like_t5):
    targets = ["{a}", "a", "~ {"]
    found = loss(like_t5, ["{ } {", "a\n"], targets, [[text] for text in targets], "text")
    assert found == Loss(3, 2, 0, 2, 2, 1, "{}~")
    assert found.any


def test_an_answer_that_was_wrong_before_is_not_lost(like_t5):
    assert loss(like_t5, [""], [CODE], [["def g(): pass"]], "code").wrong == 0


def test_pocket_s_vocabulary_says_all_of_a_pocket_task():
    task = load_collection("pocket").tasks["cot_gsm8k"]
    found = task_loss(load_vocabulary("pocket"), task, "train")
    assert (found.targets, found.any) == (task.size("train"), False)


def test_20_of_374_programs_are_left_in_t5s_vocabulary_and_all_in_our_own(
    t5, mirror, tmp_path, monkeypatch
):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    mbpp = load_collection("flan2022").every_task["mbpp"]
    found = task_loss(Vocabulary(t5), mbpp, "train")
    assert (found.targets, found.line_ends, found.unknown, found.wrong) == (374, 374, 86, 354)
    assert set(found.characters) == set("{}<\\^~")
    targets = [record["answer"] for record in mbpp.records("train")]
    own = Vocabulary(train_vocabulary(targets, tmp_path / "own.model", 800, "bpe", 0.9995))
    found = task_loss(own, mbpp, "train")
    assert (found.changed, found.unknown, found.wrong) == (0, 0, 0)


def test_an_evaluation_says_which_right_answers_its_model_cannot_give(like_t5):
    import dataclasses

    task = load_collection("pocket").tasks["cot_gsm8k"]
    records = [{**record, "answer": "{3}"} for record in task.records("train")[:4]]
    task = dataclasses.replace(
        task, answer="text", splits={"validation": 4}, load=lambda split: records
    )
    suite = Suite("made", (task,), protocol=Protocol(method="decode", targets_length=2))
    name = pretrained.full_name("pocket", "nano")
    config = t5_config("nano", load_vocabulary("pocket").size)
    model = Model("nano", config, pretrained.load(name), like_t5)
    said = r"vocabulary of nano cannot say all right answers.*: cot_gsm8k 4 of 4 \(`flanrepro data "
    with pytest.warns(UnsaidAnswers, match=said):
        answer_suite(model, suite, shots=0)
