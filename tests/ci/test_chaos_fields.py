from pathlib import Path

import pytest

from ci.chaos import fields
from flanrepro.errors import InputError
from flanrepro.training.spec import RunSpec


def test_no_value_of_a_field_falls(tmp_path):
    found = list(fields.trials(400, 0, tmp_path))
    assert len(found) == 400
    assert [trial for trial in found if trial.fell] == []
    assert {trial.kind for trial in found} == {"fields of RunSpec", "fields of Job"}


def test_the_whole_campaign_tries_every_value():
    every = sum(
        1 for spec in fields.BASES for row in fields.table(spec) for _ in fields.values(row)
    )
    assert every >= fields.NUMBER


def test_equal_values_with_two_names_fall(tmp_path: Path):
    before: list = []
    fields._tried(RunSpec, "learning_rate", 1, before)
    fields._tried(RunSpec, "learning_rate", 1.0, before)
    assert len({text for _, text in before}) == 1
    with pytest.raises(InputError):
        fields._tried(RunSpec, "learning_rate", True, before)
    before.append((before[0][0], "another name"))
    with pytest.raises(AssertionError, match="equal ones with two names"):
        fields._tried(RunSpec, "learning_rate", 1.0, before)
