"""The command line: `flanrepro run`, `tasks`, `show`, `vocabulary`, `doctor`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

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
    given = dict(pair.split("=", 1) for pair in parameters or [])
    if profile:
        given["profile"] = profile
    print(runner.timed_run(notebook, given))


@app.command()
def tasks(collection: CollectionName = "pocket") -> None:
    """List a collection's tasks: source, cluster, records per split, suites."""
    from flanrepro.collection import load_collection

    loaded = load_collection(collection)
    suites: dict[str, list[str]] = {}
    for suite in loaded.suites.values():
        for task in suite.tasks:
            suites.setdefault(task.name, []).append(suite.name)
    everything = {task.name: task for s in loaded.suites.values() for task in s.tasks}
    everything = dict(loaded.tasks) | everything
    print(f"{'task':20} {'source':12} {'cluster':22} {'trained':8} {'suites':10} records")
    for name, task in everything.items():
        trained = "yes" if name in loaded.tasks else "no"
        splits = ", ".join(f"{split} {n:,}" for split, n in task.splits.items())
        named = " ".join(suites.get(name, ["-"]))
        print(f"{name:20} {task.source:12} {task.cluster:22} {trained:8} {named:10} {splits}")


@app.command()
def show(
    task: Annotated[str, typer.Argument(help="a task's name, see `flanrepro tasks`")],
    setting: Annotated[str, typer.Option(help="zero_shot or few_shot")] = "zero_shot",
    index: Annotated[int, typer.Option(help="which of the task's prompts, from 0")] = 0,
    options: Annotated[bool, typer.Option(help="with the answer options")] = True,
    collection: CollectionName = "pocket",
) -> None:
    """Print a training prompt of a task as the model sees it, with its provenance."""
    from flanrepro.collection import Mixture, load_collection

    if setting not in ("zero_shot", "few_shot"):
        raise InputError(f"unknown setting '{setting}': choose zero_shot or few_shot")
    prompt = Mixture(
        (load_collection(collection).task(task),),
        few_shot_fraction=float(setting == "few_shot"),
        options_fraction=float(options),
    )[index]
    exemplars = ", ".join(map(str, prompt.exemplars)) or "none"
    print(f"# task {task}, template {prompt.template}, {prompt.split} record {prompt.record},")
    print(f"# exemplars {exemplars}\n\n{prompt.inputs}\n\n# target\n\n{prompt.targets}")


@app.command()
def vocabulary(
    path: Annotated[Path, typer.Argument(help="the SentencePiece model to write")],
    size: Annotated[int, typer.Option(help="pieces at most")] = 4096,
    model_type: Annotated[str, typer.Option(help="unigram, as T5's, or bpe")] = "unigram",
    collection: CollectionName = "pocket",
) -> None:
    """Train a vocabulary from a collection's text."""
    from flanrepro.collection import load_collection
    from flanrepro.data.vocabulary import Vocabulary, collection_text, train_vocabulary

    if model_type not in ("unigram", "bpe"):
        raise InputError(f"unknown model type '{model_type}': choose unigram or bpe")
    train_vocabulary(collection_text(load_collection(collection)), path, size, model_type)
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
