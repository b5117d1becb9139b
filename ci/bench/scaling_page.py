"""Writes the tables of `ci/SCALING.md` from figures/bench: `python -m ci.bench.scaling_page`.

Each table stands between two comments of the page; a test compares them.
"""

import pandas as pd

from ci.bench.common import OUT, ROOT
from ci.bench.costs import rented
from ci.bench.paper_costs import FIGURES
from ci.bench.picture import ENGINES, OPTIMIZERS
from ci.bench.results_page import filled
from flanrepro.markdown import table
from flanrepro.whole import write_whole

PAGE = ROOT / "ci" / "SCALING.md"
SHOWN = {"h200": "H200", "h100": "H100", "a100": "A100", "v5e": "TPU v5e", "v5p": "TPU v5p"}
"""The devices of the page's tables, by their names in the CSVs."""


def tables() -> dict[str, str]:
    """The page's tables as Markdown, by name."""
    cost = pd.read_csv(OUT / "cost.csv", keep_default_na=False, na_values=[""])
    return {
        "devices": _devices(),
        "run_costs": _run_costs(cost),
        "figure_costs": _figure_costs(cost),
        "roofline": _roofline(pd.read_csv(OUT / "roofline.csv")),
        "train": _train(pd.read_csv(OUT / "train.csv")),
        "profile": _profile(pd.read_csv(OUT / "profile.csv")),
        "fits": _fits(pd.read_csv(OUT / "fits.csv")),
        "collectives": _collectives(pd.read_csv(OUT / "collectives.csv")),
        "simulated": _simulated(pd.read_csv(OUT / "simulated.csv")),
    }


def _devices() -> str:
    """Peaks, bandwidths and prices."""
    titles = ("device", "bfloat16 TFLOP/s", "GB/s", "GB", "FLOPs per byte", "dollars an hour")
    cells = [
        [
            name,
            f"{row.flops / 1e12:,.0f}",
            f"{row.bandwidth / 1e9:,.0f}",
            f"{row.memory / 1e9:,.0f}",
            f"{row.flops / row.bandwidth:,.0f}",
            f"{row.dollars:.2f}",
        ]
        for name, row in zip(SHOWN.values(), rented().loc[list(SHOWN)].itertuples(), strict=True)
    ]
    return table(titles, cells)


def _run_costs(cost: pd.DataFrame) -> str:
    """One run per size."""
    titles = ("run", "parameters", "tokens", "EFLOP", "H100-hours", *_dollars())
    cells = [
        [
            f"`{row['what']}`",
            f"{row['parameters'] / 1e6:,.0f} M",
            f"{row['tokens'] / 1e9:.1f} G",
            f"{row['flops'] / 1e18:,.1f}",
            f"{row['h100_hours']:,.1f}",
            *_paid(row),
        ]
        for _, row in cost[cost["parameters"].notna()].iterrows()
    ]
    return table(titles, cells)


def _figure_costs(cost: pd.DataFrame) -> str:
    """A row per figure, and their sum."""
    titles = ("behind", "sweep", "runs", "G tokens", "EFLOP", "H100-hours", *_dollars())
    cells = [
        [
            FIGURES.get(row["what"], "all of them"),
            f"`{row['what']}`" if row["what"] in FIGURES else "",
            f"{row['runs']:,}" + (f" of {row['alone']}" if row["alone"] > row["runs"] else ""),
            f"{row['tokens'] / 1e9:,.1f}",
            f"{row['flops'] / 1e18:,.0f}",
            f"{row['h100_hours']:,.0f}",
            *_paid(row),
        ]
        for _, row in cost[cost["parameters"].isna()].iterrows()
    ]
    return table(titles, cells)


def _dollars() -> list[str]:
    return [f"dollars, {name}" for name in SHOWN.values()]


def _paid(row: pd.Series) -> list[str]:
    return [f"{row[f'{device}_dollars']:,.0f}" for device in SHOWN]


def _train(rows: pd.DataFrame) -> str:
    """A row per model, optimizer and engine; ours first."""
    titles = ("", "engine", "useful tokens/s", "ratio", "ms a step", "padding")
    titles += ("GFLOP/s", "of the matrix products'", "MiB")
    cells = []
    for row in rows.itertuples():
        ours = row.engine == "flanrepro"
        cells.append(
            [
                f"`{row.model}`, {OPTIMIZERS[row.optimizer]}" if ours else "",
                ENGINES[row.engine][0],
                f"{row.useful_tokens_per_s:,.0f} ({row.slowest:,.0f} to {row.fastest:,.0f})",
                f"**{row.ratio:.1f}**" if ours and row.ratio == row.ratio else "",  # NaN: alone
                f"{row.ms_per_step:,.0f}",
                f"{row.padding:.0%}",
                f"{row.model_gflops_per_s:,.0f}",
                f"{row.utilisation:.0%}",
                f"{row.peak_mib:,.0f}",
            ]
        )
    return table(titles, cells)


def _profile(rows: pd.DataFrame) -> str:
    """A row per part of the step, a column per model."""
    shares = rows.pivot(index="part", columns="model", values="share")
    shares = shares[rows["model"].unique()].sort_values("nano", ascending=False)
    cells = [[r.Index, *(f"{x:.0%}" for x in r[1:])] for r in shares.itertuples()]
    return table(("part", *(f"`{name}`" for name in shares)), cells)


def _roofline(rows: pd.DataFrame) -> str:
    """A row per size and number of rows, for the H100, and the most on the others."""
    titles = (
        "size",
        "rows",
        "TFLOP by formula",
        "XLA's, to that",
        "with remat",
        "FLOPs per byte: unfused",
        "fused",
        "pairs on the chip",
        "bound on an H100",
        *(f"{'at most, ' * (name == 'H200')}{name}" for name in SHOWN.values()),
        "H100, pairs on the chip",
    )
    cells = []
    for (size, count), of in rows.groupby(["model", "rows"], sort=False):
        by = of.set_index("device")
        row = by.loc["h100"]
        cells.append(
            [
                f"`{size}`",
                str(count),
                f"{row['flops_formula'] / 1e12:,.2f}",
                f"{row['ratio_kept']:.2f}",
                f"{row['ratio']:.2f}",
                *(f"{row[f'intensity_{way}']:,.0f}" for way in ("unfused", "fused", "on_chip")),
                row["bound_fused"],
                *(f"{by.loc[device, 'utilisation_fused']:.0%}" for device in SHOWN),
                f"{row['utilisation_on_chip']:.0%}",
            ]
        )
    return table(titles, cells)


def _fits(rows: pd.DataFrame) -> str:
    """A row per size: memory, devices, and days on a CPU."""
    titles = (
        "size",
        "GB at least",
        *(f"{name}s" for name in SHOWN.values()),
        "GFLOP/s on two cores",
        "as measured on",
        "days of one run there",
    )
    cells = [
        [
            f"`{row['model']}`",
            f"{row['least_gb']:,.1f}",
            *(str(row[f"{device}_model_axis"]) for device in SHOWN),
            f"{row['cpu_gflops_per_s']:.0f}",
            f"`{row['cpu_as']}`",
            f"{row['cpu_days']:,.0f}",
        ]
        for _, row in rows.iterrows()
    ]
    return table(titles, cells)


def _collectives(rows: pd.DataFrame) -> str:
    """A row per mesh, operation, axis and kind; sums of less than 0.1 GB are in the CSV alone."""
    titles = (
        "size",
        "mesh",
        "parts",
        "operation",
        "over",
        "of",
        "arrays",
        "GB",
        "least",
        "largest",
    )
    cells = [
        [
            f"`{row['model']}`, {row['optimizer'].capitalize()}",
            row["mesh"],
            str(row["microbatches"]),
            row["operation"],
            row["axis"],
            row["kind"],
            f"{row['arrays']:,}",
            f"{row['gigabytes']:.1f}",
            "" if pd.isna(row["least_gigabytes"]) else f"{row['least_gigabytes']:.1f}",
            row["largest"],
        ]
        for _, row in rows[rows["gigabytes"] >= 0.1].iterrows()
    ]
    return table(titles, cells)


def _simulated(rows: pd.DataFrame) -> str:
    """Losses of 64 devices, and how far they are from one's."""
    cells = [
        [row["mesh"], str(row["step"]), f"{row['loss']:.6f}", f"{row['apart']:.1e}"]
        for _, row in rows.iterrows()
    ]
    return table(("mesh", "step", "loss", "apart from one device"), cells)


if __name__ == "__main__":
    write_whole(PAGE, filled(PAGE.read_text("utf-8"), tables()))
