"""Golden examples of every source with real files: record, prompt in each setting, tokens.

`golden.json` was read by a person. Tokens are those of a vocabulary that is made up here: what is
unknown to it (id 2) is tested as well as what is known, and nothing has to be downloaded.
"""

import json
import string
from pathlib import Path

import pytest

from flanrepro.collection.formats import plain
from flanrepro.collection.prompt import render
from flanrepro.collection.templates import load_by_direction
from flanrepro.data.vocabulary import Vocabulary, write_word_vocabulary
from flanrepro.sources import load_collection

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text("utf-8"))
SETTINGS = ("zero_shot", "zero_shot_without_options", "few_shot", "inverted")
WORDS = (
    "answer the question options yes no say whether hypothesis follows from premise read "
    "conversation and write what is said next user given a command in of news item program problem "
    "def return for it",
    ". , : ( ) = - '",
    " ".join(string.ascii_lowercase),
)
"""The words and signs of the vocabulary. It has every letter, no digit and no other sign."""


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory) -> Vocabulary:
    path = tmp_path_factory.mktemp("golden") / "words.model"
    return Vocabulary(write_word_vocabulary(WORDS, path))


@pytest.mark.parametrize("source", GOLDEN)
def test_record_prompts_and_tokens(source, vocabulary, mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("FLANREPRO_MIRROR", str(mirror))
    monkeypatch.setenv("FLANREPRO_CACHE", str(tmp_path))
    golden = GOLDEN[source]
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
