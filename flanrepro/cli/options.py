"""The options that several commands share."""

from typing import Annotated

import typer

CollectionName = Annotated[
    str,
    typer.Option(
        "--collection",
        "-c",
        help="pocket (embedded), flan2022 (real data) or flan2022_rendered (its authors' prompts)",
    ),
]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", help="`-p NAME VALUE`; may be repeated")
]
Engine = Annotated[str, typer.Option(help="local: this folder's runs; shipped: shipped scores")]
Model = Annotated[str, typer.Option(help="size of the model; empty: the profile's")]
Out = Annotated[str, typer.Option(help="folder of results; empty: out/")]
Seeds = Annotated[int, typer.Option(min=0, help="number of seeds; 0: the profile's")]
FewShotFraction = Annotated[
    float, typer.Option(help="share of few-shot prompts; negative: the mixture's")
]
MixtureName = Annotated[str, typer.Argument(help="mixture, e.g. flan2022; a wrong name lists all")]
StreamSeed = Annotated[int, typer.Option("--seed", help="seed of the stream and of the subset")]
Subset = Annotated[int, typer.Option(min=0, help="number of tasks, Held-In first; 0: all")]
WithoutClusters = Annotated[
    str,
    typer.Option(help="clusters of FLAN 2021 that are held out, e.g. nli,sentiment; empty: none"),
]
