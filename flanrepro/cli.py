"""The command line: `flanrepro COMMAND`, see `flanrepro --help`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli_cache import cache
from flanrepro.cli_evaluate import convert, evaluate
from flanrepro.cli_pretrain import pretrain
from flanrepro.cli_report import figures, scorecard, trace
from flanrepro.errors import InputError

app = typer.Typer(
    help="Reproduces The Flan Collection (2023) and FLAN (2021).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CollectionName = Annotated[
    str, typer.Option("--collection", "-c", help="pocket (embedded) or flan2022 (real data)")
]


@app.command()
def run(
    notebook: Annotated[Path, typer.Argument(help="e.g. notebooks/02_mixed_prompts.ipynb")],
    profile: Annotated[
        str, typer.Option(help="how much to spend; empty: as the notebook says")
    ] = "",
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="-p NAME VALUE, any number of")
    ] = None,
    help_notebook: Annotated[
        bool, typer.Option(help="list the notebook's parameters and stop")
    ] = False,
) -> None:
    """Execute a notebook; an unknown parameter or value is an error that lists the valid ones."""
    from flanrepro.experiments import notebook as runner

    if help_notebook:
        for name, row in runner.notebook_parameters(notebook).items():
            print(f"{name}: {row['inferred_type_name']} = {row['default']}  {row['help']}")
        return
    given = dict(map(_pair, parameters or []))
    if profile:
        given["profile"] = profile
    print(runner.timed_run(notebook, given))


@app.command()
def reproduce(
    profile: Annotated[
        str, typer.Option(help="how much to spend: smoke, quick, full, paper")
    ] = "quick",
    seeds: Annotated[int, typer.Option(min=0, help="runs per setting; 0: the profile's")] = 0,
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="-p NAME VALUE, of all notebooks")
    ] = None,
    notebooks: Annotated[Path, typer.Option(help="their folder")] = Path("notebooks"),
) -> None:
    """Run the paper's notebooks, 00 to 06 and 09, into the folder `reproduced`.

    The figures that ship stay as they are; `-p out FOLDER` names another folder. It says first how
    long it takes; a failed notebook stops no other.
    """
    from flanrepro.experiments import reproduce as runner

    given = {"profile": profile} | ({"seeds": str(seeds)} if seeds else {})
    for line in runner.reproduce(given | dict(map(_pair, parameters or [])), notebooks):
        print(line, flush=True)


app.command()(pretrain)
app.command()(evaluate)
app.command()(convert)
app.command()(cache)
app.command()(scorecard)
app.command()(figures)
app.command()(trace)


@app.command()
def tasks(
    collection: Annotated[
        str, typer.Option("--collection", "-c", help="empty: pocket, and with --source all")
    ] = "",
    source: Annotated[str, typer.Option(help="only this source's, e.g. cot; empty: all")] = "",
    here: Annotated[bool, typer.Option(help="only those whose records are at hand")] = False,
) -> None:
    """List a collection's tasks: source, cluster, records per split, suites."""
    from flanrepro.collection import load_collection

    names = [collection or "pocket"] if collection or not source else ["pocket", "flan2022"]
    loaded = [load_collection(name) for name in names]
    sources = sorted({task.source for one in loaded for task in one.every_task.values()})
    if source and source not in sources:
        raise InputError(f"unknown source '{source}': choose one of {', '.join(sources)}")
    print(f"{'task':36} {'source':17} {'cluster':22} {'trained':8} {'suites':10} records")
    for one in loaded:
        _print_tasks(one, source, here)


def _print_tasks(collection, source: str, here: bool) -> None:
    suites: dict[str, list[str]] = {}
    for suite in collection.suites.values():
        for task in suite.tasks:
            suites.setdefault(task.name, []).append(suite.name)
    for name, task in collection.every_task.items():
        if (source and task.source != source) or (here and all(map(task.missing, task.splits))):
            continue
        trained = "yes" if name in collection.tasks else "no"
        splits = ", ".join(f"{split} {n:,}" if n else split for split, n in task.splits.items())
        named = " ".join(suites.get(name, ["-"]))
        print(f"{name:36} {task.source:17} {task.cluster:22} {trained:8} {named:10} {splits}")


@app.command()
def show(
    task: Annotated[str, typer.Argument(help="a task's name, see `flanrepro tasks`")],
    setting: Annotated[str, typer.Option(help="zero_shot or few_shot")] = "zero_shot",
    index: Annotated[int, typer.Option(min=0, help="the first of the task's prompts to show")] = 0,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="how many prompts")] = 1,
    seed: Annotated[int, typer.Option(help="of the stream of prompts")] = 0,
    options: Annotated[bool, typer.Option(help="with the answer options")] = True,
    inversion_rate: Annotated[
        float, typer.Option(help="inverted prompts per regular one; negative: as templates come")
    ] = 0.0,
    collection: CollectionName = "pocket",
) -> None:
    """Print training prompts of a task as the model sees them, with their provenance."""
    from flanrepro.collection import Mixture

    if setting not in ("zero_shot", "few_shot"):
        raise InputError(f"unknown setting '{setting}': choose zero_shot or few_shot")
    loaded = _with_task(collection, task)
    if "train" not in loaded.task(task).splits:
        _print_evaluated(loaded.task(task), setting, index, number, options)
        return
    mixture = Mixture(
        (loaded.task(task),),
        seed=seed,
        few_shot_fraction=float(setting == "few_shot"),
        options_fraction=float(options),
        inversion_rate=None if inversion_rate < 0 else inversion_rate,
        varied=loaded.varied,
    )
    for i in range(index, index + number):
        _print_prompt(mixture[i])


def _with_task(collection: str, task: str):
    """The collection, or the real one where only that has the task."""
    from flanrepro.collection import load_collection

    loaded = load_collection(collection)
    if collection == "pocket" and task not in loaded.every_task:
        real = load_collection("flan2022")
        return real if task in real.every_task else loaded
    return loaded


def _print_evaluated(task, setting: str, index: int, number: int, options: bool) -> None:
    """Prompts of a task that is never trained on, as suites ask them."""
    from flanrepro.collection import rng
    from flanrepro.collection.formats import plain
    from flanrepro.collection.prompt import exemplar_candidates, render

    names = [name for name in ("validation", "test", *task.splits) if name in task.splits]
    split = next((name for name in names if not task.missing(name)), names[0])
    if index >= task.size(split):
        raise InputError(
            f"task '{task.name}' has {task.size(split)} records in its split '{split}', counted "
            f"from 0: there is no index {index}"
        )
    for i in range(index, min(index + number, task.size(split))):
        few_shot = setting == "few_shot"
        candidates = exemplar_candidates(task, rng.mix(i)) if few_shot else ()
        form = plain("prompt" if options else "nowhere")
        shots = 3 if few_shot else None
        _print_prompt(render(task, i, split=split, format=form, exemplars=candidates, shots=shots))


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


@app.command()
def mixture(
    name: Annotated[str, typer.Argument(help="e.g. flan2022; a wrong one lists all")],
    table: Annotated[bool, typer.Option(help="a line per task")] = False,
    collection: CollectionName = "flan2022",
    seed: Annotated[int, typer.Option(help="of the stream and of the subset")] = 0,
    subset: Annotated[
        int, typer.Option(min=0, help="so many tasks, Held-In ones first; 0: all")
    ] = 0,
    few_shot_fraction: Annotated[
        float, typer.Option(help="share of few-shot prompts; negative: the mixture's")
    ] = -1.0,
    csv: Annotated[Path | None, typer.Option(help="write the table there as CSV")] = None,
) -> None:
    """Print a mixture's sources: rates, tasks at hand, what is missing; with --table its tasks."""
    from flanrepro.collection import load_collection
    from flanrepro.collection.named import named_mixture

    made = named_mixture(
        name,
        load_collection(collection),
        seed=seed,
        subset=subset or None,
        few_shot_fraction=None if few_shot_fraction < 0 else few_shot_fraction,
    )
    frame = made.table()
    if csv:
        try:
            csv.parent.mkdir(parents=True, exist_ok=True)
            frame.to_csv(csv, index=False)
        except OSError as error:
            raise InputError(
                f"cannot write the table to {csv} ({error.strerror}): give the path of a file in a "
                f"folder that can be written"
            ) from None
    if table:
        print(frame.to_string(index=False, float_format=lambda x: f"{x:.4f}"))
    totals = frame.groupby("source").agg(
        tasks=("task", "size"),
        examples=("examples", "sum"),
        rate=("rate", "sum"),
        share=("share", "sum"),
    )
    print(totals.to_string(float_format=lambda x: f"{x:.3f}"))
    print("rate, share: per cent as stated of what is here, and of the first million draws")
    if made.report():
        print(made.report(), file=sys.stderr)


data = typer.Typer(help="The data: fetch it from the Hub, verify it, see what is here.")
app.add_typer(data, name="data", no_args_is_help=True)


@data.command()
def status(
    collection: CollectionName = "flan2022",
    source: Annotated[str, typer.Option(help="only this source's; empty: all")] = "",
    missing: Annotated[
        bool, typer.Option(help="a sentence for each split that is missing")
    ] = False,
) -> None:
    """Say per source how many tasks' splits are at hand, and where they are from."""
    from flanrepro.data.status import status_lines

    print("\n".join(status_lines(collection, source, missing)))


@data.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="tasks or sources, e.g. cot bool_q")],
    split: Annotated[str, typer.Option(help="only this split; empty: all")] = "",
    collection: CollectionName = "flan2022",
) -> None:
    """Bring tasks' records into the cache; says what could not be had, and goes on."""
    from flanrepro.data.status import fetch_tasks

    if fetch_tasks(collection, names, split):
        sys.exit(1)


@data.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="tasks or sources; none: all")] = None,
    collection: CollectionName = "flan2022",
) -> None:
    """Read all records at hand, check files against their checksums, fill every template."""
    from flanrepro.data.status import verify_tasks

    if verify_tasks(collection, names or []):
        sys.exit(1)


@data.command()
def cards(
    folder: Annotated[Path, typer.Argument(help="e.g. data_cards")],
    measure: Annotated[
        bool, typer.Option(help="measure contamination anew, of the data at hand")
    ] = False,
) -> None:
    """Write the data cards anew from the data sets' descriptions."""
    from flanrepro.collection import cards as module

    if measure:
        module.measure(folder)
    module.write(folder)


@app.command()
def vocabulary(
    path: Annotated[Path, typer.Argument(help="the SentencePiece model to write")],
    size: Annotated[int, typer.Option(min=1, help="pieces at most")] = 4096,
    model_type: Annotated[
        str, typer.Option(help="unigram, as T5's, bpe, or words (of a collection that is made up)")
    ] = "unigram",
    collection: CollectionName = "pocket",
) -> None:
    """Train a vocabulary from a collection's text."""
    from flanrepro.collection import load_collection
    from flanrepro.data.vocabulary import (
        Vocabulary,
        all_words,
        collection_text,
        train_vocabulary,
        write_word_vocabulary,
    )

    loaded = load_collection(collection)
    if model_type == "words":
        write_word_vocabulary(all_words(loaded), path)
    elif model_type in ("unigram", "bpe"):
        train_vocabulary(collection_text(loaded), path, size, model_type)
    else:
        raise InputError(f"unknown model type '{model_type}': choose unigram, bpe or words")
    print(f"{path}: {Vocabulary(path).size} ids with sentinels and padding")


@app.command()
def doctor() -> None:
    """Print versions, devices, memory, folders and the mirror; says what is missing."""
    from flanrepro.doctor import report

    print(report())


def main() -> None:
    """Bad input ends in its one sentence, without a traceback, and exit status 2."""
    try:
        app(args=join_pairs(sys.argv[1:]))
    except InputError as error:
        print(f"flanrepro: {error}", file=sys.stderr)
        sys.exit(2)


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise InputError(f"parameter '{name}' has no value: write -p {name} VALUE")
    return name, value


def join_pairs(args: list[str]) -> list[str]:
    """`-p NAME VALUE`, as papermill writes it, to `-p NAME=VALUE`, which one option can take."""
    joined, rest = [], iter(args)
    for arg in rest:
        joined.append(arg)
        if arg in ("-p", "--parameter"):
            name = next(rest, None)
            if name is not None and "=" not in name:
                value = next(rest, None)
                if value is None:
                    raise InputError(f"parameter '{name}' has no value: write -p {name} VALUE")
                name = f"{name}={value}"
            joined += [name] if name is not None else []
    return joined
