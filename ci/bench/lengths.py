"""What becomes of `flan2022`'s prompts at a run's lengths, beside cutting them at their end."""

import dataclasses
from collections import Counter

import pandas as pd
from tqdm import tqdm

MIXTURE = "flan2022"
SETTINGS = {"few_shot": 1.0, "zero_shot": 0.0}
"""Share of few-shot prompts by setting."""


def table(vocabularies: list[str], lengths: list[int], draws: int, bar: str = "") -> pd.DataFrame:
    """Counts of the mixture's first draws in each setting, of the tasks that are available.

    Targets have a quarter of the inputs' length. Cut at their end, `cut` prompts would lose some of
    their question first: `part` would show a part of it, `nothing` none. Here they are `shortened`
    (they lost `exemplars` in all), `truncated` in their record, or left out, since inputs
    (`left_out`) or targets (`long_targets`, in both ways) are too long; `without_question` are read
    without their whole question.

    Args:
        vocabularies: names for `flanrepro.data.vocabulary.load_vocabulary`.
        lengths: numbers of input tokens.
        draws: number of prompts per setting.
        bar: name of a progress bar; empty: none.
    """
    from flanrepro.collection.named import named_mixture
    from flanrepro.collection.task import by_name
    from flanrepro.data.vocabulary import load_vocabulary
    from flanrepro.sources import load_collection

    collection, loaded = load_collection(MIXTURE), {n: load_vocabulary(n) for n in vocabularies}
    rows = []
    for setting, share in SETTINGS.items():
        mixture = named_mixture(MIXTURE, collection, few_shot_fraction=share).mixture
        tasks = by_name(mixture.tasks)
        counts = {(name, length): Counter() for name in loaded for length in sorted(lengths)}
        for i in tqdm(range(draws), desc=f"{bar} {setting}", disable=not bar):
            prompt = mixture[i]
            for name, vocabulary in loaded.items():
                for length in sorted(lengths):
                    found = _fate(prompt, tasks[prompt.task], vocabulary, length)
                    counts[name, length].update(found)
                    if not found:  # what fits fits longer lengths, too
                        break
        for (name, length), counted in counts.items():
            said = {"vocabulary": name, "inputs": length, "setting": setting, "draws": draws}
            rows.append(said | {column: counted[column] for column in COLUMNS})
    return pd.DataFrame(rows)


COLUMNS = (
    *("long_targets", "cut", "part", "nothing"),
    *("shortened", "exemplars", "truncated", "left_out", "without_question"),
)


def _fate(prompt, task, vocabulary, length: int) -> dict[str, int]:
    """What one prompt adds to the counts of `COLUMNS`."""
    from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED
    from flanrepro.data.fit import fit

    found = fit(prompt, task, vocabulary, length, length // 4)
    if found.fate == KEPT:
        return {}
    if found.tokens[1] > length // 4:
        return {"long_targets": 1}
    counts = {"cut": 1, **_cut_at_its_end(prompt, task, vocabulary, length)}
    if found.fate == DROPPED:
        return counts | {"left_out": 1}
    if found.fate == TRUNCATED:
        return counts | {"truncated": 1}
    whole = found.prompt.inputs.endswith(question(prompt, task))
    lost = {"shortened": 1, "exemplars": found.fate - DROPPED}
    return counts | lost | {"without_question": int(not whole)}


def _cut_at_its_end(prompt, task, vocabulary, length: int) -> dict[str, int]:
    """How much of a few-shot prompt's question its first tokens show."""
    if not prompt.exemplars:
        return {}
    before = prompt.inputs.removesuffix(question(prompt, task))
    shown = len(vocabulary.encode(before)) < length - 1
    return {"part" if shown else "nothing": 1}


def question(prompt, task) -> str:
    """A few-shot prompt's end: its record as it is asked about, with the cue for the answer."""
    from flanrepro.collection.prompt import again

    template, record = prompt.asked.template, task.records(prompt.split)[prompt.record]
    bare = dataclasses.replace(template, instruction="")
    asked = dataclasses.replace(prompt, asked=prompt.asked._replace(template=bare))
    return again(task, asked, shots=0, record=record).inputs + template.answer.rstrip()
