"""Pocket's words and facts, and what a wrong world file is answered with."""

import copy
import hashlib
import re

import pytest

from flanrepro.collection import rng
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket import world
from flanrepro.sources.pocket.world import (
    ATTRIBUTES,
    HELD_OUT,
    KINDS,
    KNOWN,
    TRANSLATED,
    TUNED,
    WORLD,
    fact,
    make_world,
)


@pytest.fixture
def rows():
    """The content of `world.yaml`, to be changed."""
    return copy.deepcopy(read_yaml(world.PACKAGE, "world"))


def test_an_unknown_kind_is_one_sentence(rows):
    rows["kinds"]["planet"] = "mars venus"
    with pytest.raises(
        InputError, match=r"^mine: `kinds` has planet, which is unknown: the world "
    ):
        make_world(rows, "mine")


def test_a_missing_kind_is_one_sentence(rows):
    del rows["kinds"]["tool"]
    with pytest.raises(InputError, match=r"^mine: `kinds` lacks tool: give it words$"):
        make_world(rows, "mine")


def test_a_word_of_two_kinds_is_one_sentence(rows):
    rows["kinds"]["food"] += " duck"
    with pytest.raises(InputError, match=r"^mine: duck under `kinds` more than once: give each "):
        make_world(rows, "mine")


def test_a_known_thing_of_no_kind_is_one_sentence(rows):
    rows["known"] += " dragon"
    with pytest.raises(InputError, match=r"^mine: `known` has dragon, which is of no kind: name "):
        make_world(rows, "mine")


def test_a_word_of_another_kind_in_a_class_is_one_sentence(rows):
    rows["classes"]["warm"] += " barn"
    with pytest.raises(InputError, match=r"^mine: class warm has barn, which is no color: name "):
        make_world(rows, "mine")


@pytest.mark.parametrize("attribute", ["old planet", "sunny color", "old", "old color tool"])
def test_a_subject_that_asks_for_no_attribute_is_one_sentence(rows, attribute):
    rows["subjects"]["anatomy"] = attribute
    sentence = rf"^mine: subject anatomy asks for '{attribute}': expected one of `relations` and "
    with pytest.raises(InputError, match=sentence):
        make_world(rows, "mine")


def test_an_attribute_that_two_subjects_ask_for_is_one_sentence(rows):
    rows["subjects"]["anatomy"] = rows["subjects"]["virology"]
    with pytest.raises(
        InputError, match=r"^mine: more than one subject asks for public name: give"
    ):
        make_world(rows, "mine")


def test_an_attribute_is_tuned_or_held_out_and_its_words_are_in_both():
    assert (len(TUNED), len(HELD_OUT), len(ATTRIBUTES), len(KNOWN)) == (87, 57, 144, 8)
    assert list(WORLD.subjects.values()) == list(HELD_OUT)
    for place in (0, 1):
        tuned = {attribute.split()[place] for attribute in TUNED}
        assert {attribute.split()[place] for attribute in HELD_OUT} <= tuned


def test_every_attribute_has_a_fact_of_its_kind_for_every_known_thing():
    rows = {}
    for attribute, kind in ATTRIBUTES.items():
        rows[attribute] = tuple(fact(attribute, thing) for thing in KNOWN)
        assert set(rows[attribute]) <= set(KINDS[kind])
        assert len(set(rows[attribute])) >= 3  # so that no answer does for most
        assert all(value != thing for value, thing in zip(rows[attribute], KNOWN, strict=True))
    assert len(set(rows.values())) == len(ATTRIBUTES)  # no two attributes are one


def test_a_fact_is_the_word_of_a_number_that_its_relation_gives_the_thing():
    numbers = {}
    for attribute, kind in ATTRIBUTES.items():
        relation = attribute.split()[0]
        for thing in KNOWN:
            key = hashlib.blake2b(f"{relation} of {thing}".encode(), digest_size=8).digest()
            number = rng.mix(2026, int.from_bytes(key, "little")) % 12
            numbers[relation, thing] = number
            words = KINDS[kind]
            value = words[number % len(words)]
            if value == thing:  # nothing has itself
                value = words[(number + 1) % len(words)]
            assert fact(attribute, thing) == value
    assert len(numbers) == 192
    assert len(set(numbers.values())) == 12


def test_words_are_of_one_kind_and_translated_apart():
    listed = [word for words in KINDS.values() for word in words]
    assert len(set(listed)) == len(listed) == 70
    assert len(set(TRANSLATED.values())) == len(TRANSLATED)
    assert not set(TRANSLATED.values()) & set(listed)
    assert all(re.fullmatch("[a-z]+", word) for word in (*listed, *TRANSLATED.values()))
