"""Exports a pretrained checkpoint in the form that ships: weights, loss curve, card, index row."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from flanrepro import markdown
from flanrepro.errors import InputError
from flanrepro.experiments.pretrain import loss_curve, phase_names
from flanrepro.experiments.start import vocabulary_digest
from flanrepro.experiments.store import Run
from flanrepro.model import pretrained
from flanrepro.model.sizes import DECODER_ONLY_SIZES
from flanrepro.model.tree import count
from flanrepro.packaged import read_text
from flanrepro.sources import SAID
from flanrepro.training.spec import RunSpec
from flanrepro.whole import write_whole

_HEADER = (
    "# Checkpoints that ship with the package, see `flanrepro.model.pretrained`; written by\n"
    "# `flanrepro pretrain --export`.\n"
)


_HOW = {
    "span_corruption": "span corruption (Raffel et al.,\n2020, section 3.3.4)",
    "prefix_lm": "prefix language modelling (Lester et al., 2021)",
}


def export(runs: Sequence[Run], folder: Path, scores: Path | None = None) -> pretrained.Pretrained:
    """Writes the last run's parameters, the loss curve and a card; returns their row of the index.

    Args:
        runs: finished runs of the pretraining phases, in order.
        folder: gets `COLLECTION-MODEL.safetensors`, `.csv`, `.md` and `index.yaml`.
        scores: CSV file with the scores before tuning, for the card; None: "Not measured."

    Raises:
        InputError: `scores` is no CSV, or a file cannot be written.
    """
    spec = runs[-1].spec
    # Made first, so that a bad CSV fails before anything is written.
    table = _table_of(scores) if scores else "Not measured."
    if scores and spec.collection in SAID:
        table = f"In per cent right; {SAID[spec.collection]}.\n\n{table}"
    stem = f"{spec.collection}-{spec.model}"
    params = runs[-1].params()
    digest = pretrained.save(params, folder / f"{stem}.safetensors")
    row = pretrained.Pretrained(
        file=f"{stem}.safetensors",
        sha256=digest,
        collection=spec.collection,
        model=spec.model,
        vocabulary=spec.vocabulary,
        vocabulary_sha256=vocabulary_digest(spec),
        runs=[_off_default(run.spec) for run in runs],
    )
    curve = _thinned(loss_curve(runs)).to_csv(
        index=False, float_format="%.6g"
    )  # finer than TOLERANCE
    write_whole(folder / f"{stem}.csv", curve)
    write_whole(folder / f"{stem}.md", _card(row, runs, params, folder, table))
    rows = [other for other in pretrained.index(folder).values() if other.file != row.file]
    listed = [dataclasses.asdict(one) for one in sorted([*rows, row], key=lambda one: one.file)]
    write_whole(folder / "index.yaml", _HEADER + yaml.safe_dump(listed, sort_keys=False))
    return row


def _thinned(curve):
    """The rows that ship: all up to step 1,000 of a phase, then one in 1,000 steps and the last."""
    # `flanrepro.experiments.pretrain.check` compares a new beginning with the first 1,000 steps.
    last = curve.groupby("phase")["step"].transform("max")
    return curve[(curve["step"] <= 1000) | (curve["step"] % 1000 == 0) | (curve["step"] == last)]


def _off_default(spec: RunSpec) -> dict[str, Any]:
    """The fields that differ from `RunSpec`'s defaults."""
    fields = ((field, getattr(spec, field.name)) for field in dataclasses.fields(spec))
    return {field.name: value for field, value in fields if value != field.default}


def _card(
    row: pretrained.Pretrained, runs: Sequence[Run], params: dict, folder: Path, scores: str
) -> str:
    columns = [_facts(run) for run in runs]
    last = runs[-1].manifest
    return read_text("flanrepro.experiments", "card.md").format(
        name=row.name,
        stem=Path(row.file).stem,
        **{key: getattr(row, key) for key in ("model", "collection", "vocabulary", "file")},
        sha256=row.sha256,
        kind="decoder" if row.model in DECODER_ONLY_SIZES else "encoder-decoder",
        how=", then ".join(_HOW[name] for name in dict.fromkeys(r.spec.objective for r in runs)),
        parameters=count(params),
        megabytes=(folder / row.file).stat().st_size / 1e6,
        phases=markdown.table(
            ["", *(name.replace("_", " ") for name in phase_names([run.spec for run in runs]))],
            ([name, *(column[name] for column in columns)] for name in columns[0]),
        ),
        versions=", ".join(f"{name} {version}" for name, version in last["versions"].items()),
        commit=last["git_commit"] or "unknown",
        seed=runs[0].spec.seed,
        scores=scores,
    )


def _facts(run: Run) -> dict[str, str]:
    """The column of a phase in the card's table, by row label."""
    spec, manifest, last = run.spec, run.manifest, run.metrics().iloc[-1]
    return {
        "run": f"`{spec.run_id}`",
        "start": f"`{spec.start}`" if spec.start else "random",
        "data and parameter seed": str(spec.seed),
        "steps": f"{spec.steps:,}",
        "rows per step": f"{spec.batch_size}, of {spec.inputs_length} + {spec.targets_length}",
        "learning rate": (
            f"{spec.learning_rate:g} ({spec.optimizer}, {spec.warmup_steps} warm-up, "
            f"{spec.decay_steps} decay)"
        ),
        "first text": f"{spec.first_text:,}",
        "texts": f"{manifest['examples']:,}",
        "tokens, without padding": f"{manifest['useful_tokens']:,}",
        "seconds": f"{manifest['seconds']:,.0f}",
        "device": manifest["device"],
        "final loss": f"{last['loss']:.4f}",
        "final accuracy": f"{last['accuracy']:.1%}",
    }


def _table_of(path: Path) -> str:
    import pandas as pd

    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as the scores for the card ({reason}): expected a CSV with a "
            "header; write it anew, or leave `--scores` out"
        ) from None
    rows = ([_cell(value) for value in row] for row in frame.itertuples(index=False))
    return markdown.table(list(frame.columns), rows)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
