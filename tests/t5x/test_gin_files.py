"""What T5X reads, as text; `test_twin.py` has what T5X makes of it."""

import dataclasses
from pathlib import Path

import pytest

from flanrepro.collection.named import mixture_names
from flanrepro.errors import InputError
from flanrepro.model.sizes import SIZES, t5_config
from flanrepro.t5x.gin_files import FOLDER, num_examples, run_gin, shipped_files

HOME = Path("/runs/abc/t5x")


def settings(text: str) -> dict[str, str]:
    """`NAME = VALUE` lines by name, those of a block under `block.name`; the last one counts."""
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


def test_the_files_of_sizes_and_mixtures_are_those_that_our_tables_give():
    committed = {
        str(path.relative_to(FOLDER)): path.read_text()
        for folder in ("sizes", "mixtures")
        for path in (FOLDER / folder).glob("*.gin")
    }
    assert committed == shipped_files(), "python -m flanrepro.t5x.gin_files writes them"
    assert len(committed) == len(SIZES) + len(mixture_names())


def test_the_papers_recipe_is_the_one_that_its_sizes_train_with_here():
    from flanrepro.experiments.profiles import load_profile

    recipe = settings((FOLDER / "paper.gin").read_text())
    ours = load_profile("quick", "flan2022").models["xl"]
    rate = "utils.create_learning_rate_scheduler.base_learning_rate"
    assert float(recipe[rate]) == ours["learning_rate"]
    assert float(recipe["DROPOUT_RATE"]) == ours["dropout_rate"]
    assert int(recipe["BATCH_SIZE"]) == ours["batch_size"]
    assert ours["optimizer"] == "adafactor"  # sizes/*.gin have T5X's own


def test_a_run_says_all_that_its_spec_does(spec):
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
    assert "sizes/nano.gin" in run_gin(changed, HOME)


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


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"objective": "span_corruption", "mixture": ""},
            "has no objective 'span_corruption': T5X trains on prompts",
        ),
        ({"shards": 2}, "has no shards 2: T5X deals the prompts out to its own hosts"),
    ],
)
def test_what_t5x_has_not_is_refused_in_a_sentence(spec, changes, sentence):
    with pytest.raises(InputError, match=f"engine 't5x' {sentence}.*take engine 'local'"):
        run_gin(dataclasses.replace(spec, **changes), HOME)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorFlow and T5X, when imported
def test_t5x_reads_a_size_as_we_have_it(with_t5x, name):
    import gin
    import t5x.utils  # noqa: F401  # gin's readers

    with gin.unlock_config():
        gin.clear_config()
        gin.parse_config_file(str(FOLDER / "sizes" / f"{name}.gin"))
        network = gin.query_parameter("network.Transformer.config")
        found = {
            key: gin.query_parameter(f"network.T5Config.{key}")
            for key in vars(t5_config(name, 32128))
            if key not in ("dropout_rate", "dtype")
        }
    assert "T5Config" in str(network)
    assert found == {key: getattr(t5_config(name, 32128), key) for key in found}
