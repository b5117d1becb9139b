"""Measures how quick flanrepro is on this machine: `python -m ci.bench train`, `variants`,
`profile`, `decode`, `data`, `eval`, `cold`, `cache`, `lengths`, `many`, `notebooks`, `reproduce`,
and all of them in one table, `speed`; counts in XLA's programs the `roofline` of a step and the
`collectives` of 64 devices; and computes what the paper's figures `cost` on accelerators, which
devices a size `fits`, and the runs, steps and prompts that profiles `plan`.

Each part prints a table and writes it to figures/bench/ as CSV.
"""

import compileall
import functools
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ci.bench.common import OUT, ROOT, environment, tell

app = typer.Typer(add_completion=False, help=__doc__)


@app.callback()
def as_installed() -> None:
    """Compiles flanrepro's modules, which each process would do where Python keeps no bytecode."""
    compileall.compile_dir(ROOT / "flanrepro", quiet=1)


Out = Annotated[Path, typer.Option(help="folder of the files")]
Sizes = Annotated[str, typer.Option(help="sizes of flanrepro.model.sizes")]
Rounds = Annotated[int, typer.Option(help="turns of each engine")]
Seconds = Annotated[float, typer.Option(help="length of a turn, about; one step at least")]
Length = Annotated[int, typer.Option(help="tokens of a row")]


@app.command()
def train(
    model: Annotated[
        str,
        typer.Option(help="sizes; nano,lm-nano: encoder-decoder and decoder-only in turn"),
    ] = "nano,micro,small",
    optimizer: Annotated[
        str, typer.Option(help="adamw: against Hugging Face; adafactor: against T5X")
    ] = "adamw,adafactor",
    rows: Annotated[int, typer.Option(help="packed rows per step")] = 16,
    inputs_length: Length = 256,
    targets_length: Length = 64,
    dtype: Annotated[str, typer.Option(help="activations' type: float32 or bfloat16")] = "float32",
    remat: Annotated[bool, typer.Option(help="ours computes activations again")] = False,
    data: Annotated[
        str, typer.Option(help="pocket, synthetic, or a run's folder with packed files")
    ] = "pocket",
    rounds: Rounds = 7,
    seconds: Seconds = 4.0,
    batches: Annotated[int, typer.Option(help="different batches, prepared beforehand")] = 32,
    hugging_face: Annotated[
        bool, typer.Option(help="compare with transformers' T5 or Llama")
    ] = True,
    t5x: Annotated[bool, typer.Option(help="compare with T5X")] = True,
    out: Out = OUT,
) -> None:
    """Measure useful tokens/s (no padding) of the train step: ours, Hugging Face's, T5X's."""
    from ci.bench import train_step
    from ci.bench.rows import packed_rows

    lengths = rows, inputs_length, targets_length
    packed = functools.cache(functools.partial(packed_rows, data, batches, *lengths))
    wanted = [name for name, yes in (("hugging_face", hugging_face), ("t5x", t5x)) if yes]
    options = {"dtype": dtype, "remat": remat}
    told = {"data": data} | options
    measuring = train_step.compare(
        model.split(","), optimizer.split(","), wanted, packed, options, rounds, seconds
    )
    for table, measured, facts in measuring:  # a run that is stopped keeps the models before
        where = told | facts | environment(facts["device"])
        tell(table, out / "train.csv", where, digits="%.4f")
        measured.to_csv(out / "train_rounds.csv", index=False, float_format="%.4f")
        if find_spec("matplotlib"):  # a borrowed machine may have none: `draw` reads train.csv
            draw(out)


@app.command()
def variants(
    model: Sizes = "nano",
    variant: Annotated[str, typer.Option(help="of ci.bench.variants; empty: all")] = "",
    optimizer: Annotated[str, typer.Option(help="adamw, adafactor or muon")] = "adafactor",
    rows: Annotated[int, typer.Option(help="packed rows per step")] = 8,
    inputs_length: Length = 256,
    targets_length: Length = 64,
    dtype: Annotated[str, typer.Option(help="activations' type: float32 or bfloat16")] = "float32",
    remat: Annotated[bool, typer.Option(help="computes activations again")] = False,
    data: Annotated[str, typer.Option(help="pocket or synthetic")] = "synthetic",
    batches: Annotated[int, typer.Option(help="different batches, prepared beforehand")] = 8,
    seconds: Seconds = 2.0,
    minutes: Annotated[float, typer.Option(help="begin no variant after these")] = 60.0,
    out: Out = OUT,
) -> None:
    """Measure the forms of a train step's parts that this device has, and choose by size."""
    from ci.bench import variants as module
    from ci.bench.rows import packed_rows

    packed = functools.cache(
        functools.partial(packed_rows, data, batches, rows, inputs_length, targets_length)
    )
    names = variant.split(",") if variant else [*module.VARIANTS]
    options = {"dtype": dtype, "optimizer": optimizer, "remat": remat}
    sizes = model.split(",")
    for table, facts in module.measure(sizes, names, packed, options, seconds, minutes):
        where = {"data": data} | environment(facts["device"])
        tell(table, out / "variants.csv", where, digits="%.6g")
    print("\nlines for flanrepro/model/kernels.csv:", module.kept(table, where), sep="\n")


@app.command()
def decode(
    model: Sizes = "nano",
    dtype: Annotated[str, typer.Option(help="activations' type: float32 or bfloat16")] = "float32",
    rows: Annotated[int, typer.Option(help="prompts at once")] = 8,
    inputs_length: Length = 64,
    targets_length: Length = 16,
    rounds: Rounds = 3,
    out: Out = OUT,
) -> None:
    """Measure tokens/s of greedy decoding, of random prompts by random parameters."""
    from ci.bench import decoding

    lengths = rows, inputs_length, targets_length
    table = decoding.table(model.split(","), dtype, *lengths, rounds)
    tell(table, out / "decode.csv", environment())


@app.command()
def draw(out: Out = OUT) -> None:
    """Draw train.png and train.svg from train.csv alone."""
    from ci.bench import picture

    print(*picture.draw(out), sep="\n")


@app.command()
def data(
    rounds: Rounds = 5,
    seconds: Seconds = 4.0,
    draws: Annotated[int, typer.Option(help="prompts of flan2022, for its memory")] = 1_000_000,
    out: Out = OUT,
) -> None:
    """Measure import time, mixture[i], and GSM8K examples/s beside the reference's."""
    from ci.bench import prompts

    tell(prompts.table(rounds, seconds, draws), out / "data.csv")


@app.command()
def cache(
    collection: Annotated[str, typer.Option(help="collections")] = "pocket,flan2022",
    examples: Annotated[int, typer.Option(help="rendered for SeqIO")] = 30_000,
    steps: Annotated[int, typer.Option(help="batches in packed files")] = 500,
    out: Out = OUT,
) -> None:
    """Measure the examples/s that one core renders, and reads of a cache and of packed files."""
    from ci.bench import caches

    table = caches.table(collection.split(","), examples, steps)
    tell(table, out / "cache.csv", environment(), columns=False)


@app.command()
def lengths(
    vocabulary: Annotated[str, typer.Option(help="vocabularies")] = "t5,flan2022-4096",
    inputs_length: Annotated[str, typer.Option(help="tokens of a row")] = "512,1024,2048",
    draws: Annotated[int, typer.Option(help="prompts of flan2022 per setting")] = 100_000,
    out: Out = OUT,
) -> None:
    """Count the prompts of flan2022 that lose exemplars, are cut or are left out at lengths."""
    from ci.bench import lengths as module

    numbers = [int(n) for n in inputs_length.split(",")]
    table = module.table(vocabulary.split(","), numbers, draws, bar="draws")
    tell(table, out / "lengths.csv", form="{:,.0f}")


@app.command()
def many(
    model: Sizes = "nano,micro",
    at_once: Annotated[str, typer.Option(help="numbers of runs")] = "1,2,4,8,16",
    data: Annotated[str, typer.Option(help="pocket or synthetic")] = "pocket",
    rounds: Rounds = 5,
    seconds: Seconds = 2.0,
    out: Out = OUT,
) -> None:
    """Measure steps/s of several small runs at once (vmap), in turn."""
    from ci.bench import train_step

    numbers = [int(n) for n in at_once.split(",")]
    table = train_step.many(model.split(","), numbers, data, rounds, seconds)
    tell(table, out / "many.csv", {"data": data} | environment(), digits="%.4f")


@app.command()
def cost(out: Out = OUT) -> None:
    """Compute FLOPs, device hours and dollars of the paper's figures; nothing is measured."""
    from ci.bench import paper_costs

    tell(paper_costs.table(), out / "cost.csv", digits="%.6g", form="{:,.4g}")


@app.command()
def roofline(model: Sizes = "nano,small,base,large,xl,xxl", out: Out = OUT) -> None:
    """Count a train step's FLOPs and bytes per size, and what bounds it on each device."""
    from ci.bench import roofline as module

    where = environment()
    del where["device"]  # XLA counts on none; the table's own are those that are computed for
    tell(module.table(model.split(",")), out / "roofline.csv", where, digits="%.6g", form="{:,.4g}")


@app.command()
def fits(model: Sizes = "nano,small,base,large,xl,xxl", out: Out = OUT) -> None:
    """Compute the devices that hold a size, and the days that a run takes on a CPU."""
    from ci.bench import fits as module

    tell(module.table(model.split(",")), out / "fits.csv", digits="%.4g", form="{:,.4g}")


@app.command()
def collectives(out: Out = OUT) -> None:
    """Count what 64 simulated devices exchange in a step, and compare their losses with one's."""
    from ci.bench import collectives as module

    where = environment(device="cpu, 64 simulated")
    same = module.same_losses(["64x1", "32x2", "16x4"])
    tell(same, out / "simulated.csv", where, digits="%.9g", form="{:,.3g}")
    tell(module.tables(), out / "collectives.csv", where, digits="%.6g", form="{:,.3g}")


@app.command()
def plan(
    profiles: Annotated[str, typer.Option(help="profiles")] = "quick,full",
    collection: Annotated[str, typer.Option(help="collection of the runs")] = "pocket",
    seeds: Annotated[int, typer.Option(help="runs per setting; 0: the profile's")] = 0,
    batches: Annotated[int, typer.Option(help="batches of a mixture that are counted")] = 20,
    out: Out = OUT,
) -> None:
    """Count the runs, steps and prompts that profiles ask for; nothing is trained."""
    from ci.bench import plan as module
    from flanrepro.experiments.profiles import Job

    tables = [
        module.table(Job(collection, profile=name, seeds=seeds), batches).assign(profile=name)
        for name in profiles.split(",")
    ]
    tell(pd.concat(tables, ignore_index=True), out / "plan.csv", form="{:,.0f}")


@app.command("eval")
def evaluation(
    models: Sizes = "nano,small",
    items: Annotated[
        str, typer.Option(help="prompts per suite; larger models get an eighth of the first number")
    ] = "400,2000",
    rounds: Rounds = 5,
    real: Annotated[bool, typer.Option(help="MMLU itself, five-shot, too")] = False,
    opponents: Annotated[
        bool, typer.Option(help="compare with lm-evaluation-harness and CTranslate2")
    ] = True,
    out: Out = OUT,
) -> None:
    """Measure prompts/s of ranking and of decoding, ours and our opponents', in turn."""
    from ci.bench import answering

    where = environment(packages="lm_eval ctranslate2" if opponents else "")
    counts = [int(n) for n in items.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        table = answering.table(models.split(","), counts, rounds, real, opponents, Path(folder))
    tell(table, out / "eval.csv", where)


@app.command()
def cold(
    models: Sizes = "nano,small",
    items: Annotated[
        str, typer.Option(help="prompts per suite; larger models get an eighth")
    ] = "50,400",
    rounds: Rounds = 3,
    out: Out = OUT,
) -> None:
    """Measure evaluations from a process's start, ours and lm-evaluation-harness's, in turn."""
    from ci.bench import cold as module

    counts = [int(n) for n in items.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        table = module.table(models.split(","), counts, rounds, Path(folder))
    tell(table, out / "cold.csv", environment(packages="lm_eval"))


@app.command()
def profile(model: Sizes = "nano,lm-nano,micro", out: Out = OUT) -> None:
    """Measure what a train step's time on one core goes into, by XLA's trace."""
    from ci.bench import step_profile

    tell(step_profile.table(model.split(",")), out / "profile.csv", environment(), digits="%.4g")


@app.command()
def reproduce(
    profile: Annotated[str, typer.Option(help="profile")] = "quick", out: Out = OUT
) -> None:
    """Measure what the seconds of `make reproduce` go into, and those of each of its runs; compare
    the runs' scores with those that ship."""
    from ci.bench import reproduced
    from flanrepro.experiments.store import processor

    with tempfile.TemporaryDirectory() as folder:
        parts, runs, again = reproduced.reproduce(profile, Path(folder))
    tell(runs, out / "reproduce_runs.csv", columns=False, digits="%.1f", form="{:,.1f}")
    tell(parts, out / "reproduce.csv", environment(), digits="%.4g", form="{:,.3f}")
    tell(again, out / "again.csv", environment() | {"processor": processor()}, digits="%.4g")


@app.command()
def notebooks(
    paths: Annotated[list[Path] | None, typer.Argument(help="none: all that there are")] = None,
    out: Out = OUT,
) -> None:
    """Measure seconds per notebook, as papermill records them. At smoke, nothing is trained before:
    `cold` with nothing compiled either, `warm` with what that execution compiled. `quick`, in
    seconds of one core, trains nothing, and reads the scores that ship where there are some."""
    from ci.bench import notebook_costs

    rows = []
    for path in paths or sorted((ROOT / "notebooks").glob("0*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            rows.append({"notebook": path.stem, **notebook_costs.measured(path, Path(folder))})
    tell(pd.DataFrame(rows), out / "notebooks.csv", environment(), form="{:,.1f}")


@app.command()
def speed(
    measure: Annotated[
        bool, typer.Option(help="measure the other parts first, for an hour and a half")
    ] = False,
    out: Out = OUT,
) -> None:
    """Put all parts' rates and seconds into one table, a picture and docs/speed.md."""
    from ci.bench import speed as module

    if measure:
        train(model="nano,lm-nano,micro,small", rows=8, out=out)
        for part in (evaluation, cold, data, cache, reproduce):
            part(out=out)
    table = module.table(out)
    tell(table, out / "speed.csv", digits="%.8g", form="{:,.3g}")
    print(*module.draw(table, out), sep="\n")
    if out == OUT:
        module.write_page(table)


if __name__ == "__main__":
    app()
