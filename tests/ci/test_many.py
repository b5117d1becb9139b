import dataclasses

import jax
import numpy as np
import pytest

from ci.gpu.many import get_many, train_many
from flanrepro.data.fates import LOSSES
from flanrepro.errors import InputError
from flanrepro.experiments.store import RunStore
from flanrepro.training.spec import RunSpec

pytestmark = pytest.mark.filterwarnings("ignore::flanrepro.data.examples.PromptTooLong")

COUNTS = ("examples", *LOSSES, "tokens", "useful_tokens")


@pytest.fixture(scope="module")
def specs() -> list:
    """Three runs of one shape, with dropout: other seeds, and another mixture."""
    spec = RunSpec(
        collection="pocket",
        model="nano",
        vocabulary="pocket",
        steps=30,
        batch_size=4,
        inputs_length=64,
        targets_length=16,
        learning_rate=2e-3,
        dropout_rate=0.1,
        few_shot_fraction=0.5,
    )
    specs = [spec, dataclasses.replace(spec, seed=1)]
    return [*specs, dataclasses.replace(specs[0], few_shot_fraction=0.0)]


@pytest.fixture(scope="module")
def alone(specs, tmp_path_factory) -> list:
    store = RunStore(tmp_path_factory.mktemp("alone"))
    return [store.get(spec) for spec in specs]


def assert_same(run, other) -> None:
    one, two = (each.metrics() for each in (run, other))
    assert one["step"].tolist() == two["step"].tolist()
    assert np.abs(one["loss"] - two["loss"]).max() < 1e-5
    assert [run.manifest[n] for n in COUNTS] == [other.manifest[n] for n in COUNTS]
    difference = jax.tree.map(lambda a, b: np.abs(a - b).max(), run.params(), other.params())
    assert max(jax.tree.leaves(difference)) < 1e-3


@pytest.mark.slow
def test_runs_at_once_end_as_each_alone(specs, alone, tmp_path):
    many = get_many(RunStore(tmp_path), specs)
    assert [run.spec for run in many] == specs
    for run, other in zip(many, alone, strict=True):
        assert_same(run, other)
    losses = [tuple(run.metrics()["loss"]) for run in many]
    assert len(set(losses)) == 3
    started = many[0].folder.stat().st_mtime_ns
    assert get_many(RunStore(tmp_path), specs) == many
    assert many[0].folder.stat().st_mtime_ns == started


@pytest.mark.slow
def test_stopped_together_they_go_on_together_or_alone(specs, alone, tmp_path):
    asked = []
    store = RunStore(tmp_path)
    assert get_many(store, specs, stop=lambda: asked.append(1) or True) == []
    assert len(asked) == 1  # at step 25
    assert_same(store.get(specs[1]), alone[1])
    many = get_many(store, specs)
    for run, other in zip(many, alone, strict=True):
        assert_same(run, other)


@pytest.mark.slow
def test_a_kill_between_two_savings_goes_back_to_the_last_common_step(specs, alone, tmp_path):
    folders = [tmp_path / spec.run_id / "checkpoints" for spec in specs]
    nothing = [{}] * len(specs)
    train_many(specs, folders, nothing, stop_at=10)
    train_many(specs[:1], folders[:1], nothing[:1], stop_at=20)
    # To where one of them was, and from there to the end.
    assert {done.tokens for done in train_many(specs, folders, nothing, stop_at=20)} == {
        20 * 4 * 80
    }
    for run, other in zip(get_many(RunStore(tmp_path), specs), alone, strict=True):
        assert_same(run, other)


@pytest.mark.slow
def test_beside_runs_that_have_not_begun_one_that_has_begins_anew(specs, alone, tmp_path):
    folders = [tmp_path / spec.run_id / "checkpoints" for spec in specs]
    train_many(specs[:1], folders[:1], [{}], stop_at=20)
    train_many(specs, folders, [{}] * 3, stop_at=10)
    for run, other in zip(get_many(RunStore(tmp_path), specs), alone, strict=True):
        assert_same(run, other)


def test_their_seconds_are_shares_of_the_whole(specs, tmp_path):
    folders = [tmp_path / spec.run_id for spec in specs]
    done = train_many(specs, folders, [{}] * 3, stop_at=2)
    assert done[0].seconds == pytest.approx(done[1].seconds, rel=0.2)


def test_runs_of_another_shape_are_refused(specs, tmp_path):
    other = dataclasses.replace(specs[1], batch_size=2)
    with pytest.raises(InputError, match=r"cannot be trained at once: their batch_size is 4 and 2"):
        train_many([specs[0], other], [tmp_path / "a", tmp_path / "b"], [{}, {}])
    assert not list(tmp_path.iterdir())
