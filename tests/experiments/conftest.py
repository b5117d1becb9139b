import dataclasses

import pytest
import yaml

from flanrepro.experiments import export, pretrain, profiles
from flanrepro.experiments.store import RunStore
from flanrepro.model import pretrained
from flanrepro.training.spec import RunSpec


@pytest.fixture(scope="session")
def spec() -> RunSpec:
    """A run of two steps."""
    return RunSpec(
        collection="pocket",
        model="nano",
        vocabulary="pocket",
        steps=2,
        batch_size=2,
        inputs_length=64,
        targets_length=16,
        learning_rate=1e-3,
    )


@pytest.fixture
def two_sizes(tmp_path, monkeypatch) -> None:
    """Two sizes of pocket ship, by the index alone, and `micro` has a learning rate of its own."""
    row = pretrained.find(pretrained.full_name("pocket", "nano"))
    rows = [
        dataclasses.replace(row, file=f"pocket-{size}.safetensors", model=size)
        for size in ("nano", "micro")
    ]
    (tmp_path / "index.yaml").write_text(yaml.safe_dump(list(map(dataclasses.asdict, rows))))
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    listed = profiles.load_profile
    own = {"sizes": ("nano", "micro"), "models": {"micro": {"learning_rate": 7.5e-4}}}
    monkeypatch.setattr(
        profiles, "load_profile", lambda *names: dataclasses.replace(listed(*names), **own)
    )


WORDS = "the cat dog ball box house is red blue old new in and".split()


class Texts:
    """A stand-in for a collection's texts: 3 to 10 words."""

    def __init__(self, seed: int):
        self.seed = seed

    def __getitem__(self, i: int) -> str:
        return " ".join(WORDS[(i * 5 + k * k + self.seed) % 13] for k in range(3 + i % 8))


LENGTHS = {"batch_size": 2, "inputs_length": 32, "targets_length": 32, "learning_rate": 2e-3}
RECIPES = {
    "pocket": {
        "nano": {
            "every": {"vocabulary": "pocket", "warmup_steps": 4, **LENGTHS},
            "phases": [
                {"objective": "span_corruption", "steps": 50},
                {"objective": "prefix_lm", "steps": 10, "warmup_steps": 3, "decay_steps": 7},
            ],
        }
    }
}


def _stand_in(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("flanrepro.training.spec.documents", lambda collection, seed, first: Texts(seed))
    patch.setattr(pretrain, "_recipes", lambda: RECIPES)


@pytest.fixture
def texts(monkeypatch) -> None:
    """Pretraining reads the stand-in's texts, and its recipe is a short one."""
    _stand_in(monkeypatch)


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> list:
    """Both phases of a pretraining on the stand-in's texts."""
    with pytest.MonkeyPatch.context() as patch:
        _stand_in(patch)
        store = RunStore(tmp_path_factory.mktemp("out") / "runs")
        return pretrain.pretrain(store, pretrain.pretraining_specs("pocket", "nano"))


@pytest.fixture
def exported(runs, tmp_path, monkeypatch) -> pretrained.Pretrained:
    """The runs' export in the place of what the package ships."""
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "pretrained")
    scores = tmp_path / "scores.csv"
    scores.write_text("suite,shots,value\nheld_in,0,12.345\nmmlu,3,25.0\n")
    return export.export(runs, pretrained.FOLDER, scores)
