"""`flanrepro show`: prints a task's prompts as the model sees them."""

import sys
from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName
from flanrepro.errors import InputError


def show(
    task: Annotated[str, typer.Argument(help="a task's name, see `flanrepro tasks`")],
    setting: Annotated[str, typer.Option(help="zero_shot or few_shot")] = "zero_shot",
    index: Annotated[int, typer.Option(min=0, help="index of the first prompt to show")] = 0,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="number of prompts")] = 1,
    seed: Annotated[int, typer.Option(help="seed of the stream of prompts")] = 0,
    options: Annotated[bool, typer.Option(help="show the answer options")] = True,
    inversion_rate: Annotated[
        float, typer.Option(help="inverted prompts per regular one; negative: any template")
    ] = 0.0,
    collection: CollectionName = "pocket",
    inputs_length: Annotated[
        int, typer.Option(min=0, help="most input tokens, as in a run; 0: no limit")
    ] = 0,
    targets_length: Annotated[
        int, typer.Option(min=0, help="most target tokens, as in a run; 0: no limit")
    ] = 0,
    vocabulary: Annotated[
        str, typer.Option(help="vocabulary that they are of; empty: the collection's")
    ] = "",
    split: Annotated[
        str, typer.Option(help="prompts of this split, as suites ask them, e.g. validation")
    ] = "",
    templates: Annotated[
        int, typer.Option(min=0, help="number of the task's first templates; 0: all")
    ] = 0,
    instructions: Annotated[
        str, typer.Option(help="none: no template; name: the data set's name; empty: templates")
    ] = "",
) -> None:
    """Print training prompts of a task as the model sees them, with their provenance.

    The wordings of pocket and flan2022 are this project's own; flan2022_rendered has those of the
    Flan Collection's authors, and P3's tasks (t0_sf) have P3's own within ours.
    """
    from flanrepro.collection import Mixture

    if setting not in ("zero_shot", "few_shot"):
        raise InputError(f"unknown setting '{setting}': choose zero_shot or few_shot")
    loaded = _with_task(collection, task)
    if split or "train" not in loaded.task(task).splits:
        _print_evaluated(loaded.task(task), split, setting, index, number, options, instructions)
        return
    mixture = Mixture(
        (loaded.task(task),),
        seed=seed,
        few_shot_fraction=float(setting == "few_shot"),
        options_fraction=float(options),
        inversion_rate=None if inversion_rate < 0 else inversion_rate,
        way=loaded.way,
        templates=templates or None,
        instructions=instructions,
    )
    if not (inputs_length or targets_length):
        for i in range(index, index + number):
            _print_prompt(mixture[i])
        return
    examples = _examples(mixture, vocabulary or loaded.vocabulary, inputs_length, targets_length)
    for i in range(index, index + number):
        _print_fitted(examples.fitted(i), len(mixture[i].exemplars))


def _examples(mixture, vocabulary: str, inputs_length: int, targets_length: int):
    """The mixture's prompts at a run's lengths; 0: no limit."""
    from flanrepro.data.examples import Encode, EncodedPrompts
    from flanrepro.data.vocabulary import load_vocabulary

    most = sys.maxsize
    encode = Encode(load_vocabulary(vocabulary), inputs_length or most, targets_length or most)
    return EncodedPrompts(mixture, encode)


def _print_fitted(fitted, exemplars: int) -> None:
    """Prints what a run reads of a prompt that had that number of exemplars."""
    from flanrepro.data.fates import DROPPED, KEPT, TRUNCATED

    had = "it has {} input and {} target tokens".format(*fitted.tokens)
    kept = f"its first {len(fitted.prompt.exemplars)} of {exemplars} exemplars are kept"
    said = {KEPT: "whole", TRUNCATED: "its record is cut", DROPPED: "a run leaves it out"}
    print(f"# {had}: {said.get(fitted.fate, kept)}")
    _print_prompt(fitted.prompt)


def _with_task(collection: str, task: str):
    """The collection, or `flan2022` if only that has the task."""
    from flanrepro.sources import load_collection

    loaded = load_collection(collection)
    if collection == "pocket" and task not in loaded.every_task:
        real = load_collection("flan2022")
        return real if task in real.every_task else loaded
    return loaded


def _print_evaluated(
    task, split: str, setting: str, index: int, number: int, options: bool, instructions: str
) -> None:
    """Prints prompts of a split, as suites ask them; empty: the first that is available."""
    from flanrepro.collection import rng
    from flanrepro.collection.formats import plain
    from flanrepro.collection.instructions import templates_of
    from flanrepro.collection.prompt import exemplar_candidates, render

    names = [name for name in ("validation", "test", *task.splits) if name in task.splits]
    split = split or next((name for name in names if not task.missing(name)), names[0])
    if index >= task.size(split):
        raise InputError(
            f"task '{task.name}' has {task.size(split)} records in its split '{split}', counted "
            f"from 0: there is no index {index}"
        )
    for i in range(index, min(index + number, task.size(split))):
        few_shot = setting == "few_shot"
        own = i if split == task.exemplar_split else None
        candidates = exemplar_candidates(task, rng.mix(i), own) if few_shot else ()
        form = plain("prompt" if options else "nowhere")
        shots = 3 if few_shot else None  # the middle of the 2, 3 or 5 of training
        how = {"format": form, "exemplars": candidates, "shots": shots}
        template = templates_of(task, instructions)[0]
        _print_prompt(render(task, i, split=split, template=template, **how))


def _print_prompt(prompt) -> None:
    exemplars = ", ".join(map(str, prompt.exemplars)) or "none"
    form = prompt.format
    turned = ", inverted" if prompt.inverted else ""
    print(
        f"# task {prompt.task} ({prompt.source}), template {prompt.template}{turned}, "
        f"{prompt.split} record {prompt.record},\n"
        f"# exemplars {exemplars}, layout {form.layout.name}, options {form.options} as "
        f"{form.option_style.name}, target as {form.target}\n\n"
        f"{prompt.inputs}\n\n# target\n\n{prompt.targets}\n"
    )
