"""The pocket collection: its tasks, their words, the lengths of its prompts, the same bytes."""

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from flanrepro.collection import Task, render
from flanrepro.collection.named import named_mixture
from flanrepro.collection.suites import HELD_IN, suite_prompts
from flanrepro.collection.templates import by_direction, load_wordings
from flanrepro.data.vocabulary import SPACE, load_vocabulary
from flanrepro.sources import load_collection
from flanrepro.sources.pocket.lexicon import check_words
from flanrepro.sources.pocket.text import Documents
from flanrepro.sources.pocket.world import ATTRIBUTES, KNOWN, fact

POCKET = load_collection("pocket")
FLAN2022 = load_collection("flan2022")
SUITES = {name: suite.tasks for name, suite in POCKET.suites.items()}
EVERY_TASK = POCKET.every_task

# Records change with their source, on purpose or not: who changes them puts the new digest here.
DIGESTS = {
    "cot": "048bdf1e479f849a",
    "dialog": "5b3d658c409615e6",
    "documents": "2a2bb50d75c24c2c",
    "evaluation": "026bf34c55e1d5cd",
    "facts": "a55e87b1379a2fd3",
    "flan2021": "206ff8e68f1525b6",
    "niv2": "6e8224594180ea3f",
    "program_synthesis": "b86ed7e537bd66e6",
    "t0_sf": "8e583c83c9885d04",
}


# --- tasks ---


def test_it_has_as_many_tasks_as_the_papers_mixture_in_its_six_sources():
    per_source = Counter(task.source for task in POCKET.tasks.values())
    assert len(POCKET.tasks) >= 1836
    assert set(per_source) == {"flan2021", "t0_sf", "niv2", "cot", "dialog", "program_synthesis"}
    assert per_source["t0_sf"] >= 193
    assert (per_source["niv2"], per_source["flan2021"], per_source["cot"]) == (1560, 63, 9)


def test_suites_are_the_papers_and_those_of_the_conditions():
    assert {name: len(tasks) for name, tasks in SUITES.items()} == {
        "held_in": 8,
        "cot": 5,
        "mmlu": 57,
        "bbh": 23,
        "bbh_cot": 23,
        "single_task": 5,
        "completion": 57,
        "inverse": 57,
        "operations": 100,
        "new_operations": 100,
        "by_example": 50,
    }
    for name in ("held_in", "cot", "mmlu"):
        twins = {task.name for task in FLAN2022.suites[name].tasks}
        assert {task.name for task in SUITES[name]} == twins
    assert tuple(task.name for task in SUITES["held_in"]) == HELD_IN


def test_every_task_is_found_by_its_own_name():
    own = {task.name: task for tasks in SUITES.values() for task in tasks}
    for name, task in (own | dict(POCKET.other) | dict(POCKET.tasks)).items():
        assert EVERY_TASK[name] is task or EVERY_TASK[name] == task
    assert not set(POCKET.other) & set(POCKET.tasks)


def test_what_is_held_out_is_trained_nowhere():
    for name in ("mmlu", "bbh", "bbh_cot", "completion", "inverse", "new_operations"):
        assert not {task.name for task in SUITES[name]} & set(POCKET.tasks)
        assert {task.source for task in SUITES[name]} == {"evaluation"}
    trained = {task.templates for task in POCKET.tasks.values()}
    held_out = ("mmlu", "bbh", "bbh_cot", "single_task")
    assert not trained & {task.templates for name in held_out for task in SUITES[name]}


# --- records ---


@pytest.mark.slow
def test_no_record_is_in_two_splits_or_twice_in_one():
    for task in EVERY_TASK.values():
        records = [tuple(r.items()) for split in task.splits for r in task.records(split)]
        assert len(set(records)) == len(records) == sum(task.splits.values()), task.name


@pytest.mark.slow
def test_the_answer_is_among_the_options_once():
    for task in EVERY_TASK.values():
        for record in (r for split in task.splits for r in task.records(split)):
            if "options" in record:
                options = record["options"].split("\n")
                assert len(set(options)) == len(options) > 1, (task.name, record)
                if options.count(record["answer"]) != 1:  # answered in a sentence
                    assert sum(record["answer"].endswith(f" {one}") for one in options) == 1, record


def test_of_the_cot_suite_svamp_and_asdiv_are_not_trained():
    trained = {
        tuple(record.items())
        for task in POCKET.tasks.values()
        if task.source == "cot"
        for record in task.records("train")
    }
    for task in SUITES["cot"]:
        assert not {tuple(record.items()) for record in task.records("validation")} & trained
        assert task.name not in ("svamp", "asdiv") or "train" not in task.splits


def test_both_forms_of_a_problem_ask_the_same_records():
    for direct, cot in zip(SUITES["bbh"], SUITES["bbh_cot"], strict=True):
        assert cot.name == direct.name.replace("bbh_", "bbh_cot_")
        assert cot.templates != direct.templates
        assert cot.records("validation") == direct.records("validation")


def digests() -> dict[str, str]:
    """Of the records of every source, of all facts, and of the first 2,000 pretraining texts."""
    rows = defaultdict(hashlib.sha256)
    for name, task in sorted(EVERY_TASK.items()):
        for split in task.splits:
            row = json.dumps([name, split, [dict(record) for record in task.records(split)]])
            rows[task.source].update(row.encode())
    facts = [[name, thing, fact(name, thing)] for name in ATTRIBUTES for thing in KNOWN]
    rows["facts"].update(json.dumps(facts).encode())
    texts = Documents()
    said = [texts[i] for i in range(2000)] + [Documents(0, 0)[i] for i in range(200)]
    rows["documents"].update(json.dumps(said).encode())
    return {name: row.hexdigest()[:16] for name, row in sorted(rows.items())}


@pytest.mark.slow
def test_records_facts_and_texts_are_the_same_bytes_on_every_machine():
    assert digests() == DIGESTS


PRINT_DIGESTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from test_pocket import digests
print(json.dumps(digests()))
"""


@pytest.mark.slow
def test_another_process_with_other_hashes_makes_the_same():
    result = subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert json.loads(result.stdout) == DIGESTS


# --- wordings and words ---


def test_templates_are_ten_for_each_setting_and_at_most_three_are_inverted():
    for name in sorted({t.templates for t in POCKET.tasks.values() if t.source == "flan2021"}):
        wordings = load_wordings(name)
        assert (len(wordings.templates), len(wordings.few_shot)) == (10, 10), name
        for entries in wordings:
            regular, inverted = by_direction(entries)
            assert len(inverted) <= 3 and not regular[0].inverted
            patterns = [template.instruction + template.inputs for template in regular]
            assert len({*patterns}) > len(patterns) - 2, name


@pytest.mark.parametrize("source", ["cot", "dialog", "program_synthesis"])
def test_sources_that_are_inverted_at_a_rate_have_both_directions(source):
    for task in POCKET.tasks.values():
        if task.source == source:
            assert all(by_direction(load_wordings(task.templates).templates)), task.name


@pytest.mark.slow
def test_every_word_is_in_the_lexicon():
    for task in EVERY_TASK.values():
        records = (record for split in task.splits for record in task.records(split))
        check_words(itertools.chain.from_iterable(r.values() for r in records), task.name)
        check_words(prompts(task), task.name)


def prompts(task: Task) -> Iterator[str]:
    """A prompt of every template of both lists, each of another record of the first split."""
    split = next(iter(task.splits))
    for i, template in enumerate(itertools.chain(*load_wordings(task.templates))):
        prompt = render(task, i % task.size(split), split=split, template=template)
        yield f"{prompt.inputs}{template.answer}{prompt.targets}"


def texts() -> Iterator[str]:
    """Prompts of every task, items of every suite, prompts of a mixture and pretraining texts."""
    for task in EVERY_TASK.values():
        yield from prompts(task)
    for suite in POCKET.suites.values():
        shots = min(suite.protocol.shots, 2)
        for prompt in suite_prompts(suite, shots, 2):
            yield f"{prompt.inputs} {prompt.targets}"
    mixture = named_mixture("flan2022", POCKET).mixture
    for prompt in (mixture[i] for i in range(0, 1_000_000, 100)):
        yield f"{prompt.inputs} {prompt.targets}"
    documents = Documents()
    yield from (documents[i] for i in range(2000))


@pytest.mark.slow
def test_every_word_and_sign_is_one_piece_of_the_vocabulary():
    vocabulary = load_vocabulary("pocket")
    pieces = vocabulary._pieces
    chunks = {chunk for text in texts() for chunk in text.lower().split()}
    assert len(chunks) > 1000
    for chunk in sorted(chunks):
        # A sign before a word, as in `-cat`, is a word of its own: spaces do not count.
        said = [pieces.id_to_piece(i).lstrip(SPACE) for i in vocabulary.encode(chunk)]
        assert said == re.findall(r"[^\W_]+|[\W_]", chunk)


# --- lengths ---


def lengths(number: int = 20_000) -> tuple[list[int], list[int]]:
    """Numbers of tokens, EOS included, of inputs and targets of prompts of `flan2022`, sorted."""
    vocabulary, mixture = load_vocabulary("pocket"), named_mixture("flan2022", POCKET).mixture
    drawn = [mixture[i] for i in range(0, 50 * number, 50)]
    sides = ([prompt.inputs for prompt in drawn], [prompt.targets for prompt in drawn])
    return tuple(sorted(len(ids) + 1 for ids in vocabulary.encode_batch(side)) for side in sides)


@pytest.mark.slow
def test_prompts_of_the_whole_mixture_fit_a_small_models_lengths():
    inputs, targets = lengths()
    too_long = sum(n > 256 for n in inputs) + sum(n > 64 for n in targets)
    assert too_long < 0.01 * len(inputs)
