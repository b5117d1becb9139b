import numpy as np
import pytest

from flanrepro.collection.question import typed
from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.evaluation.predict import decode, rank
from flanrepro.experiments.ask import (
    answers,
    beside,
    fitted,
    models_of,
    unknown_words,
)
from flanrepro.experiments.load import load
from flanrepro.experiments.profiles import Job

QUESTION = "the cow is in the barn. is the cow inside?"


def test_an_answer_is_the_decoded_text_and_the_shares_of_the_ranked_options():
    model = load("pocket-nano")
    asked = typed(QUESTION, ("yes", "no"))
    (row,) = answers({"nano": model}, asked).to_dict("records")
    ids = [*model.vocabulary.encode(asked.prompt.inputs), EOS]
    (ranked,) = rank(model, [ids], [("yes", "no")])
    odds = np.exp(ranked.log_likelihoods)
    assert row["model"] == "nano" and row["answer"] == decode(model, [ids], 64)[0]
    assert row["p(yes)"] == pytest.approx(odds[0] / odds.sum())
    assert row["p(yes)"] + row["p(no)"] == pytest.approx(1)


def test_a_question_without_options_has_no_shares():
    table = answers({"nano": load("pocket-nano")}, typed(QUESTION))
    assert list(table.columns) == ["model", "answer"]


def test_a_run_of_the_store_is_beside_what_it_started_from(spec, tmp_path):
    job = Job(out=str(tmp_path))
    table = beside(job, QUESTION, options=("yes", "no"), tuned=spec)
    assert table["model"].tolist() == ["random", spec.run_id]
    models = models_of([spec.run_id], job.store.root)
    again = answers(models, typed(QUESTION, ("yes", "no")))
    assert again.iloc[0].tolist() == table.iloc[1].tolist()
    assert job.store.find(spec).manifest["seconds"] > 0


def test_a_question_longer_than_the_input_is_one_sentence():
    model = load("pocket-nano")
    longest = typed("cow " * 255)
    assert fitted(model, longest) == longest.prompt
    with pytest.raises(InputError, match=r"has 257 tokens .* reads 256 at most: ask for less"):
        answers({"nano": model}, typed("cow " * 256))


def test_an_unknown_run_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no run 0123456789ab in .*: name the folder .* --out"):
        models_of(["0123456789ab"], tmp_path)


def test_words_that_the_vocabulary_lacks_are_named_once_and_in_order():
    pocket = load_vocabulary("pocket")
    said = unknown_words(pocket, "The romcom's cow and the romcom: é 31 32, -cat. snake_fox")
    assert said == ["romcom", "é", "32", "snake", "_"]
    assert unknown_words(pocket, "Options:\n- yes\n- No! (it is) a -> b") == []
