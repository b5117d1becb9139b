import jax
import numpy as np

from flanrepro.model.decoding import greedy_decode
from flanrepro.model.t5 import Transformer

EOS, LENGTH = 1, 12


def teacher_forced(config, params, inputs, length):
    """Greedy tokens with no cache: the whole decoder again for every token."""
    # Positions behind the last token must not be padding, or the decoder would not see them.
    targets = np.full((len(inputs), length), 2, np.int32)
    model = jax.jit(lambda x, y: Transformer(config).apply({"params": params}, x, y, targets))
    decoder_inputs = np.zeros_like(targets)
    ended = np.zeros(len(inputs), bool)
    generated = np.zeros_like(targets)
    for i in range(length):
        best = np.asarray(model(inputs, decoder_inputs))[:, i].argmax(axis=-1)
        generated[:, i] = np.where(ended, 0, best)
        ended |= generated[:, i] == EOS
        if i + 1 < length:
            decoder_inputs[:, i + 1] = generated[:, i]
    return generated


def ragged(tokens):
    """Inputs [8, 20] of different lengths."""
    inputs = tokens(8, 20)
    for row, length in enumerate((20, 3, 7, 12, 1, 19, 5, 10)):
        inputs[row, length:] = 0
    return inputs


def test_cached_decoding_is_the_full_forward_pass_step_by_step(config, params, tokens):
    inputs = ragged(tokens)
    generated = np.asarray(greedy_decode(config, params, inputs, LENGTH))
    assert generated.shape == (8, LENGTH) and generated.dtype == np.int32
    np.testing.assert_array_equal(generated, teacher_forced(config, params, inputs, LENGTH))
    # Worth comparing only if rows differ and run for more than a token.
    assert len({tuple(row) for row in generated}) > 4 and (generated[:, 3] > 1).any()


def test_padding_and_neighbours_change_no_generated_token(config, params, tokens):
    inputs = ragged(tokens)
    together = np.asarray(greedy_decode(config, params, inputs, LENGTH))
    alone = np.asarray(greedy_decode(config, params, inputs[1:2, :3], LENGTH))
    np.testing.assert_array_equal(together[1:2], alone)


def with_likely_eos(params, generated):
    """Parameters under which EOS is as likely as a token that was generated often."""
    ids, counts = np.unique(generated[generated > EOS], return_counts=True)
    kernel = np.array(params["decoder"]["logits_dense"]["kernel"])
    kernel[:, EOS] = 1.001 * kernel[:, ids[counts.argmax()]]
    return params | {"decoder": params["decoder"] | {"logits_dense": {"kernel": kernel}}}


def test_greedy_decoding_stops_at_eos(config, params, tokens):
    inputs = ragged(tokens)
    params = with_likely_eos(params, np.asarray(greedy_decode(config, params, inputs, LENGTH)))
    generated = np.asarray(greedy_decode(config, params, inputs, LENGTH))
    ended = (generated == EOS).any(axis=1)
    assert ended.any()
    for row in generated[ended]:
        first = int(np.argmax(row == EOS))
        assert (row[:first] > EOS).all() and (row[first + 1 :] == 0).all()


def test_a_row_of_padding_stays_empty(config, params, tokens):
    inputs = np.concatenate([tokens(1, 6), np.zeros((1, 6), np.int32)])
    generated = np.asarray(greedy_decode(config, params, inputs, LENGTH))
    assert (generated[1] == 0).all() and generated[0].any()


def test_decoding_is_compiled_once_per_shape(config, params, tokens):
    greedy_decode(config, params, tokens(3, 5), 4)
    compiled = greedy_decode._cache_size()
    greedy_decode(config, params, tokens(3, 5), 4)
    assert greedy_decode._cache_size() == compiled
    greedy_decode(config, params, tokens(3, 6), 4)
    assert greedy_decode._cache_size() == compiled + 1
