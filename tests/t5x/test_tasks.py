"""What gin files call; none of these tests needs T5X."""

import dataclasses
import json

import pytest

from flanrepro.collection.named import mixture_names, named_mixture
from flanrepro.data.fates import DROPPED
from flanrepro.errors import InputError
from flanrepro.sources import load_collection
from flanrepro.t5x import tasks

LENGTHS = {"inputs": 256, "targets": 64}


@pytest.fixture(scope="module")
def seqio():
    return pytest.importorskip("seqio")


def test_a_named_mixture_is_a_task_under_the_name_of_its_cache(seqio):
    name = tasks.named("flan2022_without_cot", 5, "pocket", LENGTHS, "pocket", seed=2)
    assert name == "flanrepro_flan2022_without_cot_256_64"
    task = seqio.get_mixture_or_task(name)
    found = task.get_dataset(None, split="train", shuffle=False).as_numpy_iterator()
    made = named_mixture("flan2022_without_cot", load_collection("pocket"), seed=2).mixture
    assert [e["inputs_pretokenized"].decode() for e in found] == [made[i].inputs for i in range(5)]


def test_it_is_registered_where_its_data_are_not(seqio):
    name = tasks.named("niv2", 5, "pocket", LENGTHS, "no_such_collection")
    assert seqio.get_mixture_or_task(name).num_input_examples("train") == 5


@pytest.mark.parametrize(
    ("name", "given"), [("", "MIXTURE is not given"), ("flan", "MIXTURE is 'flan'")]
)
def test_a_mixture_that_is_not_named_or_unknown_is_asked_for(name, given):
    with pytest.raises(InputError) as caught:
        tasks.named(name, 5, "pocket", LENGTHS)
    sentence = str(caught.value)
    assert sentence.startswith(f"{given}, expected one of {', '.join(mixture_names())}")
    assert sentence.endswith("""with --gin.MIXTURE="'flan2022'\"""")


def test_a_run_s_task_gives_the_run_s_prompts_in_the_models_vocabulary(seqio, spec, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(dataclasses.asdict(spec)))
    task = seqio.get_mixture_or_task(tasks.of_run(str(path), 5))
    found = list(task.get_dataset(None, split="train", shuffle=False).as_numpy_iterator())
    made = spec.load_examples()
    expected = [e for e in map(made.__getitem__, range(5)) if e["fate"] != DROPPED]
    assert [e["inputs"].tolist() for e in found] == [e["inputs"].tolist() for e in expected]
    assert [e["targets"].tolist() for e in found] == [e["targets"].tolist() for e in expected]
    assert task.output_features["inputs"].vocabulary == tasks.vocabulary("pocket")


def test_the_learning_rate_rises_stays_and_falls():
    rate = tasks.learning_rate(2e-3, warmup_steps=4, decay_steps=10, steps=20)
    found = [float(rate(step)) for step in (0, 2, 4, 10, 15, 19)]
    assert found == pytest.approx([0.0, 1e-3, 2e-3, 2e-3, 1e-3, 2e-4])
    assert float(tasks.learning_rate(5e-4)(7)) == pytest.approx(5e-4)
