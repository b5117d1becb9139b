import re

import numpy as np
import pandas as pd
import pytest

from flanrepro.collection.question import of_record, typed
from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.evaluation.predict import decode, rank
from flanrepro.experiments.ask import (
    DEFAULT_MODELS,
    WORLD,
    answers,
    before_and_after,
    beside,
    fitted,
    models_of,
    printed,
    unknown_words,
)
from flanrepro.experiments.load import load
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import suite_of
from flanrepro.sources import load_collection
from flanrepro.sources.pocket.lexicon import WORDS

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


def test_a_job_of_shipped_scores_asks_what_ships(tmp_path):
    table = beside(Job(engine="shipped", out=str(tmp_path)), QUESTION)
    assert tuple(table["model"]) == DEFAULT_MODELS
    pd.testing.assert_frame_equal(
        table, answers(models_of(DEFAULT_MODELS, tmp_path), typed(QUESTION))
    )
    with pytest.raises(InputError, match="no tuned model of collection 'flan2022' ships: choose"):
        beside(Job("flan2022", engine="shipped"), QUESTION)


def test_without_a_finished_run_the_store_s_place_is_taken_by_what_ships(tmp_path):
    job = Job(out=str(tmp_path))
    assert tuple(before_and_after(job)) == DEFAULT_MODELS
    assert not job.store.root.exists()


def test_a_finished_run_of_the_job_goes_before_what_ships(tmp_path):
    job = Job(profile="smoke", out=str(tmp_path))
    spec = next(job.specs(mixture="flan2022"))
    job.store.get(spec)
    assert tuple(before_and_after(job)) == ("pocket-nano", spec.run_id)


def test_the_world_has_as_many_words_as_is_said():
    (number,) = re.findall(r"some (\d+) words", WORLD)
    assert abs(int(number) - len(WORDS)) <= 50


def test_printed_answers_say_which_world_they_are_of():
    model = {"nano": load("pocket-nano")}
    asked = typed("is the romcom inside?", ("yes", "no"))
    text = printed(answers(model, asked), model, asked)
    assert text.endswith(f"spelled letter by letter: romcom.\n{WORLD}")
    assert WORLD not in printed(answers(model, asked), model, asked, world=False)


def test_exemplars_that_do_not_fit_are_said():
    suite = suite_of(load_collection("pocket"), "rte")
    asked, model = of_record(suite, 0, 30), {"nano": load("pocket-nano")}
    kept = len(fitted(model["nano"], asked).exemplars)
    assert 0 < kept < 30
    said = f"The input of nano has room for {kept} of 30 exemplars.\n"
    assert said in printed(answers(model, asked), model, asked)
