"""Counts what the reference's templates and ours have in common: `python -m ci.structure`.

    python -m ci.structure --reference FOLDER --draws 100000 --write

FOLDER is a clone of github.com/google-research/FLAN at commit e9e4ec6; without it the reference's
column is the committed one. `--draws` counts prompts of `flan2022` on the available data as well.
`--write` writes ci/STRUCTURE.md. `ci/structure.csv` holds the figures, and those of version 2 of
the prompts, which were counted with the same functions on commit b735b2c.
"""

import csv
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer

from flanrepro.collection import Prompt, formats
from flanrepro.collection.templates import load_wordings, template_files
from flanrepro.markdown import table

HERE = Path(__file__).parent
FIELDS = ("what", "reference", "before", "now")
OPTIONS = re.compile(r"\{options(_|_str)?\}")
CHAIN = re.compile(r"\{(chain_of_thought|rationale)\}")
TRIGGER = re.compile(r"let'?s think step by step", re.IGNORECASE)
STEPS = re.compile(r"step[- ]by[- ]step", re.IGNORECASE)
ANSWERS = {
    *("answer", "highlights", "summary", "target", "sent2", "numbered_answers", "subject"),
    *("critic_consensus", "claim", "output"),
}
"""Names of the fields that the data sets of FLAN 2021 ask for, there and here."""


class Wording(NamedTuple):
    """A template: its two patterns, if it is turned around, and if it may stand beside others."""

    inputs: str
    targets: str
    inverted: bool
    mixed: bool = True


Files = dict[str, tuple[list[Wording], list[Wording]]]
"""Zero-shot and few-shot templates, by the names that our files have."""


def ours() -> Files:
    """Our template files."""
    return {
        name: tuple(
            [
                Wording(
                    t.instruction + t.exemplar + t.inputs,
                    t.targets,
                    t.inverted,
                    t.mixed and not t.shots,
                )
                for t in part
            ]
            for part in load_wordings(name)
        )
        for name in template_files()
    }


def reference(folder: Path) -> Files:
    """The reference's templates."""
    sys.path.insert(0, str(folder))
    from flan.v2 import flan_templates_branched, templates

    def read(key: str) -> tuple[list[Wording], list[Wording]]:
        zero = [Wording(one[0], one[1], _turned(one[1])) for one in templates.PATTERNS[key]]
        few = [
            Wording(t.inputs, t.targets, _turned(t.targets), t.in_template_mix)
            for t in templates.FEWSHOT_PATTERNS.get(key, ())
        ]
        return zero, few

    keys = [*flan_templates_branched.PATTERNS, "lambada", "unified_qa_science_inst"]
    files = {f"flan2021/{key}": read(key) for key in keys if key != "wsc273"}
    of_cot = [key for key in templates.PATTERNS if re.fullmatch(r"(cot|stream)_[a-z0-9]+", key)]
    files |= {f"cot/{key.partition('_')[2]}": read(key) for key in of_cot}
    files["cot/inverted"] = read("cot_input_inversion_gsm8k")
    for kind in ("question_answer", "multiple_choice", "multiple_choice_separated_options"):
        files[f"t0_sf/{kind}"] = read(f"t0_{kind}")
    inline = [Wording(one[0], one[1], False) for one in templates.INLINE_FS_PATTERNS["natinst_v2"]]
    zero, few = read("natinst_v2")
    files["niv2"] = (zero, [*inline, *few])
    return files


def _turned(target: str) -> bool:
    named = set(re.findall(r"\{(\w+)\}", target))
    return not named & ANSWERS or bool(named - ANSWERS - {"chain_of_thought"})


def _of(files: Files, folder: str) -> list[tuple[list[Wording], list[Wording]]]:
    return [parts for name, parts in files.items() if name.startswith(folder)]


def _share(part: Sequence[Wording], of: Callable[[Wording], bool]) -> str:
    return f"{100 * sum(map(of, part)) / len(part):.0f} %" if part else "none"


def _before(wording: Wording) -> bool:
    """True if the options stand before a field of the record."""
    found = OPTIONS.search(wording.inputs)
    return bool(found) and bool(re.search(r"\{\w+\}", wording.inputs[found.end() :]))


def _direction(wording: Wording) -> tuple[frozenset[str], ...]:
    names = {"chain_of_thought": "explanation", "rationale": "explanation", "asked": "question"}
    return tuple(
        frozenset(names.get(name, name) for name in re.findall(r"\{(\w+)\}", text))
        for text in (wording.inputs, wording.targets)
    )


def _other_end(wording: Wording) -> bool:
    return "answer is" not in wording.targets.lower()


def counted(files: Files) -> dict[str, str]:
    """The table's figures that follow from files, by row."""
    flan = _of(files, "flan2021/")
    zero, few = ([w for parts in flan for w in parts[i]] for i in (0, 1))
    listing = [w for w in (*zero, *few) if OPTIONS.search(w.inputs)]
    of_cot = [name for name in files if name.startswith("cot/") and name != "cot/inverted"]
    chains = [[w for name in of_cot for w in files[name][i] if not w.inverted] for i in (0, 1)]
    ending = [w for part in chains for w in part if CHAIN.search(w.targets)]
    asked = [w.inputs + w.targets for w in chains[0]]
    said = {"`step by step`": STEPS, "BBH-CoT's trigger": TRIGGER}
    figure7 = files.get("cot/inverted", ((), ()))
    t0 = {f"{len(p[0])} and {len(p[1])}" for p in _of(files, "t0_sf/")}
    niv2 = files["niv2"][1]
    explained = sum("explanation" in w.inputs for w in niv2)
    return {
        "FLAN 2021: files": f"{len(flan)}",
        "FLAN 2021: zero-shot and few-shot templates": f"{len(zero)} and {len(few)}",
        "turned around, of zero-shot templates": _share(zero, lambda w: w.inverted),
        "turned around, of few-shot templates": _share(few, lambda w: w.inverted),
        "files of which no zero-shot template is": str(
            sum(not any(w.inverted for w in parts[0]) for parts in flan)
        ),
        "few-shot templates that may stand beside others": _share(few, lambda w: w.mixed),
        "options before the rest, of the templates with options": _share(listing, _before),
        "T0-SF: zero-shot and few-shot templates of a kind": " or ".join(sorted(t0)),
        "NIv2: few-shot templates, and those with an explanation": f"{len(niv2)} and {explained}",
        "chain of thought: data sets with templates of their own": f"{len(of_cot)}",
        'chains that end in other words than "answer is"': _share(ending, _other_end),
        **{
            f"zero-shot templates that say {name}": f"{sum(map(bool, map(pattern.search, asked)))} "
            f"of {len(asked)}"
            for name, pattern in said.items()
        },
        "Figure 7: zero-shot and few-shot templates": " and ".join(str(len(p)) for p in figure7),
        "Figure 7: directions": f"{len(set(map(_direction, figure7[0])))}",
    }


def drawn(draws: int) -> dict[str, str]:
    """The table's figures that follow from prompts of `flan2022` on what is available."""
    import pandas as pd
    from tqdm import trange

    from flanrepro.collection.named import named_mixture
    from flanrepro.sources import load_collection

    mixture = named_mixture("flan2022", load_collection("flan2022")).mixture
    kept = pd.DataFrame(_kept(mixture[i]) for i in trange(draws, smoothing=0))
    zero, few = kept[kept["setting"] == "zero_shot"], kept[kept["setting"] == "few_shot"]
    flan_zero, flan_few = (part[part["source"] == "flan2021"] for part in (zero, few))
    weights = np.asarray(mixture.weights)
    bias = mixture.counts / mixture.counts.sum() / (weights / weights.sum()) - 1
    shares = {
        "FLAN 2021, zero-shot prompts turned around": flan_zero["inverted"],
        "FLAN 2021, few-shot prompts turned around": flan_few["inverted"],
        "FLAN 2021, few-shot prompts with options in several templates": flan_few["mixed"][
            flan_few["asked"] == "prompt"
        ],
        "NIv2, few-shot prompts with an explanation": few["explained"][few["source"] == "niv2"],
        "zero-shot prompts with options that ask for a label": (
            zero[zero["options"] == "prompt"]["target"] == "label"
        ),
    }
    return {what: f"{100 * column.mean():.1f} %" for what, column in shares.items()} | {
        "FLAN 2021, exemplars of prompts in one template, mean": format(
            flan_few[~flan_few["mixed"]]["shots"].mean(), ".2f"
        ),
        "tasks' shares, off by": f"{100 * bias.min():+.1f} to {100 * bias.max():+.1f} %",
    }


def _kept(prompt: Prompt) -> dict[str, str | int | bool]:
    return {
        "source": prompt.source,
        "setting": prompt.setting,
        "inverted": prompt.inverted,
        "options": prompt.format.options,
        "target": prompt.format.target,
        "shots": len(prompt.exemplars),
        "asked": prompt.asked.format.options,
        "mixed": bool(prompt.asked.beside),
        "explained": bool(prompt.asked.template.exemplar),
    }


def grammars() -> dict[str, str]:
    """The numbers of different headings, marks and ends of our lists of options and dialogs."""
    every = {
        "lists of options": map(formats.option_style, range(formats.number_of_option_styles())),
        "dialogs as text": map(formats.turn_style, range(formats.number_of_turn_styles())),
    }
    counts = {}
    for what, styles in every.items():
        parts = [re.fullmatch("(.*?) ?/(.*)/ ?(.*)", style.name).groups() for style in styles]
        each = [str(len(set(part))) for part in zip(*parts, strict=True)]
        counts[f"{what}: headings, marks, ends"] = ", ".join(each)
    return counts


def main(
    reference_folder: Annotated[Path | None, typer.Option("--reference")] = None,
    draws: Annotated[int, typer.Option(min=0)] = 0,
    write: bool = False,
) -> None:
    """Count, print, and write the page if asked to."""
    with (HERE / "structure.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["what"]: row for row in csv.DictReader(file)}
    there = counted(reference(reference_folder)) if reference_folder else {}
    now = counted(ours()) | grammars() | (drawn(draws) if draws else {})
    for what, value in now.items():
        row = rows.setdefault(what, dict.fromkeys(FIELDS, "") | {"what": what})
        row |= {"now": value} | ({"reference": there[what]} if what in there else {})
    titles = ("", "reference", "before (version 2)", "now (version 3)")
    page = table(titles, [tuple(row[name] for name in FIELDS) for row in rows.values()])
    print(page)
    if write:
        with (HERE / "structure.csv").open("w", encoding="utf-8", newline="") as file:
            made = csv.DictWriter(file, FIELDS, lineterminator="\n")
            made.writeheader()
            made.writerows(rows.values())
        (HERE / "STRUCTURE.md").write_text(HEAD.format(table=page), encoding="utf-8")


HEAD = """# Structure of the prompts: the reference, before, now

Counted from template files, and from 100,000 prompts of `flan2022` on the data sets of a mirror, by
`python -m ci.structure` (its docstring says how). The reference is google-research/FLAN, flan/v2,
at commit e9e4ec6; wordings are our own. `flanrepro/collection/formats.yaml` and `mixtures.yaml`
list what the paper and its code say differently, with the choice.

Shares of templates are of all files; shares of prompts are of the tasks that the mirror had, and of
their sizes: sentiment and ARC, which the reference turns around most, are among the larger ones.
Lists of options whose options are as short as labels have none.

{table}
"""

if __name__ == "__main__":
    typer.run(main)
