"""The decontaminated mixture of `pocket` has all tasks and nearly all records."""

import dataclasses

import pytest

from flanrepro.collection.named import named_mixture
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec


@pytest.fixture(scope="module")
def made():
    return named_mixture("flan2022_decontaminated", load_collection("pocket"))


def test_few_of_its_records_share_text_with_an_item(made):
    whole = named_mixture("flan2022", load_collection("pocket")).mixture
    assert [task.name for task in made.mixture.tasks] == [task.name for task in whole.tasks]
    assert not made.missing and not made.uncompared
    gone = sum(number for number, _ in made.left_out.values())
    assert 0 < gone < 0.002 * sum(task.size("train") for task in made.mixture.tasks)


def test_a_run_names_it(made):
    spec = RunSpec(
        model="nano",
        vocabulary="pocket",
        steps=1,
        batch_size=2,
        inputs_length=64,
        targets_length=16,
        learning_rate=1e-3,
        collection="pocket",
        mixture="flan2022_decontaminated",
    )
    mixture = spec.load_mixture()
    assert [t.size("train") for t in mixture.tasks] == [t.size("train") for t in made.mixture.tasks]
    assert spec.run_id != dataclasses.replace(spec, mixture="flan2022").run_id
