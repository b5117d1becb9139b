"""Super-Natural Instructions' copies of evaluation items are found, and left out of a mixture."""

import dataclasses
import json
import re

import pytest

from flanrepro.cards.contamination import table
from flanrepro.collection.asked import record_texts
from flanrepro.collection.decontaminated import available, items_index
from flanrepro.collection.named import named_mixture
from flanrepro.collection.overlap import positions_hit
from flanrepro.sources import load_collection

TASK = "task751_svamp_subtraction_question_answering"

# As they stand in the file of that name.
COPIES = (
    "Context: In a school there are 569 girls and 236 boys. \n\n "
    "Question: How many more girls than boys does the school have?",
    "Context: Baker made 155 cakes. If his friend bought 140 cakes from him \n\n "
    "Question: How many cakes would baker still have?",
    "Context: Each pack of dvds costs 76 dollars. If there is a discount of 25 dollars on each "
    "pack \n\n Question: How much do you have to pay to buy each pack?",
    "Context: Baker sold 8 cakes. If he had made 40 cakes initially \n\n "
    "Question: How many more cakes did baker make than those he sold?",
)
OTHERS = tuple(
    f"Context: A tailor had {n} buttons and lost {n - 20}. \n\n Question: How many are left?"
    for n in range(31, 43)
)


@pytest.fixture
def real(mirror, monkeypatch, tmp_path):
    """The collection with SVAMP, ASDiv and one file of Super-Natural Instructions."""
    here = tmp_path / "mirror"
    (here / "niv2/tasks").mkdir(parents=True)
    for name in ("svamp", "asdiv"):
        (here / name).symlink_to(mirror / name)
    texts = [*OTHERS[:6], *COPIES, *OTHERS[6:9]]
    file = {
        "Definition": ["Subtract."],
        "Instances": [{"input": text, "output": ["1"]} for text in texts],
        "Positive Examples": [{"input": t, "output": "1"} for t in (*OTHERS[9:], COPIES[0])],
    }
    (here / f"niv2/tasks/{TASK}.json").write_text(json.dumps(file), encoding="utf-8")
    monkeypatch.setenv("FLANREPRO_MIRROR", str(here))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path / "cache"))
    whole = load_collection("flan2022")
    task = dataclasses.replace(whole.tasks[TASK])  # without the records of another test
    return dataclasses.replace(whole, tasks={TASK: task})


def test_svamps_items_in_super_natural_instructions_are_counted(real):
    found = table(real.tasks.values(), [real.suites["cot"], real.suites["mmlu"]])
    rows = found[["suite", "evaluated", "tasks", "records", "records_hit", "items"]].values.tolist()
    assert rows == [
        ["cot", "all", "2 of 5", 13, 4, 3084],
        ["cot", "svamp", "", 13, 4, 1000],
    ]


@pytest.mark.parametrize("few_shot", [0.0, 1.0])
def test_they_are_in_no_prompt_of_a_decontaminated_mixture(real, few_shot, tmp_path):
    made = named_mixture("flan2022_decontaminated", real, few_shot_fraction=few_shot)
    assert made.left_out == {TASK: (5, 17)}
    said = "".join(made.mixture[i].inputs for i in range(100))
    assert said.count("tailor") >= 100
    assert not re.search("cakes|dvds|girls", said)
    assert f"  {TASK}: 5 of 17" in made.report()
    assert made.digest != named_mixture("flan2022", real).digest
    kept = list((tmp_path / "cache/kept").iterdir())
    again = named_mixture("flan2022_decontaminated", real, few_shot_fraction=few_shot)
    assert again.left_out == made.left_out
    assert list((tmp_path / "cache/kept").iterdir()) == kept
    assert len(kept) == 2  # its instances and its examples


DIGITS = dict(zip(("one", "two", "three", "four", "five", "six"), "123456", strict=True))


def test_asdivs_items_are_found_as_super_natural_instructions_writes_them(real):
    here = available([real.suites["cot"]])
    task, split = here["cot", "asdiv"]
    texts = []
    for record in task.records(split):
        text = re.sub(r"([.?,'!])(?=\s|$|s\b)", r" \1", record["question"].lower())
        text = re.sub("[a-z]+", lambda word: DIGITS.get(word[0], word[0]), text.replace(",", ""))
        texts.append({"definition": "Add.", "input": text, "answer": record["answer"]})
    hit = positions_hit(items_index(here), map(record_texts, texts))
    assert len(texts) == 2084
    assert len(hit) > 0.99 * len(texts)
