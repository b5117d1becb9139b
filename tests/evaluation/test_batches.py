import numpy as np
import pytest

from flanrepro.collection.suites import suite_items
from flanrepro.collection.task import Suite
from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.evaluation import batches as module
from flanrepro.evaluation.batches import PromptCut, batches, encode_items, rows_per_batch
from flanrepro.model.sizes import SIZES, t5_config
from flanrepro.sources import load_collection

NANO = t5_config("nano", 768)
VOCABULARY = load_vocabulary("pocket")
INSTRUCTION = "definition: with a list of words do this: write the list."


def defined() -> Suite:
    """A task whose prompts begin with an instruction: a definition."""
    task = load_collection("pocket").tasks["mixed_list_then_write_all"]
    return Suite("made", (task,))


@pytest.mark.parametrize("count", [0, 1, 50])
@pytest.mark.parametrize("targets", ["one", "many"])
def test_every_input_is_in_one_batch_padded_to_a_length_of_its_own(count, targets, monkeypatch):
    monkeypatch.setattr(module, "CPU_COMPILE_WORK", 1e7)
    monkeypatch.setattr(module, "COMPILE_WORK", 1e7)
    rng = np.random.default_rng(0)
    encoded = [rng.integers(2, 99, rng.integers(1, 101)).tolist() for _ in range(count)]
    behind = 6 if targets == "one" else rng.integers(1, 40, count).tolist()
    made = batches(encoded, NANO, behind)
    assert sorted(i for batch, _ in made for i in batch.index) == list(range(count))
    for batch, length in made:
        assert batch.tokens.shape[1] % module.LENGTH_STEP == 0
        for i, row in zip(batch.index, batch.tokens, strict=False):
            assert row[: len(encoded[i])].tolist() == encoded[i]
            assert not row[len(encoded[i]) :].any()
            assert length == 6 if targets == "one" else behind[i] <= length < 2 * max(behind[i], 5)
        assert not batch.tokens[len(batch.index) :].any()


def shapes(lengths, config=NANO):
    return [batch.tokens.shape for batch, _ in batches([[2] * n for n in lengths], config, 8)]


SMALL, XL = t5_config("small", 32128), t5_config("xl", 32128)


def test_a_few_inputs_share_a_length_and_many_do_not():
    assert {shape[1] for shape in shapes([20, 100] * 10)} == {112}
    assert {shape[1] for shape in shapes([20, 100] * 500)} == {32, 112}
    # A large model takes as long to compile a layer and much longer to run it.
    assert {shape[1] for shape in shapes([20, 100] * 200)} == {112}
    assert {shape[1] for shape in shapes([20, 100] * 10, XL)} == {32, 112}


def test_a_length_is_one_that_evaluations_share_unless_its_padding_costs_more_than_compiling():
    assert {shape[1] for shape in shapes([5])} == {32}
    assert [shapes([n])[0][1] for n in (33, 48, 49, 65, 96, 97, 129, 257)] == [
        *(48, 48, 64, 80, 96, 112, 160, 320)
    ]
    assert {shape[1] for shape in shapes([129] * 5000)} == {144}
    assert {shape[1] for shape in shapes([257] * 50, XL)} == {272}


def test_batches_of_a_length_have_one_shape(monkeypatch):
    monkeypatch.setattr(module, "rows_per_batch", lambda *_: 16)
    # A small model's are full whatever there is to fill them, so that every evaluation's are alike.
    assert shapes([20] * 33) == [(16, 32)] * 3 and shapes([20]) == [(16, 32)]
    # A larger one's have eighths of those rows, where more padding would take longer than to
    # compile; and a large one's have none that is padding alone, but for the last batch's.
    assert shapes([200] * 9, SMALL) == [(10, 224)]
    assert shapes([200] * 33, XL) == [(11, 208)] * 3 and shapes([200], XL) == [(1, 224)]


def test_a_batch_has_the_rows_that_fit_into_the_memory(monkeypatch):
    for size in SIZES:
        assert rows_per_batch(t5_config(size, 32128), 2048, 256) >= 1
    monkeypatch.setattr(module, "_wanted_rows", lambda *_: 10**9)
    monkeypatch.setattr(module, "_free_memory", lambda: 1e9)
    less = rows_per_batch(NANO, 512, 64)
    monkeypatch.setattr(module, "_free_memory", lambda: 2e9)
    assert 1 < less < rows_per_batch(NANO, 512, 64)
    monkeypatch.setattr(module, "_free_memory", lambda: 0)
    assert rows_per_batch(t5_config("xxl", 32128), 2048, 256) == 1


def test_a_prompt_that_fits_is_encoded_whole_with_eos():
    items = suite_items(defined(), 2, 2)
    ids = VOCABULARY.encode(items[0].prompt.inputs)
    one = encode_items(items, defined(), VOCABULARY, 256)[0]
    assert (one.prompt, one.ids, one.shortened, one.cut) == (items[0].prompt, [*ids, EOS], 0, 0)


def test_a_prompt_that_is_too_long_loses_exemplars_whole_and_keeps_its_instruction():
    item = suite_items(defined(), 5, 1)[0]
    whole = len(VOCABULARY.encode(item.prompt.inputs)) + 1
    one = encode_items([item], defined(), VOCABULARY, whole - 1)[0]
    assert one.prompt.exemplars == item.prompt.exemplars[:-1]
    assert (one.shortened, one.cut) == (1, 0)
    assert one.prompt.inputs.startswith(INSTRUCTION)
    assert one.ids == [*VOCABULARY.encode(one.prompt.inputs), EOS]


def test_a_question_that_is_too_long_keeps_its_instruction_and_its_end_with_a_warning():
    item = suite_items(defined(), 2, 1)[0]
    bare = suite_items(defined(), 0, 1)[0]
    assert bare.prompt.record == item.prompt.record
    ids = VOCABULARY.encode(bare.prompt.inputs)
    said = VOCABULARY.encode(INSTRUCTION)
    sentence = (
        rf"1 of 1 prompts have more than {len(ids) - 2} tokens without any exemplar; .*, 3 tokens "
        r"of task 'mixed_list_then_write_all', validation record \d, at most: raise inputs_length"
    )
    with pytest.warns(PromptCut, match=sentence):
        one = encode_items([item], defined(), VOCABULARY, len(ids) - 2)[0]
    assert (one.shortened, one.cut) == (2, 3)
    assert one.ids == [*said, *ids[len(said) + 3 :], EOS]


def test_an_instruction_that_alone_is_too_long_is_one_sentence():
    items = suite_items(defined(), 0, 1)
    sentence = (
        r"^task 'mixed_list_then_write_all', validation record \d: the instruction alone has 14 "
        r"tokens, and 8 is the longest input: raise inputs_length$"
    )
    with pytest.raises(InputError, match=sentence):
        encode_items(items, defined(), VOCABULARY, 8)


def test_a_prompt_without_an_instruction_loses_its_front():
    suite = load_collection("pocket").suites["mmlu"]
    item = suite_items(suite, 0, 1)[0]
    ids = VOCABULARY.encode(item.prompt.inputs)
    with pytest.warns(PromptCut):
        one = encode_items([item], suite, VOCABULARY, 10)[0]
    assert one.ids == [*ids[-9:], EOS]
