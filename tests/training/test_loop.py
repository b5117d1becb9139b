import dataclasses
import time

import jax
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.model.kernels import PLAIN
from flanrepro.model.network import init_params
from flanrepro.training.loop import train
from flanrepro.training.step import init_state, make_train_step

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")


def test_the_loss_on_pocket_falls(whole):
    _, progress = whole
    first, last = progress.history[0], progress.history[-1]
    assert [row["step"] for row in progress.history] == [25, 50, 60]
    assert first["loss"] - last["loss"] > 1.0
    assert last["accuracy"] > first["accuracy"]
    assert progress.history[0]["seconds"] < progress.seconds


def test_what_was_read_is_counted(whole, spec):
    _, progress = whole
    assert progress.tokens == spec.steps * spec.batch_size * (64 + 16)
    assert 0.6 < progress.useful_tokens / progress.tokens < 1
    assert progress.examples > spec.steps * spec.batch_size
    assert 0 < progress.shortened < progress.exemplars_dropped
    assert 0 < progress.dropped < progress.examples - progress.shortened
    assert progress.truncated == 0  # zero-shot, pocket's prompts are short


def test_equal_runs_end_in_equal_parameters_and_other_seeds_do_not(whole, spec, tmp_path):
    params, _ = train(spec, tmp_path / "same")
    jax.tree.map(np.testing.assert_array_equal, params, whole[0])
    other, _ = train(dataclasses.replace(spec, seed=1), tmp_path / "other")
    assert not np.array_equal(jax.tree.leaves(other)[0], jax.tree.leaves(params)[0])


def test_the_step_is_compiled_once_for_all_fractions_and_for_resumed_runs(spec, whole, tmp_path):
    how = {"z_loss": 0.0, "microbatches": 1, "remat": False, "prompt_length": 0}
    how |= {"kernels": PLAIN, "mesh": None}
    step = make_train_step(spec.model_config(), "adamw", 2e-3, 0, **how)
    for fraction in (0.0, 0.9, 1.0):
        changed = dataclasses.replace(spec, few_shot_fraction=fraction, steps=4)
        train(changed, tmp_path / str(fraction), stop_at=2)
        train(changed, tmp_path / str(fraction))
    assert step._cache_size() == 1


def test_stop_at_behind_the_last_step_stops_at_the_last(spec, tmp_path):
    _, progress = train(dataclasses.replace(spec, steps=3), tmp_path, stop_at=5)
    assert [row["step"] for row in progress.history] == [3]


def test_bfloat16_and_adafactor_train_float32_parameters(spec, tmp_path):
    spec = dataclasses.replace(
        spec, dtype="bfloat16", optimizer="adafactor", learning_rate=0.03, warmup_steps=5, steps=50
    )
    params, progress = train(spec, tmp_path)
    assert progress.history[-1]["loss"] < progress.history[0]["loss"] - 0.5
    assert {leaf.dtype.name for leaf in jax.tree.leaves(params)} == {"float32"}
    start = init_state(spec.model_config(), "adafactor", 0.03, 5, seed=0).params
    moved = jax.tree.map(lambda a, b: bool((np.asarray(a) != b).any()), start, params)
    assert all(jax.tree.leaves(moved))


def test_a_hook_sees_every_nth_step_and_changes_nothing(spec, whole, tmp_path):
    seen = []

    def each(step, params):
        seen.append((step, jax.tree.map(np.array, params)))

    train(spec, tmp_path, stop_at=33, each=each, every=20)
    params, progress = train(spec, tmp_path, each=each, every=20)
    assert [step for step, _ in seen] == [0, 20, 40, 60]
    jax.tree.map(np.testing.assert_array_equal, params, whole[0])
    jax.tree.map(np.testing.assert_array_equal, seen[-1][1], params)
    first = init_state(spec.model_config(), "adamw", 2e-3, 0, spec.seed).params
    jax.tree.map(np.testing.assert_array_equal, seen[0][1], first)
    measured = [(row["step"], row["loss"]) for row in progress.history]
    assert measured == [(row["step"], row["loss"]) for row in whole[1].history]


def test_a_hooks_seconds_are_no_part_of_training(spec, tmp_path, monkeypatch):
    # The hook puts the clock on by hours: no machine is so busy that training takes as long.
    late, clock = [], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 1e6 * len(late))
    short = dataclasses.replace(spec, steps=4)
    _, progress = train(short, tmp_path, each=lambda *_: late.append(1), every=1)
    assert len(late) == 5  # four calls while training, one before it
    assert 0 < progress.seconds < 1e6


def test_a_run_starts_from_the_given_parameters_with_a_new_optimizer(spec, whole, tmp_path):
    seen, started = [], dataclasses.replace(spec, start="0123456789ab", steps=2)
    each = lambda step, params: seen.append(jax.tree.map(np.array, params))  # noqa: E731
    start = jax.tree.map(np.array, whole[0])
    params, _ = train(started, tmp_path / "one", start=start, each=each, every=0)
    jax.tree.map(np.testing.assert_array_equal, seen[0], start)
    assert not np.array_equal(jax.tree.leaves(params)[0], jax.tree.leaves(start)[0])
    # The step's dropout and data are those of a random start with the same seed.
    random, _ = train(dataclasses.replace(spec, steps=2), tmp_path / "random")
    own = init_state(spec.model_config(), "adamw", 2e-3, 0, spec.seed).params
    again, _ = train(started, tmp_path / "two", start=jax.tree.map(np.array, own))
    jax.tree.map(np.testing.assert_array_equal, again, random)


def test_a_stopped_run_from_a_start_ends_as_an_uninterrupted_one(spec, whole, tmp_path):
    changed = dataclasses.replace(spec, start="0123456789ab", steps=8, decay_steps=5)
    start = jax.tree.map(np.array, whole[0])
    train(changed, tmp_path / "run", start=start, stop_at=5)
    stopped = train(changed, tmp_path / "run", start=start)[0]
    jax.tree.map(np.testing.assert_array_equal, stopped, train(changed, tmp_path, start=start)[0])


def test_a_falling_rate_moves_parameters_less_at_the_end(spec, tmp_path):
    short = dataclasses.replace(spec, steps=3)
    constant, _ = train(short, tmp_path / "constant")
    falling, _ = train(dataclasses.replace(short, decay_steps=3), tmp_path / "falling")
    first = init_state(spec.model_config(), "adamw", 2e-3, 0, spec.seed).params
    moved = lambda params: sum(  # noqa: E731
        float(np.abs(np.asarray(a) - b).sum())
        for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(first), strict=True)
    )
    # Rates 1, 2/3, 1/3 in the place of three whole ones.
    assert 0.5 < moved(falling) / moved(constant) < 0.9


def smaller(params: dict) -> dict:
    embedding = params["token_embedder"]["embedding"][:128]
    return {**params, "token_embedder": {"embedding": embedding}}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (smaller, r"token_embedder/embedding has shape \(128, 64\), expected \(\d+, 64\); start"),
        (lambda p: {**p, "new": p["decoder"]}, r"new/\S+ has shape \(.*\), expected None; start"),
        (lambda p: {"encoder": p["encoder"]}, r"\S+ has shape None, expected \(.*\); start from a"),
        (lambda _: None, "were not given: train it through a RunStore, which knows where they"),
    ],
)
def test_a_start_that_does_not_fit_is_one_sentence(spec, whole, tmp_path, change, sentence):
    started = dataclasses.replace(spec, start="0123456789ab")
    with pytest.raises(InputError, match=sentence) as caught:
        train(started, tmp_path / "run", start=change(whole[0]))
    assert "'0123456789ab'" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "start_model", "sentence"),
    [
        ("lm-nano", "nano", "is a checkpoint of an encoder-decoder, and model 'lm-nano' is a dec"),
        ("nano", "lm-nano", "is a checkpoint of a decoder-only model, and model 'nano' is an enc"),
    ],
)
def test_a_start_of_the_other_kind_is_one_sentence(spec, tmp_path, model, start_model, sentence):
    other = dataclasses.replace(spec, model=start_model)
    params = init_params(other.model_config(), 0)
    started = dataclasses.replace(spec, model=model, start=other.run_id)
    with pytest.raises(InputError, match=f"the start '{other.run_id}' {sentence}"):
        train(started, tmp_path / "run", start=params)
    assert not (tmp_path / "run").exists()


def test_a_run_of_another_engine_is_refused(spec, tmp_path):
    with pytest.raises(InputError, match=r"is of engine 't5x', which trains it as a whole"):
        train(dataclasses.replace(spec, engine="t5x"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_parameters_for_a_run_that_starts_at_random_are_refused(spec, whole, tmp_path):
    with pytest.raises(InputError, match="start is '' and its parameters were given: train it"):
        train(spec, tmp_path / "run", start=whole[0])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd': choose one of adafactor, adamw"),
        ({"model": "huge"}, "unknown model 'huge': choose one of nano, micro, mini"),
        ({"collection": "p3"}, "unknown collection 'p3': choose one of pocket, flan2022"),
        ({"vocabulary": "p3"}, "unknown vocabulary 'p3': choose pocket, t5, flan2022-SIZE"),
        ({"few_shot_fraction": 1.5}, "few_shot_fraction is 1.5: expected a number, 0 to 1"),
        ({"tasks": ("gsm9k",)}, "'gsm9k' is no training task of collection 'pocket': it has "),
    ],
)
def test_a_wrong_field_is_refused_before_anything_is_written(spec, tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        train(dataclasses.replace(spec, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
