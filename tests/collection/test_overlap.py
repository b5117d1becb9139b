"""Text that items and records share is found, for any length, encoding and chunk."""

import csv
import random

import numpy as np
import pytest

from flanrepro.collection import overlap as module
from flanrepro.collection.overlap import index_of, overlap, positions_hit, words_of

ALPHABET = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
ITEM = " ".join(ALPHABET)


def hit(items, *records, **options):
    """(records hit, items hit, items too short) of one suite."""
    index = index_of({("suite", "task"): [[item] for item in items]})
    row, *own = overlap(index, records, **options)
    assert (row.records, row.items) == (len(records), len(items))
    assert [one.records_hit for one in own] == [row.records_hit] * bool(row.records_hit)
    assert len(positions_hit(index, records, **options)) == row.records_hit
    return row.records_hit, row.items_hit, row.items_short


def test_a_record_that_holds_13_words_of_an_item_is_found():
    longer = f"Who counts? {ITEM} and so on"
    assert hit([longer], [f"He counted {ITEM}, then slept."], ["Nothing of it."]) == (1, 1, 0)
    assert hit([ITEM, "Nothing of it is in any of the two texts of this task here."], [ITEM]) == (
        1,
        1,
        0,
    )


@pytest.mark.parametrize("position", range(13))
def test_one_other_word_of_13_is_no_overlap(position):
    words = [*ALPHABET]
    words[position] = "other"
    assert hit([ITEM], [" ".join(words)]) == (0, 0, 0)
    assert hit([ITEM], [" ".join(["before", *words, "after"])]) == (0, 0, 0)


def test_case_punctuation_and_spacing_do_not_count():
    record = "ONE-two, (three) four\n\nfive: six_seven 'eight' nine\tten… eleven/twelve; Thirteen!"
    assert hit([ITEM], [record]) == (1, 1, 0)


def test_words_are_letters_and_digits_of_any_script():
    assert words_of("Don't pay 3,50 €_now: x² Ünïcode") == ("don t pay 3 50 now x2 ünïcode".split())
    assert words_of("ПРИВЕТ, мир! 你好 ４２") == ["привет", "мир", "你好", "42"]
    item = "Ärger über öde Straßen in Köln führt zu Unmut an jedem Tag überall"
    decomposed = "".join(
        {"Ä": "A\u0308", "ü": "u\u0308", "ö": "o\u0308"}.get(letter, letter) for letter in item
    )
    assert decomposed != item
    assert hit([item], [decomposed]) == (1, 1, 0)
    assert hit([item], [item.replace("Straßen", "Strassen")]) == (0, 0, 0)


def test_no_n_gram_spans_two_fields_or_two_records():
    first, second = " ".join(ALPHABET[:7]), " ".join(ALPHABET[7:])
    assert hit([ITEM], [first, second]) == (0, 0, 0)
    assert hit([ITEM], [first], [second]) == (0, 0, 0)
    assert hit([ITEM], [f"{first}\n{second}"]) == (1, 1, 0)


def test_no_n_gram_spans_two_items():
    before = " ".join(["x"] * 5 + ALPHABET[:8])
    after = " ".join(ALPHABET[8:] + ["y"] * 8)
    assert hit([before, after], [ITEM]) == (0, 0, 0)
    assert hit([f"{before} {after}"], [ITEM]) == (1, 1, 0)


def test_an_item_of_8_to_12_words_has_to_occur_as_a_whole():
    for n in range(8, 13):
        item = " ".join(ALPHABET[:n])
        assert hit([item], [f"zero {item} and more"]) == (1, 1, 0)
        assert hit([item], [" ".join(ALPHABET[: n - 1])]) == (0, 0, 0)
        assert hit([item], [" ".join(ALPHABET[1:n]) + " one"]) == (0, 0, 0)


def test_a_still_shorter_item_is_counted_as_too_short_and_never_hit():
    seven = " ".join(ALPHABET[:7])
    assert hit([seven, ITEM, ""], [seven], [ITEM]) == (1, 1, 2)


def test_empty_texts_records_tasks_and_suites():
    assert hit([ITEM], [""], [], ["", ITEM, ""], ["", ""]) == (1, 1, 0)
    assert hit([ITEM]) == (0, 0, 0)
    assert hit([], [ITEM]) == (0, 0, 0)
    assert hit(["", "?!"], [ITEM], ["", "..."]) == (0, 0, 2)
    assert overlap(index_of({}), [[ITEM]]) == ()
    assert positions_hit(index_of({}), [[ITEM]]) == []


def test_an_item_is_hit_by_any_of_its_texts_and_too_short_if_all_are():
    items = [("two words", ITEM), ("two words",), (ITEM[::-1], "other")]
    row, _ = overlap(index_of({("suite", "task"): items}), [[ITEM], ["two words"]])
    assert (row.records_hit, row.items, row.items_hit, row.items_short) == (1, 3, 1, 1)


def test_labels_of_parts_and_options_are_no_words_and_numbers_are_digits():
    words = words_of(
        "Question: Who? (A)a bank (B) Lou's\nC. none Sentence 2: Two data: x Answer:no"
    )
    assert words == "who a bank lou s none 2 data x no".split()
    item = "In a school there are 569 girls and two boys. How many more girls than boys are there?"
    copy = "Context: In a school there are 569 girls and 2 boys. \n\n Question: How many more girls"
    assert hit([item], [copy]) == (1, 1, 0)


def test_suites_and_their_tasks_are_counted_apart_and_may_share_an_item():
    other = ITEM[::-1]
    groups = {("a", "x"): [ITEM], ("b", "x"): [ITEM], ("a", "y"): [other, ITEM], ("c", "z"): ["q"]}
    index = index_of({key: [[item] for item in items] for key, items in groups.items()})
    records = [[ITEM], [ITEM.upper()], [other], ["none"]]
    rows = overlap(index, records)
    assert [(r.suite, r.evaluated, r.records_hit, r.items, r.items_hit) for r in rows] == [
        ("a", "all", 3, 3, 3),
        ("a", "x", 2, 1, 1),
        ("a", "y", 3, 2, 2),
        ("b", "all", 2, 1, 1),
        ("b", "x", 2, 1, 1),
        ("c", "all", 0, 1, 0),
    ]
    assert positions_hit(index, records) == [0, 1, 2]


def test_the_example_is_the_shared_n_gram_with_the_most_characters():
    item = f"a {ITEM} {'x' * 30}"
    index = index_of({("suite", "task"): [[item], [ITEM]]})
    row, _ = overlap(index, [[item]])
    assert row.longest_example == " ".join([*words_of(ITEM)[1:], "x" * 30])
    (row,) = overlap(index, [["none"]])
    assert row.longest_example == ""


def brute_force(items, records):
    """The definition, in plain Python."""

    def grams(text, n):
        words = words_of(text)
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    lengths = [min(13, len(words_of(item))) for item in items]
    wanted = [grams(i, n) if n >= 8 else set() for i, n in zip(items, lengths, strict=True)]
    had = [{n: set().union(*(grams(text, n) for text in r)) for n in range(8, 14)} for r in records]
    shared = np.array(
        [[bool(want & h[max(n, 8)]) for want, n in zip(wanted, lengths, strict=True)] for h in had]
    )
    return shared.any(axis=1).sum(), shared.any(axis=0).sum(), sum(n < 8 for n in lengths)


@pytest.fixture
def random_texts():
    """Items and records over two words, so that all lengths are hit and missed often."""
    rng = random.Random(1)

    def text(longest):
        return " ".join(rng.choices("ab", [3, 1], k=rng.randrange(longest)))

    items = [text(24) for _ in range(80)]
    return items, [[text(20) for _ in range(rng.randrange(4))] for _ in range(150)]


@pytest.mark.parametrize("chunk", [1, 10, 97, 1 << 18])
def test_the_result_is_the_definition_s_for_any_chunk_size(random_texts, chunk):
    items, records = random_texts
    expected = brute_force(items, records)
    assert 0 < expected[0] < len(records)
    assert 0 < expected[1] < len(items) - expected[2]
    assert hit(items, *records, chunk=chunk) == expected


@pytest.mark.parametrize("bits", [0, 1, 3])
def test_n_grams_with_one_hash_are_told_apart(random_texts, monkeypatch, bits):
    real = module._rolling_hashes
    mask = np.uint64(0xFFFFFFFFFFFFFFFF ^ ((1 << (64 - bits)) - 1))

    def weak(ids):
        yield from ((n, hashes & mask) for n, hashes in real(ids))

    monkeypatch.setattr(module, "_rolling_hashes", weak)
    assert hit(random_texts[0], *random_texts[1]) == brute_force(*random_texts)


def test_tasks_made_from_mmlu_are_found_in_it(mirror):
    def questions(path):
        with path.open(encoding="utf-8", newline="") as file:
            return ["\n".join(row[:5]) for row in csv.reader(file)]

    items = [q for path in sorted(mirror.glob("mmlu/test/*.csv")) for q in questions(path)]
    index = index_of({("mmlu", "test"): [[item] for item in items]})
    texts = [text for path in mirror.glob("mmlu/dev/*.csv") for text in questions(path)]
    dev, *_ = overlap(index, ([text] for text in texts))
    assert (dev.items, dev.items_short) == (14042, 4)
    assert 5 <= dev.records_hit <= 60  # wordings that questions of a subject share, and five copies
    row, *_ = overlap(index, ([text] for text in items))
    assert (row.records_hit, row.items_hit) == (14038, 14038)
