"""What the pretraining text says is so."""

import re

from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.steps import KIND_OF
from flanrepro.sources.pocket.text import KINDS_OF_TEXT, Documents, kinds, sums


def test_shares_are_of_a_hundred():
    assert sum(KINDS_OF_TEXT.values()) == 100


def test_a_document_follows_from_its_seed_and_its_number():
    assert [Documents(3)[i] for i in range(20)] == [Documents(3)[i] for i in range(20)]
    assert Documents(3)[0] != Documents(4)[0]


def test_sums_are_right():
    found = 0
    for i in range(200):
        text = sums(Dice(f"sums {i}"))
        for a, sign, b, said in re.findall(r"(\d+) (and|plus|less|minus) (\d+) is (\d+)", text):
            found += 1
            total = int(a) + int(b) if sign in ("and", "plus") else int(a) - int(b)
            assert total == int(said), text
        for a, b in re.findall(r"(\d+) is more than (\d+)", text):
            assert int(a) > int(b), text
    assert found > 400


def test_words_are_of_the_kinds_that_are_said():
    answers = set()
    for i in range(300):
        text = kinds(Dice(f"kinds {i}"))
        for word, kind in re.findall(r"(?:^|\. )(\w+) is of the kind (\w+)\.", text):
            assert KIND_OF[word] == kind, text
        for word, kind, answer in re.findall(r"is (\w+) of the kind (\w+)\? (\w+)\.", text):
            answers.add(answer)
            assert (KIND_OF[word] == kind) == (answer == "yes"), text
        for words, kind, word in re.findall(r"of (\w+ \w+ \w+) the (\w+) is (\w+)\.", text):
            assert [one for one in words.split() if KIND_OF[one] == kind] == [word], text
    assert answers == {"yes", "no"}
