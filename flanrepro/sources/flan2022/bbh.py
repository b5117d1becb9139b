"""BIG-Bench Hard (Suzgun et al., 2022): evaluated and never trained on.

Few-shot exemplars are the three worked examples of each chain-of-thought prompt. BBH's 23 tasks
(A.3), two of them in three sizes, are 27 files: here a file is a task, and a task of BBH a cluster.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanrepro.collection.task import Record, Suite, Task, protocol
from flanrepro.errors import InputError
from flanrepro.raw.dataset import Dataset
from flanrepro.raw.fields import at, objects
from flanrepro.raw.reader import tasks_of
from flanrepro.raw.reading import read_json_object, read_text

Row = tuple[str, Mapping[str, Any]]

BBH = {
    "boolean_expressions": 250,
    "causal_judgement": 187,
    "date_understanding": 250,
    "disambiguation_qa": 250,
    "dyck_languages": 250,
    "formal_fallacies": 250,
    "geometric_shapes": 250,
    "hyperbaton": 250,
    "logical_deduction_five_objects": 250,
    "logical_deduction_seven_objects": 250,
    "logical_deduction_three_objects": 250,
    "movie_recommendation": 250,
    "multistep_arithmetic_two": 250,
    "navigate": 250,
    "object_counting": 250,
    "penguins_in_a_table": 146,
    "reasoning_about_colored_objects": 250,
    "ruin_names": 250,
    "salient_translation_error_detection": 250,
    "snarks": 178,
    "sports_understanding": 250,
    "temporal_sequences": 250,
    "tracking_shuffled_objects_five_objects": 250,
    "tracking_shuffled_objects_seven_objects": 250,
    "tracking_shuffled_objects_three_objects": 250,
    "web_of_lies": 250,
    "word_sorting": 250,
}
"""Number of examples by file."""

WORDS = (
    "boolean_expressions",
    "causal_judgement",
    "dyck_languages",
    "formal_fallacies",
    "navigate",
    "sports_understanding",
    "web_of_lies",
    "word_sorting",
)
NUMBERS = ("multistep_arithmetic_two", "object_counting")
"""Files whose answers are words, brackets or numbers; the others' are letters."""

UNLISTED = {
    "boolean_expressions": ("True", "False"),
    "sports_understanding": ("yes", "no"),
    "web_of_lies": ("Yes", "No"),
}
"""Options by file, where the questions do not list them."""


def suites() -> tuple[Suite, Suite]:
    """Makes the suite `bbh`, and `bbh_cot`: the same examples with chain of thought."""
    in_steps = tuple(map(_in_steps, tasks()))
    return (
        Suite("bbh", tasks(), "test", protocol("flan2022", "bbh")),
        Suite("bbh_cot", in_steps, "test", protocol("flan2022", "bbh_cot")),
    )


def _in_steps(direct: Task) -> Task:
    name = direct.name.replace("bbh_", "bbh_cot_", 1)
    return dataclasses.replace(direct, name=name, templates="bbh_cot")


@functools.cache
def tasks() -> tuple[Task, ...]:
    """Makes a task per file, 27 in all; no data is read."""
    return tasks_of([_hard(*row) for row in BBH.items()], "evaluation", __name__)


def _hard(name: str, rows: int) -> Dataset:
    prompt = f"bbh/cot-prompts/{name}.txt"
    return Dataset(
        name=f"bbh_{name}",
        card="bbh",
        cluster=re.sub(r"_(three|five|seven)_objects$", "", name),  # sizes weigh as one task
        templates="bbh",
        answer="text" if name in WORDS else "number" if name in NUMBERS else "option",
        licence="MIT",
        citation="Suzgun et al., 2022",
        splits={"test": {"rows": rows}, "exemplars": {"rows": 3}},  # in files alone: no Hub
        # Both files make an example: only the prompt describes the task.
        files={
            "test": {f"bbh/bbh/{name}.json {prompt}": "bbh"},
            "exemplars": {prompt: "bbh_prompt"},
        },
        convert="bbh",
        notes="The files hold a canary: this text must not be trained on.",
    )


def examples(path: Path, prompt: Path) -> Iterator[Row]:
    """Yields (where, row) of a task's examples, described as in its prompt; InputError if bad."""
    description, _ = _prompt(prompt)
    file = read_json_object(path, ("examples",))
    with at(str(path)):
        rows = objects(file, "examples")
    for n, row in enumerate(rows, 1):
        where = f"{path}, example {n}"
        if not isinstance(row.get("target", ""), (str, int)):
            raise InputError(f"{where}: expected an input and a target; mend or replace the file")
        yield where, {**row, "description": description, "file": path.stem}


def worked_examples(path: Path) -> Iterator[Row]:
    """Yields (where, row) of a prompt file's worked examples; InputError if one has no answer."""
    description, examples = _prompt(path)
    for n, (question, reasoning) in enumerate(examples, 1):
        rationale, *answers = reasoning.split("So the answer is ")
        if len(answers) != 1:
            raise InputError(
                f"{path}, example {n}: 'So the answer is' is there {len(answers)} times, expected "
                f"once; replace the file"
            )
        yield (
            f"{path}, example {n}",
            {
                "input": question,
                "target": answers[0].strip().removesuffix("."),  # as the examples' targets are
                "rationale": rationale,
                "description": description,
                "file": path.stem,
            },
        )


def _prompt(path: Path) -> tuple[str, list[tuple[str, str]]]:
    # The file is a canary, a line of dashes, the description, then Q and A three times.
    _, *texts = read_text(path).replace("\r\n", "\n").split("-----\n")
    description, *parts = texts[0].split("\n\nQ: ") if texts else [""]
    examples = [tuple(part.split("\nA: Let's think step by step.")) for part in parts]
    whole = all(len(example) == 2 and example[1] for example in examples)
    whole = whole and "Let's think step by step" not in description
    if len(texts) != 1 or not examples or not whole:
        raise InputError(
            f"{path}: expected a line of dashes, a description and worked examples, 'Q: ...' and "
            f"'A: Let's think step by step. ...'; replace the file"
        )
    return description.strip(), examples


def bbh(row: Mapping[str, Any]) -> list[Record]:
    """Makes the record of a row; only a prompt's worked examples have a rationale."""
    question, answer = row["input"].strip(), str(row["target"]).strip()
    record = {
        "description": row["description"],
        "question": question,
        # The space around it differs between files and stays: the prompts are used as published.
        "rationale": row.get("rationale", ""),
        "answer": answer,
    }
    lettered, listed = _options(question)
    listed = UNLISTED.get(row["file"]) or listed
    # Three published targets are none of the options: they cannot be ranked, only decoded. A
    # worked example's answer is always one.
    if record["rationale"] and (listed or lettered) and answer not in (*listed, *lettered):
        raise InputError("the answer is none of the options; mend the file or replace it")
    if answer in listed:
        record["options"] = "\n".join(listed)
    elif answer in lettered:
        record["choices"] = "\n".join(lettered.values())
    return [record]


def _options(question: str) -> tuple[dict[str, str], list[str]]:
    """Returns what a question lists: lines `(A) a dog` by `(A)`, and the texts behind dashes."""
    _, *blocks = question.split("Options:\n")
    if len(blocks) > 1:
        raise InputError("the question has the line 'Options:' twice; mend the file or replace it")
    lines = blocks[0].split("\n") if blocks else []
    lettered = {line[:3]: line for line in lines if re.match(r"\([A-Z]\) ", line)}
    return lettered, [line[2:].strip() for line in lines if line.startswith("- ")]


PARSERS = {"bbh": examples, "bbh_prompt": worked_examples}
CONVERTERS = {"bbh": bbh}
