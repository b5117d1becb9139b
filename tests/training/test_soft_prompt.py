"""Prompt tuning: one leaf is trained, behind which the model stays as it was."""

import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.evaluation.predict import decode, rank
from flanrepro.experiments.load import save
from flanrepro.model import pretrained, soft_prompt
from flanrepro.model.model import Model
from flanrepro.model.network import init_params
from flanrepro.model.sizes import t5_config
from flanrepro.training.loop import train

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")

LENGTH = 10


@pytest.fixture(scope="module", params=["nano", "lm-nano"])
def spec_and_start(request, spec) -> tuple:
    """A run that tunes a soft prompt for a model that is there."""
    changes = {"model": request.param, "dropout_rate": 0.0, "steps": 50, "learning_rate": 0.3}
    tuned = dataclasses.replace(
        spec, start="0123456789ab", prompt_length=LENGTH, optimizer="adafactor", **changes
    )
    if request.param == "nano":
        return tuned, pretrained.load(pretrained.full_name("pocket", "nano"))
    return tuned, jax.tree.map(np.array, init_params(tuned.model_config(), 0))


@pytest.fixture(scope="module")
def whole(spec_and_start, tmp_path_factory) -> tuple:
    spec, start = spec_and_start
    return train(spec, tmp_path_factory.mktemp("whole"), start=start)


def test_no_parameter_but_the_prompt_changes(spec_and_start, whole):
    spec, start = spec_and_start
    params, progress = whole
    assert set(params) == {*start, "soft_prompt"}
    for name in start:
        jax.tree.map(
            lambda now, was: np.testing.assert_array_equal(
                np.asarray(now).view(np.uint32), np.asarray(was, np.float32).view(np.uint32)
            ),
            params[name],
            start[name],
        )
    before = soft_prompt.with_prompt(start, LENGTH, spec.seed)["soft_prompt"]["vectors"]
    after = np.asarray(params["soft_prompt"]["vectors"])
    assert after.shape == (LENGTH, 64) and (np.abs(after - before).max(axis=1) > 1e-3).all()
    assert progress.history[-1]["loss"] < progress.history[0]["loss"]


def test_a_stopped_run_ends_as_an_uninterrupted_one(spec_and_start, whole, tmp_path):
    spec, start = spec_and_start
    train(spec, tmp_path, start=start, stop_at=23)
    params, progress = train(spec, tmp_path, start=start)
    jax.tree.map(np.testing.assert_array_equal, params, whole[0])
    assert [row["loss"] for row in progress.history] == [row["loss"] for row in whole[1].history]


def test_its_prompts_have_room_behind_the_virtual_tokens(spec_and_start):
    spec, _ = spec_and_start
    examples, size = spec.load_examples(), spec.load_vocabulary().size
    inputs = [examples[i]["inputs"] for i in range(200)]
    inputs = [ids for ids in inputs if len(ids)]
    assert len(inputs) > 100 and max(map(len, inputs)) <= spec.inputs_length
    for ids in inputs:
        np.testing.assert_array_equal(ids[:LENGTH], np.arange(size, size + LENGTH))
        assert (ids[LENGTH:] < size).all() and ids[-1] == EOS


@pytest.mark.parametrize("name", ["nano", "lm-nano"])
def test_a_prompt_of_known_tokens_answers_as_these_tokens_in_the_inputs(name):
    vocabulary = load_vocabulary("pocket")
    config = t5_config(name, vocabulary.size)
    params = jax.tree.map(lambda x: 2 * np.array(x), init_params(config, 1))
    words = [17, 40, 23]
    vectors = np.asarray(soft_prompt.embedding_of(params))[words]
    plain = Model("plain", config, params, vocabulary)
    soft = Model("soft", config, {**params, "soft_prompt": {"vectors": vectors}}, vocabulary)
    rng = np.random.default_rng(0)
    inputs = [[*rng.integers(3, 800, n).tolist(), EOS] for n in (4, 11, 7)]
    longer = [[*words, *ids] for ids in inputs]
    assert decode(soft, inputs, 6) == decode(plain, longer, 6)
    options = [("the cow", "red"), ("a", "the green barn"), ("yes", "no")]
    for one, other, without in zip(
        rank(soft, inputs, options),
        rank(plain, longer, options),
        rank(plain, inputs, options),
        strict=True,
    ):
        np.testing.assert_allclose(one.log_likelihoods, other.log_likelihoods, atol=2e-3)
        assert np.abs(np.subtract(one.log_likelihoods, without.log_likelihoods)).max() > 0.01


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prompt_length": 63}, "prompt_length is 63 and inputs_length 64: expected at most 62"),
        ({"prompt_length": -1}, "prompt_length is -1: expected a whole number, 0 to"),
        ({"start": ""}, "prompt_length is 10 and start is empty: a soft prompt is trained for a"),
        ({"engine": "t5x"}, "prompt_length is 10 and engine 't5x': T5X trains all parameters"),
    ],
)
def test_a_prompt_that_cannot_be_is_one_sentence(spec, changes, sentence):
    fields = {"start": "0123456789ab", "prompt_length": LENGTH} | changes
    with pytest.raises(InputError, match=sentence):
        dataclasses.replace(spec, **fields)


@pytest.mark.parametrize("format", ["huggingface", "t5x"])
def test_a_soft_prompt_is_not_lost_in_a_conversion(format, tmp_path):
    vocabulary = load_vocabulary("pocket")
    config = t5_config("nano", vocabulary.size)
    params = {"soft_prompt": {"vectors": np.zeros((4, 64), np.float32)}}
    model = Model("soft", config, params, vocabulary)
    with pytest.raises(InputError, match="model 'soft' has a soft prompt of 4 virtual tokens"):
        save(model, tmp_path / "there", format)
    assert not (tmp_path / "there").exists()
