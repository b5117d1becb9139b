import csv
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from flanrepro.cards import contamination
from flanrepro.cards.contamination import overlap, suite_index, table, words_of
from flanrepro.collection import Suite, Task

ALPHABET = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
ITEM = " ".join(ALPHABET)


def hit(items, *records, **options):
    """(records hit, items hit, items too short) of one suite."""
    (row,) = overlap(suite_index({"suite": items}), records, **options)
    assert (row.records, row.items) == (len(records), len(items))
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
    assert overlap(suite_index({}), [[ITEM]]) == ()


def test_suites_are_counted_apart_and_may_share_an_item():
    other = ITEM[::-1]
    index = suite_index({"a": [ITEM, other], "b": [ITEM], "c": [other]})
    rows = overlap(index, [[ITEM], [ITEM.upper()], [other], ["none"]])
    assert [(r.suite, r.records_hit, r.items_hit) for r in rows] == [
        ("a", 3, 2),
        ("b", 2, 1),
        ("c", 1, 1),
    ]


def test_the_example_is_the_shared_n_gram_with_the_most_characters():
    item = f"a {ITEM} {'x' * 30} z"
    (row,) = overlap(suite_index({"suite": [item, ITEM]}), [[item]])
    assert row.longest_example == " ".join([*ALPHABET[1:], "x" * 30])
    assert overlap(suite_index({"suite": [item]}), [["none"]])[0].longest_example == ""


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
    real = contamination._rolling_hashes
    mask = np.uint64(0xFFFFFFFFFFFFFFFF ^ ((1 << (64 - bits)) - 1))

    def weak(ids):
        yield from ((n, hashes & mask) for n, hashes in real(ids))

    monkeypatch.setattr(contamination, "_rolling_hashes", weak)
    assert hit(random_texts[0], *random_texts[1]) == brute_force(*random_texts)


def task(name, records, split="train"):
    return Task(
        name, "cot", "math", lambda split: records, {split: len(records)}, "cot", citation="none"
    )


def test_the_table_has_a_row_per_task_and_suite():
    question = {"question": "What comes next?", "options": ITEM.replace(" ", "\n"), "answer": "14"}
    exam = Suite("mmlu", (task("exam", [question], "test"),), "test")
    tasks = [task("copied", [{"text": ITEM, "answer": "no"}, {"text": "x", "answer": ITEM}])]
    found = table([*tasks, task("clean", [{"text": "x", "answer": "14"}])], [exam])
    assert list(found.columns) == (
        "task suite records records_hit items items_hit items_short longest_example".split()
    )
    assert found.values.tolist() == [
        ["copied", "mmlu", 2, 2, 1, 1, 0, ITEM],
        ["clean", "mmlu", 1, 0, 1, 0, 0, ""],
    ]


def test_an_item_is_its_question_and_its_options():
    record = {"description": "d", "question": "q", "options": "(A) x", "answer": "(A)"}
    assert contamination.item_text(record) == "q\n(A) x"
    assert contamination.item_text({"question": "q", "answer": "x"}) == "q"


def test_importing_it_does_not_import_pandas():
    code = "import sys, flanrepro.cards.contamination; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tasks_made_from_mmlu_are_found_in_it_and_fast(mirror):
    def questions(path):
        with path.open(encoding="utf-8", newline="") as file:
            return ["\n".join(row[:5]) for row in csv.reader(file)]

    items = [q for path in sorted(mirror.glob("mmlu/test/*.csv")) for q in questions(path)]
    index = suite_index({"mmlu": items})
    texts = [text for path in mirror.glob("mmlu/dev/*.csv") for text in questions(path)]
    (dev,) = overlap(index, ([text] for text in texts))
    assert (dev.items, dev.items_short) == (14042, 4)
    assert 5 <= dev.records_hit <= 60  # wordings that questions of a subject share, and five copies
    seconds = time.process_time()
    (row,) = overlap(index, ([text] for text in items))
    seconds = time.process_time() - seconds
    assert (row.records_hit, row.items_hit) == (14038, 14038)
    # A task that is all overlap is the slowest there can be; others run at 3 million words/s.
    assert sum(len(words_of(text)) for text in items) / seconds > 100_000
