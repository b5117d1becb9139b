"""Scores other people's published outputs, and sets the figures beside theirs.

    python -m ci.published FOLDER

FOLDER holds clones of public repositories, and those that it has are scored:

- `BIG-Bench-Hard` (github.com/suzgunmirac): Codex on 27 tasks, direct and with chain of thought;
- `grade-school-math` (github.com/openai): four models on GSM8K, each answer with its label;
- `zero_shot_cot` (github.com/kojima-takeshi188): logs of zero-shot chain of thought;
- `OpenQA-eval` (github.com/ehsk): models on NQ-open.

An item differs where it is right for one of us and wrong for the other.
"""

import json
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from flanrepro.evaluation.extraction import read_answer
from flanrepro.markdown import table
from flanrepro.sources.flan2022 import bbh


class Scored(NamedTuple):
    """A published output: text, accepted answers, the answer's kind, and if it was scored right."""

    prediction: str
    references: list[str]
    kind: str
    right: bool


Outputs = Iterator[tuple[str, float, list[Scored]]]
"""Sets with their name, the published accuracy in per cent, and their items."""


def codex(folder: Path) -> Outputs:
    """Suzgun et al., 2022: exact match of what follows the last `the answer is`."""
    kinds = {task.name.removeprefix("bbh_"): task.answer for task in bbh.tasks()}
    for path in sorted(folder.glob("code-davinci-002-outputs/*/*_few_shot_template_0-255000.json")):
        name = path.name.split("_few_shot")[0]
        metrics = json.loads(path.with_name(f"{path.stem}_eval_metrics.jsonl").read_text("utf-8"))
        items = []
        for row in json.loads(path.read_text("utf-8"))["outputs"]:
            said = row["prediction"].split("the answer is ")[-1].strip()
            # A direct answer has no final stop; a chain of thought ends with one.
            said = said.removesuffix(".") if path.parent.name.endswith("cot") else said
            right = said == row["target"]
            items.append(Scored(row["prediction"], [row["target"]], kinds[name], right))
        yield f"{path.parent.name.rpartition('-')[2]} {name}", metrics["accuracy"], items


def gsm8k(folder: Path) -> Outputs:
    """Cobbe et al., 2021: every solution has the label `is_correct`."""
    path = folder / "grade_school_math/data/example_model_solutions.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for model in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"):
        items = [
            Scored(
                row[model]["solution"], [row["ground_truth"]], "number", row[model]["is_correct"]
            )
            for row in rows
        ]
        yield model, 100 * sum(item.right for item in items) / len(items), items


_KINDS = {"strategyqa": "text", "coin_flip": "text", "last_letters": "text"} | dict.fromkeys(
    ("aqua", "commonsensqa", "date_understanding", "shuffled_objects"), "option"
)
_ITEM = re.compile(r"pred_before : .*?\npred_after : (.*?)\n.*?GT : (.*?)\n\*{25}", re.DOTALL)


def kojima(folder: Path) -> Outputs:
    """Kojima et al., 2022: the first letter, number, yes or no behind the trigger's sentence."""
    for path in sorted(folder.glob("log/*_zero_shot_cot.log")):
        name, text = path.stem.removesuffix("_zero_shot_cot"), path.read_text("utf-8")
        items, start = [], 0
        for found in _ITEM.finditer(text):
            shown = text[start : found.start()]
            said = shown[shown.index("\nA:", shown.index("\nQ: ")) + 3 :].strip()
            kind = _KINDS.get(name, "number")
            items.append(Scored(said, [found[2]], kind, found[1] == found[2]))
            start = found.end()
        yield name, float(re.findall(r"accuracy : (.*)", text)[-1]), items


def nq_open(folder: Path) -> Outputs:
    """Kamalloo et al., 2023: exact match with any answer, after SQuAD's normalisation."""

    def normal(text: str) -> str:
        plain = text.lower().translate(str.maketrans("", "", string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())

    for path in sorted(folder.glob("data/model_outputs/*.jsonl")):
        items = []
        for row in map(json.loads, path.read_text("utf-8").splitlines()):
            said = row["prediction"]
            said = said[0] if isinstance(said, list) else said  # 16 lists, in one file
            right = normal(said) in map(normal, row["answer"])
            items.append(Scored(said, row["answer"], "span", right))
        yield path.stem, 100 * sum(item.right for item in items) / len(items), items


REPOSITORIES = {
    "BIG-Bench-Hard": codex,
    "grade-school-math": gsm8k,
    "zero_shot_cot": kojima,
    "OpenQA-eval": nq_open,
}


def compare(folder: Path) -> pd.DataFrame:
    """Gives a row per set: items, published and own accuracy, and the items that differ."""
    rows = []
    for repository, read in REPOSITORIES.items():
        for name, published, items in read(folder / repository):
            own = [read_answer(item.prediction, item.references, item.kind)[1] for item in items]
            pairs = list(zip(own, (item.right for item in items), strict=True))
            counts = {"only_ours": (True, False), "only_theirs": (False, True)}
            rows.append(
                {"outputs": repository, "set": name, "items": len(items), "published": published}
                | {"ours": 100 * sum(own) / len(own)}
                | {column: pairs.count(pair) for column, pair in counts.items()}
            )
    return pd.DataFrame(rows)


PAGE = """# Published outputs, scored here

Accuracies in per cent of outputs that others published, as they scored them and as
`flanrepro.evaluation` does. `python -m ci.published FOLDER` writes this page; its docstring says
where the outputs come from, and they are no part of this project.

BIG-Bench Hard, GSM8K and NQ-open are met to the last digit, item by item. Kojima et al. take the
first number, letter, yes or no behind their trigger, and so count `A, B, C, D, or E.` for A, read
`96 / 2 = 48` as 96, and compare `12.30` with `12.3` as texts. Here several options are no answer,
and an equation's answer is its result: that is where the items differ.

{rows}

{sets} sets, {items:,} items; {differ} differ, all of them of Kojima et al.
"""


def page(found: pd.DataFrame) -> str:
    rows = found.assign(
        **{name: found[name].map("{:.4f}".format) for name in ("published", "ours")}
    ).astype(str)
    differ = found["only_ours"] + found["only_theirs"]
    if (others := found[(differ > 0) & (found["outputs"] != "zero_shot_cot")]).size:
        raise SystemExit(f"other figures than the published ones:\n{others}")
    return PAGE.format(
        rows=table(list(rows), rows.to_numpy().tolist()),
        sets=len(found),
        items=found["items"].sum(),
        differ=differ.sum(),
    )


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        raise SystemExit(__doc__)
    print(page(compare(Path(sys.argv[1]))), end="")
