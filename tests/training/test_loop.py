import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.training.loop import train
from flanrepro.training.step import init_state, make_train_step

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.grain.PromptTooLong")


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
    assert 0 < progress.truncated < progress.examples
    assert progress.dropped < progress.truncated


def test_equal_runs_end_in_equal_parameters_and_other_seeds_do_not(whole, spec, tmp_path):
    params, _ = train(spec, tmp_path / "same")
    jax.tree.map(np.testing.assert_array_equal, params, whole[0])
    other, _ = train(dataclasses.replace(spec, seed=1), tmp_path / "other")
    assert not np.array_equal(jax.tree.leaves(other)[0], jax.tree.leaves(params)[0])


def test_the_step_is_compiled_once_for_all_fractions_and_for_resumed_runs(spec, whole, tmp_path):
    step = make_train_step(spec.model_config(), "adamw", 2e-3, 0, 0.0)
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


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd': choose one of adafactor, adamw"),
        ({"model": "huge"}, "unknown model 'huge': choose one of nano, micro, mini"),
        ({"collection": "p3"}, "unknown collection 'p3': choose one of pocket, flan2022"),
        ({"vocabulary": "p3"}, "unknown vocabulary 'p3': choose pocket, t5, flan2022-SIZE"),
        ({"few_shot_fraction": 1.5}, "few_shot_fraction is 1.5: expected 0 to 1"),
        ({"tasks": ("gsm9k",)}, "'gsm9k' is no training task of collection 'pocket': it has "),
    ],
)
def test_a_wrong_field_is_refused_before_anything_is_written(spec, tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        train(dataclasses.replace(spec, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()
