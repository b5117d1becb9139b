import dataclasses
import warnings

import jax
import numpy as np
import pytest

from flanrepro.collection.suites import suite_items
from flanrepro.data.vocabulary import EOS, load_vocabulary
from flanrepro.errors import InputError
from flanrepro.evaluation import batches as module
from flanrepro.evaluation.batches import encode_items
from flanrepro.evaluation.predict import Ranked, decode, rank
from flanrepro.model import huggingface, pretrained
from flanrepro.model.decoding import greedy_decode
from flanrepro.model.model import Model
from flanrepro.model.sizes import t5_config
from flanrepro.model.t5 import Transformer
from flanrepro.sources import load_collection

TARGETS = 6


@pytest.fixture(scope="module")
def model() -> Model:
    name, vocabulary = pretrained.full_name("pocket", "nano"), load_vocabulary("pocket")
    return Model(name, t5_config("nano", vocabulary.size), pretrained.load(name), vocabulary)


@pytest.fixture(scope="module")
def asked(model) -> tuple[list[list[int]], list[tuple[str, ...]]]:
    """Ids and options of short and long prompts, with two to four options each."""
    suite = load_collection("pocket").suites["held_in"]
    items = [item for shots in (0, 3) for item in suite_items(suite, shots, 2)]
    items = [items[i] for i in np.random.default_rng(0).permutation(len(items))]
    ids = [one.ids for one in encode_items(items, suite, model.vocabulary, 256)]
    assert len({len(item.choices) for item in items}) == 3
    assert max(map(len, ids)) > 2 * min(map(len, ids))
    return ids, [item.choices for item in items]


@pytest.fixture(scope="module")
def answers(model, asked) -> tuple[list[str], list[Ranked]]:
    return decode(model, asked[0], TARGETS), rank(model, *asked)


def assert_same(answers, texts, ranked):
    assert texts == answers[0]
    for one, other in zip(answers[1], ranked, strict=True):
        assert one.best() == other.best() and one.tokens == other.tokens
        np.testing.assert_allclose(one.log_likelihoods, other.log_likelihoods, rtol=0, atol=1e-3)


def test_texts_are_in_the_inputs_order_and_as_one_by_one(model, asked, answers):
    texts = [decode(model, [ids], TARGETS)[0] for ids in asked[0][:3]]
    assert texts == answers[0][:3] and len(set(texts)) > 1
    alone = greedy_decode(model.config, model.params, np.array(asked[0][:1]), TARGETS)
    assert model.vocabulary.decode(np.asarray(alone)[0]) == texts[0]


def plain_log_likelihood(model, ids, target) -> float:
    """Of one target after one input: a forward pass without padding, batch or segments."""
    inputs, targets = np.array([ids]), np.array([target])
    apply = jax.jit(Transformer(model.config).apply)
    logits = apply(
        {"params": model.params}, inputs, np.pad(targets, ((0, 0), (1, 0)))[:, :-1], targets
    )
    log_probs = np.asarray(jax.nn.log_softmax(logits[0], axis=-1))
    return float(log_probs[np.arange(len(target)), target].sum())


def test_log_likelihoods_are_those_of_a_plain_forward_pass(model, asked, answers):
    for ids, options, ranked in list(zip(*asked, answers[1], strict=True))[:2]:
        targets = [[*model.vocabulary.encode(text), EOS] for text in options]
        expected = [plain_log_likelihood(model, ids, target) for target in targets]
        np.testing.assert_allclose(ranked.log_likelihoods, expected, rtol=5e-5)
        assert ranked.tokens == [len(target) for target in targets]


@pytest.mark.slow
def test_log_likelihoods_are_hugging_face_s_losses(model, asked, answers, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    pytest.importorskip(
        "transformers.models.t5.modeling_t5",
        reason="transformers, or what it needs of PyTorch, is not installed (extra `interop`)",
        exc_type=ImportError,
    )
    import transformers

    huggingface.write(model, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        net = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    for ids, options, ranked in list(zip(*asked, answers[1], strict=True))[:2]:
        for text, ours in zip(options, ranked.log_likelihoods, strict=True):
            labels = torch.tensor([[*model.vocabulary.encode(text), EOS]])
            with torch.no_grad():
                loss = net(input_ids=torch.tensor([ids]), labels=labels).loss
            assert ours == pytest.approx(-float(loss) * labels.numel(), abs=5e-4)


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_answers_do_not_depend_on_the_batch_size(model, asked, answers, rows, monkeypatch):
    monkeypatch.setattr(module, "rows_per_batch", lambda *_: rows)
    assert_same(answers, decode(model, asked[0], TARGETS), rank(model, *asked))


@pytest.mark.parametrize("step, compiling", [(64, 0), (8, 1e30), (256, 0)])
def test_answers_do_not_depend_on_the_padding(model, asked, answers, step, compiling, monkeypatch):
    monkeypatch.setattr(module, "LENGTH_STEP", step)
    monkeypatch.setattr(module, "CPU_COMPILE_WORK", compiling)
    monkeypatch.setattr(module, "COMPILE_WORK", compiling)
    assert_same(answers, decode(model, asked[0], TARGETS), rank(model, *asked))


def test_answers_do_not_depend_on_the_order_of_the_inputs(model, asked, answers):
    ids, options = asked[0][::-1], asked[1][::-1]
    texts, ranked = decode(model, ids, TARGETS), rank(model, ids, options)
    assert_same(answers, texts[::-1], ranked[::-1])


def test_options_of_an_input_do_not_see_each_other(model, asked, answers):
    ids, options = asked[0][0], asked[1][0]
    ranked = rank(model, [ids], [(*options[::-1], options[0])])[0].log_likelihoods
    expected = answers[1][0].log_likelihoods
    np.testing.assert_allclose(ranked, [*expected[::-1], expected[0]], rtol=0, atol=1e-3)
    assert ranked[-1] == pytest.approx(ranked[-2], abs=1e-4)


def test_the_best_option_is_the_first_of_equals_and_may_count_per_token():
    ranked = Ranked([-2.0, -3.0, -2.0], [1, 3, 2])
    assert (ranked.best(), ranked.best(per_token=True)) == (0, 1)


def test_nothing_is_asked_and_nothing_answered(model):
    assert decode(model, [], TARGETS) == [] == rank(model, [], [])


def test_parameters_are_put_on_the_device_once(model, asked, monkeypatch):
    rank(model, asked[0][:1], asked[1][:1])
    monkeypatch.setattr(jax, "device_put", None)
    decode(model, asked[0][:1], TARGETS)


@pytest.mark.parametrize("number", [np.nan, np.inf, 3e38])
def test_a_model_with_one_number_that_is_none_has_no_answers(model, asked, number):
    params = jax.tree.map(np.array, model.params)
    params["decoder"]["decoder_norm"]["scale"][3] = number
    broken = dataclasses.replace(model, params=params)
    ids, options = asked
    for answer in (lambda: rank(broken, ids[:2], options[:2]), lambda: decode(broken, ids[:2], 4)):
        with pytest.raises(InputError, match=f"model '{model.name}'.* so it has no answers"):
            answer()
