"""`flanrepro challenge`: mixtures of a class, trained at one budget, on hidden records."""

from pathlib import Path
from typing import Annotated

import typer

from flanrepro.cli.said import say
from flanrepro.errors import InputError

app = typer.Typer()


@app.callback()
def challenge() -> None:
    """Compare mixtures at a fixed budget of prompts, on records that a secret seed draws."""


Board = Annotated[Path, typer.Option(help="CSV that gets one line per entry; made if missing")]
Secret = Annotated[
    int, typer.Option(min=0, help="seed of the hidden records; small ones can be guessed")
]
Out = Annotated[str, typer.Option(help="folder for `runs/`; empty: the project's")]


@app.command()
def run(
    entry: Annotated[Path, typer.Argument(help="YAML file, see docs/teaching.md")],
    secret: Secret,
    leaderboard: Board = Path("board.csv"),
    profile: Annotated[str, typer.Option(help="quick; smoke to try the command")] = "quick",
    out: Out = "",
) -> None:
    """Train an entry, evaluate it on the hidden records, and add its line to the leaderboard."""
    from flanrepro.experiments import challenge as module
    from flanrepro.experiments.profiles import Job

    read = module.read_entry(entry, profile)
    module.read_board(leaderboard)  # before minutes of training
    line = module.run_entry(read, Job(profile=profile, model="nano", seeds=1, out=out), secret)
    rows = module.append_line(leaderboard, line)
    print(*(f"{name}: {line[name]}" for name in list(line)[1:-1]), sep="\n")
    say("pocket")
    print(f"{line['name']} is number {rows.index(line) + 1} of {len(rows)} in {leaderboard}")


@app.command()
def check(
    leaderboard: Annotated[Path, typer.Argument(help="CSV that `flanrepro challenge run` wrote")],
    secret: Secret,
    line: Annotated[int, typer.Option(min=0, help="line to run again, from 1; 0: the last")] = 0,
    out: Annotated[
        str, typer.Option(help="folder for `runs/`; empty: a temporary one, so it is trained anew")
    ] = "",
) -> None:
    """Train and evaluate the entry of one line again, and compare the scores."""
    import tempfile

    from flanrepro.experiments import challenge as module
    from flanrepro.experiments.profiles import Job

    rows = module.read_board(leaderboard)
    if not 1 <= (number := line or len(rows)) <= len(rows):
        raise InputError(
            f"{leaderboard} has no line {line}: it has {len(rows)}; name one from 1 on"
        )
    kept = rows[number - 1]
    if kept["secret"] != module.digest_of(secret):
        raise InputError(
            f"{leaderboard}, line {number}, was scored with another secret: give that one"
        )
    with tempfile.TemporaryDirectory() as folder:
        job = Job(profile=kept["profile"], model="nano", seeds=1, out=out or folder)
        again = module.run_entry(module.parse_kept(kept), job, secret)
    different = [name for name in again if again[name] != kept.get(name)]
    if different:
        said = ", ".join(f"{name} {kept.get(name)}, now {again[name]}" for name in different)
        raise InputError(
            f"{leaderboard}, line {number}, does not come out again: {said}; another machine may "
            "differ in the last digits, anything more means that the line or the package changed"
        )
    print(f"line {number}, {kept['name']}: {kept['score']} again, run {kept['run']}")
