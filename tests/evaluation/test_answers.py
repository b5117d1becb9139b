import dataclasses

import pytest

from flanrepro.collection import Suite, suite_prompts
from flanrepro.collection.suites import suite_items
from flanrepro.collection.task import Protocol
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.errors import InputError
from flanrepro.evaluation.answers import answer_suite
from flanrepro.evaluation.extraction import read_answer
from flanrepro.evaluation.scores import score
from flanrepro.model import pretrained
from flanrepro.model.model import Model
from flanrepro.model.sizes import t5_config
from flanrepro.sources import load_collection

TASKS = load_collection("pocket").tasks
SUITE = Suite("made", tuple(TASKS[name] for name in ("sst2", "arc_easy", "cot_gsm8k")))
"""A task with two options, one with four, one without."""


@pytest.fixture(scope="module")
def model() -> Model:
    name, vocabulary = pretrained.full_name("pocket", "nano"), load_vocabulary("pocket")
    return Model(name, t5_config("nano", vocabulary.size), pretrained.load(name), vocabulary)


@pytest.mark.parametrize("method", ["decode", "rank", "rank_per_token"])
def test_every_item_is_a_row_with_its_provenance_and_its_answer(model, method):
    rows = answer_suite(model, SUITE, shots=2, items=4, method=method)
    assert [row["task"] for row in rows] == ["sst2"] * 4 + ["arc_easy"] * 4 + ["cot_gsm8k"] * 4
    for row, item in zip(rows, suite_items(SUITE, 2, 4), strict=True):
        kept = {name: row[name] for name in ("inputs", "targets", "record", "split", "exemplars")}
        assert kept == {name: getattr(item.prompt, name) for name in kept}
        assert (row["choices"], row["right"]) == (list(item.choices), item.right)
        assert (row["shortened"], row["cut"]) == (0, 0)
        ranked = method != "decode" and item.choices != ()
        assert row["method"] == (method if ranked else "decode")
        assert len(row["log_likelihoods"]) == len(row["tokens"]) == (ranked and len(item.choices))
        kind = TASKS[row["task"]].answer
        read = read_answer(row["prediction"], item.references, kind)
        assert (row["answer"], row["correct"]) == read


def test_the_likeliest_option_is_the_answer_in_all_or_per_token(model):
    for method, share in (("rank", lambda row: 1), ("rank_per_token", lambda row: row["tokens"])):
        for row in answer_suite(model, SUITE, shots=0, items=10, method=method):
            if row["choices"]:
                tokens = row["tokens"] if share(row) != 1 else [1] * len(row["tokens"])
                scores = [x / n for x, n in zip(row["log_likelihoods"], tokens, strict=True)]
                assert row["prediction"] == row["choices"][scores.index(max(scores))]


def test_the_suites_protocol_is_what_is_not_asked_for(model):
    protocol = Protocol(method="rank", targets_length=2)
    suite = dataclasses.replace(SUITE, protocol=protocol)
    as_the_protocol = answer_suite(model, suite, shots=0, items=3)
    asked = answer_suite(model, SUITE, shots=0, items=3, method="rank", targets_length=2)
    assert as_the_protocol == asked


def test_an_unknown_method_lists_the_methods(model):
    with pytest.raises(InputError, match="unknown method 'guess': choose one of decode, rank, "):
        answer_suite(model, SUITE, shots=0, items=1, method="guess")


def test_a_long_prompt_loses_whole_exemplars_and_they_are_counted(model):
    rows = answer_suite(model, SUITE, shots=3, items=5, inputs_length=64, targets_length=4)
    encode = model.vocabulary.encode
    assert any(row["shortened"] for row in rows)
    for row, whole in zip(rows, suite_prompts(SUITE, 3, 5), strict=True):
        assert row["exemplars"] == whole.exemplars[: 3 - row["shortened"]]
        assert len(encode(row["inputs"])) < 64
        if row["shortened"]:  # one more would not have fitted
            assert len(encode(whole.inputs)) >= 64


def test_the_shipped_model_knows_what_it_was_pretrained_on(model):
    suite = load_collection("pocket").suites["completion"]
    rows = answer_suite(model, suite, shots=0, items=2, method="rank")
    assert score(suite, 0, rows)[-1]["value"] > 90


@pytest.mark.parametrize("name", ["random", "majority"])
def test_a_baseline_has_the_same_rows_as_a_model(model, name):
    rows = answer_suite(name, SUITE, shots=0, items=4)
    models = answer_suite(model, SUITE, shots=0, items=4)
    assert [set(row) for row in rows] == [set(row) for row in models]
    same = ("task", "record", "inputs", "targets", "choices", "right", "group")
    for row, other in zip(rows, models, strict=True):
        assert [row[key] for key in same] == [other[key] for key in same]
