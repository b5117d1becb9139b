import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from flanrepro.errors import InputError
from flanrepro.fields import Is, check, described, lines, make, shown, table


@described
@dataclass(frozen=True)
class Spec:
    """A spec."""

    steps: Annotated[int, Is("number of updates", 0, 1000)]
    share: Annotated[float, Is("share of it", 0, below=1)] = 0.0
    limit: Annotated[int | None, Is("largest number; none: all", 1)] = None
    names: Annotated[tuple[str, ...], Is("names of tasks")] = ()
    engine: Annotated[str, Is("what trains", choices=lambda: ("local", "t5x"))] = "local"
    mesh: Annotated[str, Is("devices", most=4)] = ""
    remat: Annotated[bool, Is("less memory")] = False

    def __post_init__(self):
        check(self)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"steps": np.int64(3)}, 3),
        ({"steps": 3, "share": 0}, 0.0),
        ({"steps": 3, "share": -0.0}, 0.0),
        ({"steps": 3, "share": np.float32(0.5)}, 0.5),
        ({"steps": 3, "limit": None}, None),
        ({"steps": 3, "names": ["a", np.str_("b")]}, ("a", "b")),
        ({"steps": 3, "engine": np.str_("t5x")}, "t5x"),
        ({"steps": 3, "remat": np.bool_(True)}, True),
    ],
)
def test_a_value_is_kept_in_its_one_form(fields, kept):
    found = getattr(make(Spec, **fields), list(fields)[-1])
    assert (found, type(found)) == (kept, type(kept))
    assert math.copysign(1, found) == 1 if isinstance(found, float) else True
    if isinstance(found, tuple):
        assert {type(name) for name in found} == {str}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"steps": -1}, "steps is -1: expected a whole number, 0 to 1,000"),
        ({"steps": 1001}, "steps is 1001: expected a whole number, 0 to 1,000"),
        ({"steps": 4.0}, "steps is 4.0: expected a whole number, 0 to 1,000"),
        ({"steps": True}, "steps is True: expected a whole number, 0 to 1,000"),
        ({"steps": "3"}, "steps is '3': expected a whole number, 0 to 1,000"),
        ({"steps": None}, "steps is None: expected a whole number, 0 to 1,000"),
        (
            {"steps": 10**5000},
            "steps is a int that cannot be written: expected a whole number, 0 to",
        ),
        ({"share": 1}, "share is 1: expected a number, 0 to below 1"),
        ({"share": math.nan}, "share is nan: expected a number, 0 to below 1"),
        ({"share": False}, "share is False: expected a number, 0 to below 1"),
        ({"share": 10**400}, f"share is 1{'0' * 59}...: expected a number, 0 to below 1"),
        ({"limit": 0}, "limit is 0: expected a whole number, 1 or more, or nothing"),
        ({"names": "rte"}, "names is 'rte': expected a list of lines of text"),
        ({"names": ["a\nb"]}, r"names is ['a\nb']: expected a list of lines of text"),
        ({"engine": "gpu"}, "unknown engine 'gpu': choose one of local, t5x"),
        ({"engine": 5}, "engine is 5: expected one of local, t5x"),
        ({"mesh": "1x100"}, "mesh is '1x100': expected a line of at most 4 characters"),
        ({"mesh": "\ud800"}, r"mesh is '\ud800': expected a line of at most 4 characters"),
        ({"remat": 1}, "remat is 1: expected true or false"),
        ({"new": 1}, "Spec has no field 'new': it has steps, share, limit, names, engine, mesh, r"),
    ],
)
def test_another_value_is_one_sentence(fields, sentence):
    with pytest.raises(InputError) as caught:
        make(Spec, **{"steps": 3, **fields})
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_one_sentence():
    with pytest.raises(InputError, match="Spec lacks steps: give a value for each"):
        make(Spec, share=0.5)


def test_the_table_is_the_documentation():
    assert [row.name for row in table(Spec)][:2] == ["steps", "share"]
    assert lines(Spec) == [
        "steps: a whole number, 0 to 1,000  number of updates",
        "share: a number, 0 to below 1 = 0.0  share of it",
        "limit: a whole number, 1 or more, or nothing = None  largest number; none: all",
        "names: a list of lines of text = ()  names of tasks",
        "engine: one of local, t5x = 'local'  what trains",
        "mesh: a line of at most 4 characters = ''  devices",
        "remat: true or false = False  less memory",
    ]
    assert Spec.__doc__.startswith(
        "A spec.\n\n    Attributes:\n        steps: a whole number, 0 to"
    )


def test_what_cannot_be_shown_is_said_by_its_class():
    class Odd:
        def __repr__(self):
            raise RuntimeError

    assert shown(Odd()) == "a Odd that cannot be written"
    assert shown("a\nb") == r"'a\nb'"
    assert shown("x" * 100, 5) == "'xxxx..."
