import dataclasses

import pytest

from flanrepro.errors import InputError
from flanrepro.training import memory
from flanrepro.training.loop import train
from flanrepro.training.memory import least_bytes

GIB = 2**30


def test_the_least_memory_is_that_of_a_layers_attention_or_of_the_logits(spec):
    spec = dataclasses.replace(spec, batch_size=4, microbatches=2, inputs_length=10_000)
    config = spec.model_config()
    state = memory.param_count(config) * 4 * 4
    step, batch = least_bytes(spec, config)
    assert step == state + 2 * 4 * 10_000**2 * 4  # rows, heads, positions, bytes
    assert batch == 4 * (10_000 + 16) * 3 * 4
    short = dataclasses.replace(spec, inputs_length=16)
    assert least_bytes(short, config)[0] == state + 2 * 16 * config.vocab_size * 4


def test_adafactor_keeps_the_sum_of_the_parts_gradients_beside_the_parameters(spec):
    whole = dataclasses.replace(spec, optimizer="adafactor", batch_size=2)
    parts = dataclasses.replace(whole, batch_size=4, microbatches=2)
    config = spec.model_config()
    sums = least_bytes(parts, config)[0] - least_bytes(whole, config)[0]
    assert sums == 4 * memory.param_count(config)


def test_what_cannot_fit_is_one_sentence_before_anything_is_made(spec, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_host_bytes", lambda: 8 * GIB)
    long = dataclasses.replace(spec, inputs_length=60_000)
    said = (
        r"a step of batch_size 4 with lengths 60000 and 16 takes 214\.\d GiB at least, and there "
        r"are 8\.0: lower them, raise microbatches, or use more devices"
    )
    with pytest.raises(InputError, match=said):
        train(long, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    many = dataclasses.replace(spec, batch_size=2**20, microbatches=2**20, inputs_length=6000)
    with pytest.raises(InputError, match=r"a batch of batch_size 1048576 with lengths 6000 and 16"):
        train(many, tmp_path / "run")


def test_a_machine_that_does_not_say_its_memory_refuses_nothing(spec, monkeypatch):
    monkeypatch.setattr(memory, "_host_bytes", lambda: None)
    memory.check_memory(dataclasses.replace(spec, inputs_length=60_000), spec.model_config(), None)
