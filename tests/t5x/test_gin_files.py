"""The gin files as text; gin reads them in `test_gin.py`, T5X trains by them in `test_twin.py`."""

import dataclasses
import re
from pathlib import Path

import pytest

import flanrepro.t5x
from flanrepro.errors import InputError
from flanrepro.model.sizes import DECODER_ONLY_SIZES, SIZES, t5_config
from flanrepro.t5x.gin_files import FOLDER, num_examples, run_gin, size_file

HOME = Path("/runs/abc/t5x")

POCKET_SIZES = ("nano", "micro", "mini")


def settings(text: str) -> dict[str, str]:
    """Values by name, those of a block under `block.name`; where a name is set twice, the last."""
    found, block = {}, ""
    for line in text.splitlines():
        name, _, value = line.partition(" = ")
        if line.endswith(":") and not line.startswith((" ", "#")):
            block = line[:-1]
        elif value and line.startswith("  "):
            found[f"{block}.{name.strip()}"] = value
        elif value and not line.startswith("#"):
            found[name] = value
    return found


def test_sizes_are_t5x_s_own_files_but_for_those_that_it_lacks():
    files = {path.stem for path in FOLDER.glob("sizes/*.gin")}
    assert files == {*POCKET_SIZES, *DECODER_ONLY_SIZES}
    for size in SIZES:
        ours = size in POCKET_SIZES
        folder = "flanrepro/t5x/gin/sizes" if ours else "t5x/examples/t5/t5_1_1"
        assert size_file(size) == f"{folder}/{size}.gin"


@pytest.mark.parametrize("size", POCKET_SIZES)
def test_our_sizes_files_have_the_dimensions_of_our_table_and_nothing_else(size):
    found = settings((FOLDER / "sizes" / f"{size}.gin").read_text())
    config = t5_config(size, 32128)
    dimensions = ("emb_dim", "num_heads", "head_dim", "mlp_dim")
    layers = ("num_encoder_layers", "num_decoder_layers")
    assert found == {
        f"network.T5Config.{name}": str(getattr(config, name)) for name in (*dimensions, *layers)
    }


@pytest.mark.parametrize("size", DECODER_ONLY_SIZES)
def test_decoder_only_sizes_files_have_the_dimensions_of_our_table_and_nothing_else(size):
    text = (FOLDER / "sizes" / f"{size}.gin").read_text()
    assert re.findall(r"^include '(.*)'$", text, re.M) == ["flanrepro/t5x/gin/decoder_only.gin"]
    config = t5_config(size, 32128)
    expected = {name: getattr(config, name) for name in ("emb_dim", "num_heads", "head_dim")}
    expected |= {"num_layers": config.num_decoder_layers, "mlp_dim": config.mlp_dim}
    assert settings(text) == {f"network.TransformerConfig.{k}": str(x) for k, x in expected.items()}


def test_the_command_for_a_lab_names_files_that_are_there_in_their_order():
    files = re.findall(r"--gin_file=(\S+)", flanrepro.t5x.__doc__)
    assert files == [size_file("xl"), *(f"flanrepro/t5x/gin/{n}.gin" for n in ("paper", "mixture"))]
    assert (FOLDER / "paper.gin").is_file() and (FOLDER / "mixture.gin").is_file()


def test_the_papers_recipe_is_the_one_that_its_sizes_train_with_here():
    from flanrepro.experiments.profiles import load_profile

    recipe = settings((FOLDER / "paper.gin").read_text())
    ours = load_profile("quick", "flan2022").models["xl"]
    rate = "utils.create_learning_rate_scheduler.base_learning_rate"
    assert float(recipe[rate]) == ours["learning_rate"]
    assert float(recipe["DROPOUT_RATE"]) == ours["dropout_rate"]
    assert int(recipe["BATCH_SIZE"]) == ours["batch_size"]
    assert ours["optimizer"] == "adafactor"  # the sizes' files have T5X's own


def test_a_run_s_file_sets_all_that_its_spec_does(spec):
    changed = dataclasses.replace(
        spec,
        seed=3,
        dropout_rate=0.05,
        z_loss=1e-4,
        microbatches=2,
        dtype="bfloat16",
        warmup_steps=4,
        decay_steps=20,
    )
    found = settings(run_gin(changed, HOME, partitions=2))
    expected = {
        "TRAIN_STEPS": "24",
        "BATCH_SIZE": "4",
        "TASK_FEATURE_LENGTHS": "{'inputs': 128, 'targets': 32}",
        "RANDOM_SEED": "3",
        "DROPOUT_RATE": "0.05",
        "Z_LOSS": "0.0001",
        "LOSS_NORMALIZING_FACTOR": "None",
        "train_script.train.get_dataset_fn": "@tasks.dataset",  # with weights that add up to 1
        "NUM_MICROBATCHES": "2",
        "NUM_PARTITIONS": "2",
        "MODEL_DIR": "'/runs/abc/t5x/model'",
        "INITIAL_CHECKPOINT_PATH": "'/runs/abc/t5x/start/checkpoint_0'",
        "tasks.of_run.spec": "'/runs/abc/t5x/spec.json'",
        "VOCABULARY_NAME": "'pocket'",
        "network.T5Config.vocab_size": str(changed.model_config().vocab_size),
        "network.T5Config.dtype": "'bfloat16'",
        "tasks.learning_rate.rate": "0.005",
        "tasks.learning_rate.warmup_steps": "4",
        "tasks.learning_rate.decay_steps": "20",
        "tasks.learning_rate.steps": "24",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "OPTIMIZER" not in found  # T5X's Adafactor
    for size in ("nano", "small"):
        text = run_gin(dataclasses.replace(spec, model=size), HOME)
        assert f"include '{size_file(size)}'" in text


@pytest.mark.parametrize("causal", [False, True])
def test_a_decoder_only_run_s_file_has_t5x_s_other_network_and_the_run_s_prefix(spec, causal):
    text = run_gin(dataclasses.replace(spec, model="lm-nano", start="", causal=causal), HOME)
    assert f"include '{size_file('lm-nano')}'" in text
    assert "from t5x.examples.decoder_only import network" in text
    found = settings(text)
    assert found["INPUTS_BIDIRECTIONAL_ATTENTION"] == str(not causal)
    assert found["network.TransformerConfig.vocab_size"] == str(spec.load_vocabulary().size)
    assert found["network.TransformerConfig.dtype"] == "'float32'"
    assert "INPUTS_BIDIRECTIONAL_ATTENTION" not in settings(run_gin(spec, HOME))


def test_adamw_is_ours_with_the_same_schedule_and_a_state_of_its_own(spec):
    found = settings(run_gin(dataclasses.replace(spec, optimizer="adamw"), HOME))
    assert found["OPTIMIZER"] == "@tasks.adamw()"
    assert found["tasks.adamw.rate"] == found["tasks.learning_rate.rate"] == "0.005"
    assert found["utils.RestoreCheckpointConfig.fallback_to_scratch"] == "True"


@pytest.mark.parametrize(("steps", "period"), [(0, 25), (20, 25), (1000, 100), (38_000, 3800)])
def test_checkpoints_come_with_a_row_of_metrics_and_are_ten_at_most(spec, steps, period):
    found = settings(run_gin(dataclasses.replace(spec, steps=steps), HOME))
    assert int(found["CHECKPOINT_PERIOD"]) == period


def test_there_are_more_prompts_than_a_run_can_read(spec):
    # A target has a token and EOS at least: 16 to a row of 32.
    assert num_examples(spec) > 24 * 4 * 16
    # A decoder-only row has the inputs, too: 40 of both to a row of 128 + 32.
    assert num_examples(dataclasses.replace(spec, model="lm-nano", start="")) > 24 * 4 * 40


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"objective": "span_corruption", "mixture": ""},
            "has no objective 'span_corruption': T5X trains on prompts",
        ),
        ({"optimizer": "muon"}, "has no optimizer 'muon': T5X is given AdamW or Adafactor"),
        ({"replay": 0.05}, "has no replay 0.05: T5X trains on prompts alone"),
        ({"shards": 2}, "has no shards 2: T5X deals the prompts out to its own hosts"),
    ],
)
def test_what_t5x_has_not_is_refused_in_a_sentence(spec, changes, sentence):
    with pytest.raises(InputError, match=f"engine 't5x' {sentence}.*take engine 'local'"):
        run_gin(dataclasses.replace(spec, **changes), HOME)
