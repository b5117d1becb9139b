from ci.bench.spent import CARD, TABLE, core_minutes, text

CARD_OF_TRIALS = """
| what | measured | core-minutes |
| --- | --- | ---: |
| not a trial | 1 | 100 |

## What was tried

| what | measured | core-minutes |
| --- | --- | ---: |
| a | 50 %, 3 of 4 | 7 |
| b \\| c | nothing | 12 |

| steps | facts | core-minutes |
| --- | --- | ---: |
| 20 | 36 | 800 |

| what | measured | core-minutes |
| --- | --- | ---: |
| d | 2 | 1 |

## Known faults

| what | measured | core-minutes |
| --- | --- | ---: |
| e | 2 | 1000 |
"""


def test_the_shipped_table_is_that_of_its_sources():
    assert TABLE.read_text("utf-8") == text(), "write it anew: python -m ci.bench.spent"


def test_trials_are_the_rows_of_their_tables_alone():
    assert core_minutes(CARD_OF_TRIALS) == [7, 12, 1]


def test_every_row_with_a_trials_minutes_is_found():
    section = CARD.read_text("utf-8").partition("## What was tried")[2]
    looks = [line for line in section.splitlines() if line.count(" | ") == 2 and "---" not in line]
    titles = [line for line in looks if line.endswith("| core-minutes |")]
    assert len(core_minutes(CARD.read_text("utf-8"))) == len(looks) - len(titles) > 20
