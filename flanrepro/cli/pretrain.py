"""`flanrepro pretrain`: makes the checkpoints that ship, or checks that they can be made again."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flanrepro.errors import InputError


def pretrain(
    collection: Annotated[str, typer.Option("--collection", "-c", help="its texts")] = "pocket",
    model: Annotated[str, typer.Option(help="a size in pretraining.yaml")] = "nano",
    steps: Annotated[
        int, typer.Option(min=0, help="steps of span corruption, then in proportion; 0: as listed")
    ] = 0,
    seed: Annotated[int, typer.Option(help="seed of parameters and data")] = 0,
    out: Annotated[
        str, typer.Option(help="folder of results; empty: FLANREPRO_OUT, else out/")
    ] = "",
    export: Annotated[
        Path | None, typer.Option(help="folder to write weights, loss curve and card to")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="CSV of scores before tuning, for the exported card")
    ] = None,
    stop_at: Annotated[
        int, typer.Option(min=0, help="stop at this step of span corruption; 0: train all")
    ] = 0,
    check: Annotated[
        int, typer.Option(min=0, help="first steps of the shipped checkpoint to repeat and compare")
    ] = 0,
) -> None:
    """Pretrain a model on a collection's texts; a killed run goes on from its last checkpoint."""
    from flanrepro.experiments import pretrain as module
    from flanrepro.experiments.profiles import workspace
    from flanrepro.experiments.store import RunStore

    if check:
        if steps or seed or export or stop_at:
            raise InputError(
                "--check trains what is shipped: leave out --steps, --seed, --export and --stop-at"
            )
        compared = module.check(collection, model, check)
        print(compared)
        sys.exit(0 if compared.same else 1)
    if stop_at and export:
        raise InputError("--export needs whole runs: leave out --stop-at")
    specs = module.pretraining_specs(collection, model, seed=seed, steps=steps)
    store = RunStore(workspace(out) / "runs")
    if stop_at:
        print(module.begin(store, specs[0], stop_at))
        return
    runs = module.pretrain(store, specs)
    for run in runs:
        last = run.metrics().iloc[-1]
        print(f"{run.folder}: {run.spec.label()}, loss {last['loss']:.4f} at step {last['step']:g}")
    if export:
        from flanrepro.experiments.export import export as write

        print(f"{export}: {write(runs, export, scores).name}")
