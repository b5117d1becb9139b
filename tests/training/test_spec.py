import dataclasses
import json

import pytest

from flanrepro.collection.clusters import cluster_names
from flanrepro.data import pretraining
from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.shipped_scores import shipped_table
from flanrepro.training.optimizer import Falling
from flanrepro.training.spec import RunSpec

CHANGED = {
    "collection": "flan2022",
    "model": "micro",
    "vocabulary": "t5",
    "steps": 3,
    "batch_size": 4,
    "inputs_length": 128,
    "targets_length": 32,
    "learning_rate": 2e-3,
    "seed": 1,
    "few_shot_fraction": 0.25,
    "options_fraction": 1.0,
    "max_examples": 100,
    "tasks": ("sum",),
    "mixture": "flan2022",
    "rates": ("cot=5", "niv2=20"),
    "subset": 8,
    "inversion_rate": 0.5,
    "formats": "paper",
    "without_clusters": ("nli",),
    "templates": 4,
    "instructions": "none",
    "data": "0123456789ab",
    "vocabulary_digest": "0123456789ab",
    "optimizer": "adafactor",
    "warmup_steps": 1,
    "dropout_rate": 0.1,
    "z_loss": 1e-4,
    "dtype": "bfloat16",
    "causal": True,
    "objective": "prefix_lm",
    "start": "pocket-nano-1a2b3c4d",
    "held_out": 5,
    "replay": 0.05,
    "prompt_length": 10,
    "first_text": 40_000,
    "decay_steps": 1,
    "microbatches": 2,
    "remat": True,
    "shards": 2,
    "prompts": 2,
    "engine": "t5x",
}
NAMES = [field.name for field in dataclasses.fields(RunSpec)]


@pytest.fixture
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


def test_a_runs_name_stays_the_same_over_versions(spec):
    assert spec.run_id == "204fd111d703"


def test_a_shipped_runs_name_stays_the_same_over_versions():
    runs = shipped_table("pocket", "runs").set_index("run")
    fields = json.loads(runs.loc["0253b86d6529", "spec"])
    assert fields["tasks"] == ["anli_r1"]
    assert RunSpec(**fields).run_id == "0253b86d6529"


def test_canonical_json_holds_required_fields_and_those_off_their_default(spec):
    required = (
        '{"batch_size":2,"collection":"pocket","inputs_length":64,"learning_rate":0.001,'
        '"model":"nano","prompts":3,"steps":2,"targets_length":16,"vocabulary":"pocket"}'
    )
    assert spec.to_json() == required
    changed = json.loads(dataclasses.replace(spec, seed=3, tasks=("sum", "kind")).to_json())
    assert changed == json.loads(required) | {"seed": 3, "tasks": ["sum", "kind"]}


def test_a_mixture_defined_by_its_few_shot_share_has_that_share(spec):
    named = dataclasses.replace(spec, mixture="flan2022_without_few_shot")
    with pytest.raises(InputError, match="is defined by its share of few-shot prompts, 0, and"):
        named.load_mixture()
    assert dataclasses.replace(named, few_shot_fraction=0.0).load_mixture().few_shot_fraction == 0
    (other,) = Job(profile="smoke", seeds=1).specs(mixture="flan2022_without_few_shot")
    assert other.load_mixture().few_shot_fraction == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"objective": "gpt"},
            "unknown objective 'gpt': choose one of instruction, span_corruption, prefix_lm",
        ),
        (
            {"objective": "prefix_lm", "tasks": ("sum",), "few_shot_fraction": 0.0},
            "'prefix_lm' trains on texts, not on prompts: leave out few_shot_fraction, tasks, or",
        ),
        (
            {"objective": "prefix_lm", "replay": 0.05},
            "'prefix_lm' trains on texts, not on prompts: leave out replay, or take the objective",
        ),
        (
            {"first_text": 5},
            "first_text is 5, and objective 'instruction' trains on prompts: leave",
        ),
        (
            {"without_clusters": ("nlu",)},
            "unknown cluster 'nlu' in without_clusters: did you mean ",
        ),
        ({"without_clusters": cluster_names()}, "without_clusters holds out all 12 clusters, "),
        ({"templates": 0}, "templates is 0: expected a whole number, 1 to 10, or nothing"),
        ({"templates": 11}, "templates is 11: expected a whole number, 1 to 10, or nothing"),
        ({"instructions": "some"}, "unknown instructions 'some': choose one of none, name"),
        (
            {"instructions": "name", "templates": 1},
            "templates is 1, and instructions 'name' use no",
        ),
        (
            {"objective": "prefix_lm", "without_clusters": ("nli",), "templates": 1},
            "'prefix_lm' trains on texts, not on prompts: leave out without_clusters, templates",
        ),
        ({"replay": 1.0}, "replay is 1.0: expected a number, 0 to below 1"),
        ({"start": "nano"}, "start is 'nano': expected a finished run's 12 hexadecimal digits, a"),
        ({"start": "1A2B3C4D5E6F"}, "start is '1A2B3C4D5E6F': expected a finished run's 12 hex"),
        ({"decay_steps": 3}, "decay_steps is 3: expected 0 to 2, as the run has 2 steps and 0 of "),
        ({"decay_steps": 2, "warmup_steps": 1}, "decay_steps is 2: expected 0 to 1, as "),
        ({"decay_steps": -1}, "decay_steps is -1: expected a whole number, 0 to 2,"),
        ({"warmup_steps": 3}, "warmup_steps is 3: expected 0 to 2, as the run has 2 steps and 3"),
    ],
)
def test_a_spec_that_makes_no_sense_is_one_sentence(spec, changes, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        dataclasses.replace(spec, **changes)
    assert "\n" not in str(caught.value)


def test_a_run_on_texts_reads_the_collections_by_its_seed(spec, monkeypatch):
    asked = []
    texts = lambda *which: asked.append(which) or ["the ball is red ."]  # noqa: E731
    monkeypatch.setattr("flanrepro.training.spec.documents", texts)
    changed = dataclasses.replace(spec, objective="span_corruption", seed=4)
    examples = changed.load_examples()
    assert asked == [("pocket", 4, 0)]
    assert (type(examples), examples.seed) == (pretraining.SpanCorruption, 4)
    assert (examples.inputs_length, examples.targets_length) == (64, 16)
    prefix = dataclasses.replace(changed, objective="prefix_lm").load_examples()
    assert type(prefix) is pretraining.PrefixLM
    assert changed.label() == "nano span corruption, seed 4"


def test_a_collection_without_texts_is_one_sentence(spec):
    changed = dataclasses.replace(spec, collection="flan2022", objective="span_corruption")
    with pytest.raises(InputError, match="'flan2022' has no pretraining text: choose pocket, or"):
        changed.load_examples()


def test_replay_mixes_the_collections_texts_into_the_prompts(spec):
    changed = dataclasses.replace(spec, replay=0.05, seed=4, shards=2)
    examples, texts = changed.load_examples(), pretraining.OBJECTIVES["prefix_lm"]
    assert (examples.share, examples.shards) == (0.05, 2)
    assert (type(examples.texts), examples.texts.seed) == (texts, 4)
    # The 20th example of each shard is its first text, and behind it come the 20th prompts.
    prompts = dataclasses.replace(spec, seed=4).load_examples()
    for i, same in ((37, prompts[37]), (38, examples.texts[0]), (40, prompts[38])):
        assert {n: a.tolist() for n, a in examples[i].items()} == {
            n: a.tolist() for n, a in same.items()
        }
    assert changed.label() == "nano on all tasks, 50% few-shot, 5% text, seed 4"


def test_a_run_may_go_on_with_the_text_where_another_stopped(spec):
    first = dataclasses.replace(spec, objective="prefix_lm")
    later = dataclasses.replace(first, first_text=7)
    said = [
        examples.documents[i]
        for examples, i in ((first.load_examples(), 9), (later.load_examples(), 2))
    ]
    assert said[0] == said[1]


def test_replay_of_a_collection_without_texts_is_one_sentence(spec):
    changed = dataclasses.replace(spec, collection="flan2022", replay=0.05)
    said = "replay is 0.05: collection 'flan2022' has no pretraining text: .*, or leave out replay$"
    with pytest.raises(InputError, match=said):
        changed.load_examples()


def test_only_a_falling_rate_depends_on_the_steps(spec):
    assert spec.learning_rate_schedule() == 1e-3
    falling = dataclasses.replace(spec, decay_steps=1).learning_rate_schedule()
    assert falling == Falling(1e-3, steps=2, decay_steps=1)


def test_the_order_of_fields_does_not_matter(spec):
    fields = dataclasses.asdict(spec)
    assert RunSpec(**dict(reversed(fields.items()))).run_id == spec.run_id


def test_equal_specs_have_the_same_name_however_their_numbers_are_written(spec):
    whole = dataclasses.replace(spec, learning_rate=1, few_shot_fraction=1, dropout_rate=0)
    point = dataclasses.replace(spec, learning_rate=1.0, few_shot_fraction=1.0, dropout_rate=0.0)
    assert whole == point
    assert whole.run_id == point.run_id


def test_a_spec_read_from_json_is_the_same_run(spec):
    changed = dataclasses.replace(spec, tasks=("sum", "kind"))
    read = RunSpec(**json.loads(json.dumps(dataclasses.asdict(changed))))
    assert read == changed
    assert read.run_id == changed.run_id


@pytest.mark.parametrize("name", NAMES)
def test_any_changed_field_is_another_run(spec, name):
    if name == "first_text":  # prompts have none
        spec = dataclasses.replace(spec, objective="prefix_lm")
    if name == "prompt_length":  # it is trained for a model that is there
        spec = dataclasses.replace(spec, start="pocket-nano-1a2b3c4d")
    if name == "rates":  # they are a mixture's
        spec = dataclasses.replace(spec, mixture="flan2022")
    if name == "causal":  # an encoder is not
        spec = dataclasses.replace(spec, model="lm-nano")
    changed = dataclasses.replace(spec, **{name: CHANGED[name]})
    assert changed.run_id != spec.run_id


def test_the_same_clusters_are_the_same_run_in_any_order(spec):
    one, other = (
        dataclasses.replace(spec, without_clusters=names)
        for names in (("sentiment", "nli"), ["nli", "sentiment", "nli"])
    )
    assert one.without_clusters == ("nli", "sentiment")
    assert one.run_id == other.run_id != spec.run_id


def test_a_run_trains_on_no_cluster_that_is_held_out(spec):
    named = dataclasses.replace(
        spec, mixture="flan2021_original", few_shot_fraction=0.0, without_clusters=("commonsense",)
    )
    tasks = {task.name for task in named.load_mixture().tasks}
    assert len(tasks) == 60 - 4 - 2
    assert not tasks & {"copa", "story_cloze", "record"}
    assert named.with_content().data
    said = "nano on flan2021_original without commonsense, 4 templates, 0% few-shot, seed 0"
    assert dataclasses.replace(named, templates=4).label() == said
    bare = dataclasses.replace(named, instructions="none")
    assert bare.load_mixture()[0].template == "none"
    assert ", instructions none, 0% few-shot" in bare.label()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"tasks": ("sst2", "rte"), "without_clusters": ("paraphrase",)},
            "task 'rte' is to be trained on, and without_clusters holds out its cluster nli, which",
        ),
        ({"without_clusters": ("nli",)}, "without_clusters holds out clusters of source flan2021,"),
        (
            {"mixture": "flan2022", "without_clusters": ("nli",)},
            "without_clusters holds out clusters of source flan2021, and task",
        ),
    ],
)
def test_tasks_that_are_held_out_cannot_be_trained_on(spec, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        dataclasses.replace(spec, **changes).load_mixture()
    with pytest.raises(InputError, match=sentence):
        dataclasses.replace(spec, **changes).with_content()


@pytest.mark.parametrize("name", ["microbatches", "shards"])
@pytest.mark.parametrize("parts", [3, 4])
def test_a_batch_is_divided_into_equal_parts(spec, name, parts):
    with pytest.raises(InputError, match=f"{name} is {parts}: expected a divisor of the batch's 2"):
        dataclasses.replace(spec, **{name: parts})


def test_prompts_of_an_earlier_version_name_a_run_and_cannot_be_trained_on(spec):
    earlier = dataclasses.replace(spec, prompts=2)
    assert earlier.run_id != spec.run_id
    with pytest.raises(
        InputError, match="the run's prompts are of version 2, and this package makes"
    ):
        earlier.load_mixture()


def test_a_run_may_choose_how_prompts_are_written(spec):
    assert spec.load_mixture().way == "plain"
    assert dataclasses.replace(spec, formats="paper").load_mixture().way == "paper"
    named = dataclasses.replace(spec, mixture="flan2022", formats="plain")
    assert named.load_mixture().way == "plain"
    assert dataclasses.replace(named, formats="").load_mixture().way == "reference"


def test_an_unknown_engine_is_an_error_that_lists_the_engines(spec):
    with pytest.raises(InputError, match="unknown engine 'gpu': choose one of local, t5x"):
        dataclasses.replace(spec, engine="gpu")


def test_a_mixture_takes_the_specs_choices(spec):
    changed = dataclasses.replace(spec, tasks=("rte", "copa"), few_shot_fraction=0.0, seed=5)
    mixture = changed.load_mixture()
    assert [task.name for task in mixture.tasks] == ["rte", "copa"]
    assert (mixture.seed, mixture.few_shot_fraction) == (5, 0.0)
    assert len(spec.load_mixture().tasks) == len(spec.load_collection().tasks)


def test_a_run_on_one_task_may_leave_out_inverted_prompts(spec):
    for rate, expected in ((None, True), (0.0, False)):
        mixture = dataclasses.replace(spec, tasks=("wanli",), inversion_rate=rate).load_mixture()
        assert any(mixture[i].inverted for i in range(100)) is expected


def test_an_unknown_task_is_an_error_that_names_the_nearest(spec):
    said = r"'taste' is no training task of collection 'pocket': it has 1[89]\d\d .*, e.g. .{,200}$"
    with pytest.raises(InputError, match=said):
        dataclasses.replace(spec, tasks=("rte", "taste")).load_mixture()


def test_the_model_has_the_vocabularys_size_and_the_specs_dtype(spec):
    config = dataclasses.replace(spec, dtype="bfloat16", dropout_rate=0.2).model_config()
    assert config.vocab_size == spec.load_vocabulary().size
    assert (config.emb_dim, config.dtype, config.dropout_rate) == (64, "bfloat16", 0.2)
