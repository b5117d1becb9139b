"""`flanrepro ask`: one question, put to a model before and after tuning."""

from typing import Annotated

import typer

from flanrepro.cli.options import CollectionName
from flanrepro.errors import InputError


def ask(
    question: Annotated[
        str, typer.Argument(help="what the model is to do; \\n stands for a line end")
    ] = "",
    options: Annotated[
        str,
        typer.Option(help='answers to choose from, e.g. "yes|no"; or list them in the question'),
    ] = "",
    task: Annotated[
        str, typer.Option(help="a task's name: its exemplars, or one of its records with --record")
    ] = "",
    record: Annotated[
        int | None, typer.Option(min=0, help="ask this record of the task, counted from 0")
    ] = None,
    shots: Annotated[int, typer.Option(min=0, help="number of the task's exemplars")] = 0,
    template: Annotated[
        str, typer.Option(help="the task's template, by name; empty: the first")
    ] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="whom to ask; may be repeated: pocket-nano, a run id, a folder, "
            "google/flan-t5-small; none: pocket-nano before and after tuning"
        ),
    ] = None,
    collection: CollectionName = "pocket",
    out: Annotated[str, typer.Option(help="folder with runs/; empty: the project's")] = "",
) -> None:
    """Ask a model something, untuned and tuned: the answers, and how likely each option is."""
    from flanrepro.experiments import ask as module
    from flanrepro.experiments.profiles import workspace

    asked = _question(
        question.replace("\\n", "\n"), options, task, record, shots, template, collection
    )
    models = module.models_of(model or module.DEFAULT_MODELS, workspace(out) / "runs")
    if task:
        print(f"{asked.prompt.inputs}\n")
    print(module.printed(module.answers(models, asked), models, asked))


def _question(
    text: str,
    options: str,
    task: str,
    record: int | None,
    shots: int,
    template: str,
    collection: str,
):
    """The question that the command's parameters describe."""
    from flanrepro.collection import question
    from flanrepro.experiments.scores import suite_of
    from flanrepro.sources import load_collection

    listed = options.split("|") if options else []
    if not task:
        if record is not None or shots or template:
            raise InputError(
                "--record, --shots and --template are a task's: name one with --task, see "
                "`flanrepro tasks`"
            )
        return question.typed(text, listed)
    loaded = load_collection(collection)
    suite = suite_of(loaded, loaded.task(task).name)
    if record is None:
        return question.typed_after_exemplars(suite, text, shots, listed, template)
    if text or options:
        raise InputError(
            f"record {record} of task '{task}' is the question: leave the text and --options out, "
            "or leave --record out"
        )
    return question.of_record(suite, record, shots, template)
