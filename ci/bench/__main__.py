"""How quick flanrepro is on this machine: `python -m ci.bench train`, `data`, `eval`, `cache`,
`notebooks`; and, by arithmetic, what the paper's runs `cost` on accelerators.

Each prints a table and writes it to figures/bench/ as CSV.
"""

import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

OUT = Path(__file__).resolve().parent.parent / "figures" / "bench"

app = typer.Typer(add_completion=False, help=__doc__)


def environment(device: str | None = None) -> dict[str, str | int]:
    """What a measured number depends on; without a device it is JAX's first one."""
    packages = {}
    for name in ("jax", "flax", "optax", "torch", "transformers"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    if device is None:
        import jax

        device = jax.devices()[0].device_kind
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = {"machine": platform.machine(), "python": platform.python_version(), "cores": cores}
    return packages | system | {"device": device}


def show(table: pd.DataFrame, where: dict, decimals: int = 2) -> None:
    """Prints a table, and below it what its numbers depend on."""
    form = f"{{:,.{decimals}f}}".format
    print(table.to_string(index=False, float_format=form, na_rep=""))
    print(", ".join(f"{name} {value}" for name, value in where.items()))


@app.command()
def train(
    model: Annotated[str, typer.Option(help="sizes of flanrepro.model.sizes")] = "nano,micro,small",
    optimizer: Annotated[
        str, typer.Option(help="adamw: against Hugging Face; adafactor: against T5X")
    ] = "adamw,adafactor",
    rows: Annotated[int, typer.Option(help="packed rows per step")] = 16,
    inputs_length: Annotated[int, typer.Option(help="of a row, in tokens")] = 256,
    targets_length: Annotated[int, typer.Option(help="of a row, in tokens")] = 64,
    dtype: Annotated[str, typer.Option(help="of activations: float32 or bfloat16")] = "float32",
    remat: Annotated[bool, typer.Option(help="ours computes activations again")] = False,
    data: Annotated[
        str, typer.Option(help="pocket, synthetic, or a run's folder with packed files")
    ] = "pocket",
    rounds: Annotated[int, typer.Option(help="turns of each engine")] = 7,
    seconds: Annotated[float, typer.Option(help="per turn, about; one step at least")] = 4.0,
    batches: Annotated[int, typer.Option(help="different batches, prepared beforehand")] = 32,
    hugging_face: Annotated[bool, typer.Option(help="compare with transformers' T5")] = True,
    t5x: Annotated[bool, typer.Option(help="compare with T5X")] = True,
    out: Annotated[Path, typer.Option(help="folder of the files")] = OUT,
) -> None:
    """Useful tokens/s (no padding) of the train step: ours, Hugging Face's and T5X's in turn."""
    from ci.bench import rows
    from ci.bench import train

    packed = rows.packed_rows(data, batches, rows, inputs_length, targets_length)
    wanted = [name for name, yes in (("hugging_face", hugging_face), ("t5x", t5x)) if yes]
    options = {"dtype": dtype, "remat": remat}
    measuring = train.compare(
        model.split(","), optimizer.split(","), wanted, packed, options, rounds, seconds
    )
    out.mkdir(parents=True, exist_ok=True)
    for table, measured, facts in measuring:  # a run that is stopped keeps the models before
        where = facts | environment(facts["device"])
        told = {"data": data} | rows.shape(packed[0][0]) | options
        measured.to_csv(out / "train_rounds.csv", index=False, float_format="%.4f")
        table.assign(**told, **where).to_csv(out / "train.csv", index=False, float_format="%.4f")
        show(table, told | where)
        if find_spec("matplotlib"):  # a borrowed machine may have none: `draw` reads train.csv
            draw(out)


@app.command()
def draw(out: Annotated[Path, typer.Option(help="folder of train.csv")] = OUT) -> None:
    """train.png and train.svg from train.csv alone."""
    from ci.bench import draw

    print(*draw.draw(out), sep="\n")


@app.command()
def data(out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT) -> None:
    """Import time, mixture[i], and GSM8K examples/s against the reference implementation's."""
    from ci.bench import data

    table = data.data()
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "data.csv", index=False)
    print(table.to_string(index=False, float_format="{:,.2f}".format))


@app.command()
def cache(out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT) -> None:
    """Examples/s that one core renders and reads of a cache and of packed files."""
    from ci.bench import cache

    table = cache.table()
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "cache.csv", index=False)
    show(table, environment())


@app.command()
def many(
    model: Annotated[str, typer.Option(help="sizes of flanrepro.model.sizes")] = "nano,micro",
    at_once: Annotated[str, typer.Option(help="numbers of runs")] = "1,2,4,8,16",
    data: Annotated[str, typer.Option(help="pocket or synthetic")] = "pocket",
    rounds: Annotated[int, typer.Option(help="turns of each number")] = 5,
    seconds: Annotated[float, typer.Option(help="per turn, about; one step at least")] = 2.0,
    out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT,
) -> None:
    """Steps/s of several small runs at once (vmap), in turn."""
    from ci.bench import many

    numbers = [int(n) for n in at_once.split(",")]
    table = many.table(model.split(","), numbers, data, rounds, seconds)
    out.mkdir(parents=True, exist_ok=True)
    where = environment()
    table.assign(data=data, **where).to_csv(out / "many.csv", index=False, float_format="%.4f")
    show(table, where)


@app.command()
def cost(out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT) -> None:
    """FLOPs, device hours and dollars of the paper's runs: arithmetic, nothing is measured."""
    from ci.bench import cost

    table = cost.table()
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "cost.csv", index=False, float_format="%.6g")
    print(table.to_string(index=False, float_format="{:,.4g}".format, na_rep=""))


@app.command("eval")
def evaluation(
    models: Annotated[str, typer.Option(help="sizes of flanrepro.model.sizes")] = "nano,small",
    items: Annotated[int, typer.Option(help="prompts per suite; larger ones get an eighth")] = 400,
    rounds: Annotated[int, typer.Option(help="turns of each engine")] = 5,
    real: Annotated[bool, typer.Option(help="MMLU itself, five-shot, too")] = False,
    harness: Annotated[bool, typer.Option(help="compare with lm-evaluation-harness")] = True,
    out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT,
) -> None:
    """Prompts/s of rank scoring and of decoding, ours and lm-evaluation-harness's in turn."""
    from ci.bench import eval

    where = environment() | ({"lm_eval": version("lm_eval")} if harness else {})
    with tempfile.TemporaryDirectory() as folder:
        table = eval.table(models.split(","), items, rounds, real, harness, Path(folder))
    out.mkdir(parents=True, exist_ok=True)
    table.assign(**where).to_csv(out / "eval.csv", index=False)
    show(table, where)


@app.command()
def notebooks(
    paths: Annotated[list[Path] | None, typer.Argument(help="none: all that there are")] = None,
    out: Annotated[Path, typer.Option(help="folder of the CSV file")] = OUT,
) -> None:
    """Seconds per notebook at smoke, each with nothing trained: nothing compiled, then all."""
    from ci.bench import notebooks

    where = environment()
    every = sorted((notebooks.ROOT / "notebooks").glob("*.ipynb"))
    table = notebooks.table(paths or every)
    out.mkdir(parents=True, exist_ok=True)
    table.assign(**where).to_csv(out / "notebooks.csv", index=False)
    show(table, where, decimals=1)


if __name__ == "__main__":
    app()
