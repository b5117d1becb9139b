"""How many tokens a device decodes per second: `python -m ci.bench decode`."""

import jax
import numpy as np
import pandas as pd

from ci.bench.common import timed
from ci.bench.rows import T5_VOCABULARY
from flanrepro.data.vocabulary import EOS
from flanrepro.model.decoding import greedy_decode
from flanrepro.model.network import init_params
from flanrepro.model.sizes import t5_config


def table(
    models: list[str], dtype: str, rows: int, inputs_length: int, targets_length: int, rounds: int
) -> pd.DataFrame:
    """Decodes random prompts with random parameters; a row per model.

    Returns:
        model, dtype, rows, inputs_length, targets_length, tokens_per_s (median over rounds, of
        generated tokens; encoding the inputs is in their time), compile_s (the first call).
    """
    tokens = np.random.default_rng(0).integers(3, T5_VOCABULARY - 100, (rows, inputs_length))
    found = []
    for model in models:
        config = t5_config(model, T5_VOCABULARY, dtype=dtype)
        params = init_params(config, 0)
        # A logit of 0 is never the largest of 32,128: no row ends before its last token.
        kernel = params["decoder"]["logits_dense"]["kernel"]
        params["decoder"]["logits_dense"]["kernel"] = kernel.at[:, EOS].set(0)

        def decode(config=config, params=params) -> jax.Array:
            ids = greedy_decode(config, params, tokens.astype(np.int32), targets_length)
            return jax.block_until_ready(ids)

        first, ids = timed(decode)
        seconds = np.median([timed(decode)[0] for _ in range(rounds)])
        lengths = {"inputs_length": inputs_length, "targets_length": targets_length}
        rates = {"tokens_per_s": int((ids > 0).sum()) / seconds, "compile_s": first - seconds}
        found.append({"model": model, "dtype": dtype, "rows": rows, **lengths, **rates})
    return pd.DataFrame(found)
