"""A digest is another one with any change of a record, and the same on every machine."""

import dataclasses

from wording import QUESTION

from flanrepro.collection.content import digest_of
from flanrepro.collection.task import Task, data_digest, hold_out

ROWS = [{"question": f"q{i}", "answer": str(i)} for i in range(8)]


def task(rows=ROWS, read=True, **splits) -> Task:
    splits = splits or {"train": rows, "validation": rows[:2]}
    return Task(
        name="sums",
        source="cot",
        cluster="made up",
        load=splits.get,
        splits={name: len(of) for name, of in splits.items()},
        templates=QUESTION,
        find_missing=(lambda split: "") if read else None,
    )


def test_every_text_and_the_order_of_records_count_and_the_order_of_fields_does_not():
    digests = {
        digest_of(rows)
        for rows in (
            ROWS,
            ROWS[::-1],
            ROWS[:-1],
            [{**ROWS[0], "answer": "1"}, *ROWS[1:]],
            [{**ROWS[0], "question": "q0\n"}, *ROWS[1:]],
            [{**ROWS[0], "options": ""}, *ROWS[1:]],
            [],
        )
    }
    assert len(digests) == 7
    assert digest_of([dict(reversed(row.items())) for row in ROWS]) == digest_of(ROWS)
    # Fixed: it is kept on disk and part of the names of runs.
    assert digest_of([{"b": "é", "a": "1"}]) == "2738d7d23334df95"


def test_what_is_read_counts_by_content_and_what_is_generated_by_size():
    other = [{**ROWS[0], "answer": "1"}, *ROWS[1:]]
    assert data_digest([task()]) != data_digest([task(other)])
    assert data_digest([task(read=False)]) == data_digest([task(other, read=False)])
    assert data_digest([task(read=False)]) != data_digest([task(ROWS[:-1], read=False)])


def test_exemplars_count_and_splits_for_evaluation_only_if_they_are_asked_for():
    one = {"train": ROWS, "exemplars": ROWS[:2], "test": ROWS[:1]}
    shown, tested = one | {"exemplars": ROWS[2:4]}, one | {"test": ROWS[1:2]}
    assert data_digest([task(**one)]) != data_digest([task(**shown)])
    assert data_digest([task(**one)]) == data_digest([task(**tested)])
    assert data_digest([task(**one)], True) != data_digest([task(**tested)], True)


def test_a_split_that_is_not_available_is_not_read():
    here = task()
    gone = dataclasses.replace(here, find_missing=lambda split: "gone" * (split != "train"))
    assert data_digest([gone], True) != data_digest([here], True)
    assert data_digest([gone]) == data_digest([here])


def test_held_out_records_have_the_digest_of_their_split_and_of_their_number():
    parts = {
        (rows[0]["answer"], number, split): hold_out(task(rows), number).digest(split)
        for rows in (ROWS, ROWS[::-1])
        for number in (2, 3)
        for split in ("train", "validation", "test")
    }
    # The old validation split is the test split, whatever number is held out.
    assert parts["0", 2, "test"] == parts["0", 3, "test"] == task().digest("validation")
    assert len(set(parts.values())) == 10
    assert hold_out(task(), 2).digest("train") == parts["0", 2, "train"]
