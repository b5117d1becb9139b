"""The command line: `flanrepro COMMAND`, see `flanrepro --help`; a module per command."""

import typer

from flanrepro.cli import challenge, data, notebooks, pocket, predictions
from flanrepro.cli.ask import ask
from flanrepro.cli.cache import cache
from flanrepro.cli.convert import convert
from flanrepro.cli.doctor import doctor
from flanrepro.cli.evaluate import evaluate
from flanrepro.cli.figures import figures
from flanrepro.cli.mixture import mixture
from flanrepro.cli.pretrain import pretrain
from flanrepro.cli.report import report
from flanrepro.cli.reproduce import reproduce
from flanrepro.cli.run import run
from flanrepro.cli.scorecard import scorecard
from flanrepro.cli.show import show
from flanrepro.cli.tasks import tasks
from flanrepro.cli.trace import trace
from flanrepro.cli.vocabulary import vocabulary

app = typer.Typer(
    help="Reproduces The Flan Collection (2023) and FLAN (2021).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    run, reproduce, figures, scorecard, report, trace,  # the paper's notebooks and their results
    tasks, show, mixture, cache, vocabulary,  # data
    ask, pretrain, evaluate, convert,  # models
    doctor,
)  # fmt: skip
for function in COMMANDS:
    app.command()(function)
app.add_typer(challenge.app, name="challenge", no_args_is_help=True)
app.add_typer(data.app, name="data", no_args_is_help=True)
app.add_typer(notebooks.app, name="notebooks", no_args_is_help=True)
app.add_typer(pocket.app, name="pocket", no_args_is_help=True)
app.add_typer(predictions.app, name="predictions", no_args_is_help=True)
