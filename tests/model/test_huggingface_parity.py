"""Against Hugging Face's T5 (`google/t5-v1_1-*`'s architecture) with the same random weights."""

import dataclasses

import jax
import numpy as np
import pytest

from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.model import huggingface
from flanrepro.model.decoding import greedy_decode
from flanrepro.model.model import Model
from flanrepro.model.network import param_shapes
from flanrepro.model.sizes import T5Config, t5_config
from flanrepro.model.t5 import Transformer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _with_pytorch():
    # Not when the module is collected: `make test` then has no need of 400 MB for PyTorch.
    pytest.importorskip("torch", reason="PyTorch is not installed (extra `interop`)")
    pytest.importorskip(
        "transformers.models.t5.modeling_t5",
        reason="transformers, or what it needs of PyTorch, is not installed (extra `interop`)",
        exc_type=ImportError,
    )


ROWS, PIECES = 896, 874
"""Of the shipped vocabulary."""

UNEVEN = T5Config(ROWS, 48, 3, 8, num_encoder_layers=1, num_decoder_layers=3, mlp_dim=80)
NANO, MICRO = t5_config("nano", ROWS), t5_config("micro", ROWS)


def tied(config):
    return dataclasses.replace(config, logits_via_embedding=True)


@pytest.fixture(scope="module")
def vocabulary():
    return load_vocabulary("pocket")


def random_params(config, embedding=1.0) -> dict:
    """As wide as initial ones (in NumPy: to compile those takes longer than the test), but norms
    that are not 1."""
    rng = np.random.default_rng(0)

    def leaf(path, shape):
        scale = {"kernel": shape[0] ** -0.5, "embedding": embedding}.get(path[-1].key, 1.0)
        if path[-2].key == "query":
            scale *= config.head_dim**-0.5
        noise = rng.normal(size=shape) if path[-1].key != "scale" else rng.uniform(0.5, 1.5, shape)
        return (noise * scale).astype(np.float32)

    return jax.tree_util.tree_map_with_path(lambda p, x: leaf(p, x.shape), param_shapes(config))


def their_model(folder):
    import transformers

    return transformers.T5ForConditionalGeneration.from_pretrained(folder).eval()


def both_logits(config, params, theirs, inputs, targets):
    """Ours and theirs, float32 [batch, targets, vocab]; 0 is padding."""
    import torch

    decoder_inputs = np.pad(targets, ((0, 0), (1, 0)))[:, :-1]
    ours = jax.jit(Transformer(config).apply)({"params": params}, inputs, decoder_inputs, targets)
    ids = torch.tensor(inputs, dtype=torch.long)
    with torch.no_grad():
        logits = theirs(
            input_ids=ids,
            attention_mask=(ids > 0).long(),
            decoder_input_ids=torch.tensor(decoder_inputs, dtype=torch.long),
        ).logits
    return np.asarray(ours), logits.numpy()


# Loud attention turns float32's rounding into more than 1e-4; a wrong bucket would make it 1.
def test_logits_of_loud_parameters_are_hugging_face_s(config, params, tokens, vocabulary, tmp_path):
    huggingface.write(Model("loud", config, params, vocabulary), tmp_path)
    inputs, targets = tokens(2, 200), tokens(2, 150)
    inputs[0, 120:] = 0
    ours, theirs = both_logits(config, params, their_model(tmp_path), inputs, targets)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    "config, lengths",
    [
        (NANO, (1, 1)),
        (NANO, (17, 5)),
        (tied(NANO), (17, 5)),
        (UNEVEN, (40, 64)),
        (tied(MICRO), (200, 150)),
    ],
)
def test_logits_are_hugging_face_s_in_every_size_and_length(
    config, lengths, tokens, vocabulary, tmp_path
):
    params = random_params(config)
    huggingface.write(Model("random", config, params, vocabulary), tmp_path)
    theirs = their_model(tmp_path)
    head_is_the_embedding = theirs.lm_head.weight is theirs.shared.weight
    assert head_is_the_embedding == config.logits_via_embedding
    inputs, targets = (tokens(3, length) for length in lengths)
    inputs[0, 1 + lengths[0] // 2 :] = 0
    inputs[1, 1:] = 0
    ours, expected = both_logits(config, params, theirs, inputs, targets)
    assert expected.std() > 0.05
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("config", [NANO, tied(NANO)])
def test_greedy_text_of_200_prompts_is_hugging_face_s(config, vocabulary, tmp_path):
    import torch
    import transformers

    rng = np.random.default_rng(5)
    # A small embedding: else the decoder says its own input again, whatever the prompt is.
    model = Model("random", config, random_params(config, embedding=0.1), vocabulary)
    if not config.logits_via_embedding:
        model.params["decoder"]["logits_dense"]["kernel"][:, 1] *= 2  # some answers end early
    huggingface.write(model, tmp_path)
    words = [rng.integers(20, PIECES, rng.integers(1, 24)).tolist() for _ in range(200)]
    prompts = [vocabulary.decode(ids) for ids in words]

    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    batch = tokenizer(prompts, padding=True, return_tensors="pt")
    ids = [[*vocabulary.encode(prompt), 1] for prompt in prompts]
    assert [row[row > 0].tolist() for row in batch.input_ids] == ids
    inputs = batch.input_ids.numpy().astype(np.int32)
    with torch.no_grad():
        generated = their_model(tmp_path).generate(**batch, max_new_tokens=16, do_sample=False)
    theirs = np.zeros((200, 16), np.int32)
    theirs[:, : generated.shape[1] - 1] = generated[:, 1:]

    again = huggingface.read(tmp_path)
    for ours in (model, again):
        found = np.asarray(greedy_decode(ours.config, ours.params, inputs, 16))
        np.testing.assert_array_equal(found, theirs)
    texts = [vocabulary.decode(row) for row in theirs]
    assert len(set(texts)) > 150
    assert texts == [again.vocabulary.decode(row) for row in theirs]
    if not config.logits_via_embedding:
        assert 5 < (theirs[:, -1] == 0).sum() < 195


@pytest.mark.parametrize("kind", ["T5", "MT5"])
@pytest.mark.parametrize("tie", [True, False])
def test_what_transformers_saves_is_read_and_computes_the_same(
    kind, tie, tokens, vocabulary, tmp_path
):
    import torch
    import transformers

    torch.manual_seed(0)
    fields = {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 4}
    options = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": tie, "vocab_size": ROWS}
    config = getattr(transformers, f"{kind}Config")(**fields, **options)
    theirs = getattr(transformers, f"{kind}ForConditionalGeneration")(config).eval()
    theirs.save_pretrained(tmp_path)
    (tmp_path / "spiece.model").write_bytes(vocabulary.path.read_bytes())
    model = huggingface.read(tmp_path)
    # T5's tied logits are scaled; v1.1's are not, nor are mT5's.
    assert model.config.logits_via_embedding == (tie and kind == "T5")
    inputs, targets = tokens(2, 30), tokens(2, 20)
    inputs[1, 9:] = 0
    ours, expected = both_logits(model.config, model.params, theirs, inputs, targets)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4 * max(1, expected.std()))
