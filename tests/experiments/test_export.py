import dataclasses

import jax
import numpy as np
import pytest
import yaml

from flanrepro.errors import InputError
from flanrepro.experiments.export import export
from flanrepro.experiments.pretrain import loss_curve
from flanrepro.experiments.start import start_params
from flanrepro.experiments.store import RunStore
from flanrepro.model import pretrained
from flanrepro.sources import SAID
from flanrepro.training.spec import RunSpec


def test_an_exported_checkpoint_is_the_last_runs_and_can_be_started_from(
    exported, runs, texts, tmp_path
):
    name = pretrained.full_name("pocket", "nano")
    assert name == exported.name
    half = jax.tree.map(lambda leaf: leaf.astype(np.float16).astype(np.float32), runs[1].params())
    jax.tree.map(np.testing.assert_array_equal, pretrained.load(name), half)
    tuned = dataclasses.replace(runs[1].spec, start=name)
    seen = []
    run = RunStore(tmp_path).get(
        tuned, each=lambda step, params: seen.append(jax.tree.map(np.array, params))
    )
    jax.tree.map(np.testing.assert_array_equal, seen[0], half)
    assert run.manifest["start"] == name


def test_its_specs_make_the_same_runs_again(exported, runs):
    specs = [RunSpec(**fields) for fields in pretrained.find(exported.name).runs]
    assert specs == [run.spec for run in runs]
    assert [spec.run_id for spec in specs] == [run.spec.run_id for run in runs]


def test_its_card_says_how_it_was_made_and_what_it_can_do(exported, runs):
    card = (pretrained.FOLDER / "pocket-nano.md").read_text()
    manifest = runs[0].manifest
    curve = loss_curve(runs)
    for said in (
        f"# {exported.name}",
        exported.sha256,
        "|  | span corruption | prefix lm |\n| --- | --- | --- |\n",
        f"| run | `{runs[0].spec.run_id}` | `{runs[1].spec.run_id}` |",
        f"| start | random | `{runs[0].spec.run_id}` |",
        "| steps | 50 | 10 |",
        "| data and parameter seed | 0 | 0 |",
        f"| tokens, without padding | {manifest['useful_tokens']:,} | ",
        f"| final loss | {curve['loss'].iloc[1]:.4f} | {curve['loss'].iloc[2]:.4f} |",
        manifest["device"],
        f"jax {manifest['versions']['jax']}",
        f"; {SAID['pocket']}.\n\n"
        "| suite | shots | value |\n| --- | --- | --- |\n| held_in | 0 | 12.3 |\n| mmlu | 3 ",
    ):
        assert said in card


def test_another_export_of_the_same_model_replaces_its_row_and_keeps_the_others(exported, runs):
    index = pretrained.FOLDER / "index.yaml"
    row = yaml.safe_load(index.read_text())[0]
    other = {**row, "file": "pocket-micro.safetensors", "model": "micro"}
    index.write_text(yaml.safe_dump([{**row, "sha256": "0" * 64}, other]))
    again = export(runs, pretrained.FOLDER)
    assert again == exported
    assert set(pretrained.index()) == {exported.name, f"pocket-micro-{exported.sha256[:8]}"}
    assert "Not measured." in (pretrained.FOLDER / "pocket-nano.md").read_text()


def test_scores_that_are_no_csv_are_refused_before_anything_is_written(runs, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    for name in ("empty.csv", "missing.csv"):
        with pytest.raises(InputError, match=f"{name} cannot be read as the scores for the card"):
            export(runs, tmp_path / "out", tmp_path / name)
    assert not (tmp_path / "out").exists()


def test_a_start_with_another_vocabulary_file_than_the_checkpoints_is_refused(exported, runs):
    index = pretrained.FOLDER / "index.yaml"
    (row,) = yaml.safe_load(index.read_text())
    index.write_text(yaml.safe_dump([{**row, "vocabulary_sha256": "0" * 64}]))
    spec = dataclasses.replace(runs[1].spec, start=exported.name)
    with pytest.raises(InputError, match="trained with another vocabulary 'pocket' than this vers"):
        start_params(spec, pretrained.FOLDER)
