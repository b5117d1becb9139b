"""Golden examples of every source with real files: record, prompt in each setting, tokens.

`golden.json` was read by a person. Tokens are the pocket vocabulary's: what is unknown to it (id
2) is tested as well as what is known, and nothing has to be downloaded.
"""

import json
from pathlib import Path

import pytest

from flanrepro.collection.formats import plain
from flanrepro.collection.prompt import render
from flanrepro.collection.templates import load_by_direction
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.sources import load_collection

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text("utf-8"))
SETTINGS = ("zero_shot", "zero_shot_without_options", "few_shot", "inverted")


@pytest.mark.parametrize("source", GOLDEN)
def test_record_prompts_and_tokens(source, mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    golden, vocabulary = GOLDEN[source], load_vocabulary("pocket")
    load_collection.cache_clear()
    task = load_collection("flan2022").task(golden["task"])
    assert task.source == source
    assert dict(task.records("train")[golden["index"]]) == golden["record"]
    ways = {
        "zero_shot": {},
        "zero_shot_without_options": {"format": plain("nowhere")},
        "few_shot": {"exemplars": golden["exemplars"]},
    }
    inverted = load_by_direction(task.templates)[1]
    if inverted:
        ways["inverted"] = {"template": inverted[0]}
    assert set(ways) == set(golden) & set(SETTINGS)
    for setting, how in ways.items():
        prompt, wanted = render(task, golden["index"], **how), golden[setting]
        assert prompt.inputs == wanted["inputs"]
        assert prompt.targets == wanted["targets"]
        ids = vocabulary.encode(prompt.inputs)
        assert (ids[:12], len(ids)) == (wanted["first_tokens"], wanted["tokens"])
        assert vocabulary.encode(prompt.targets)[:12] == wanted["target_tokens"]
