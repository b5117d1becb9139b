"""Prompt tuning (Lester et al., 2021): vectors before the inputs, which alone are trained.

They are virtual tokens: their ids follow the vocabulary's, and a model that has them holds their
vectors as one leaf more, `soft_prompt/vectors` [length, embed].
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

NAME = "soft_prompt"
COMMON = 5000
"""Number of the vocabulary's first ids, its most frequent pieces, whose embeddings a soft prompt
begins as (Lester et al., 2021, section 2.2)."""


def length_of(params: Mapping[str, Any]) -> int:
    """Counts the virtual tokens of a model; 0: it has none."""
    return len(params[NAME]["vectors"]) if NAME in params else 0


def embedding_of(params: Mapping[str, Any]) -> Any:
    """Gives a model's token embedding, [vocab, embed]."""
    return params.get("token_embedder", params["decoder"].get("token_embedder"))["embedding"]


def with_prompt(params: Mapping[str, Any], length: int, seed: int) -> dict[str, Any]:
    """Adds a soft prompt to a model: embeddings of frequent tokens, drawn by `seed`.

    Args:
        params: tree of `flanrepro.model.network.init_params`.
        length: number of virtual tokens.
        seed: number that decides them.
    """
    table = np.asarray(embedding_of(params), np.float32)
    # Behind padding, the end of a sequence and what is unknown.
    rows = np.random.default_rng(seed).integers(3, min(COMMON, len(table)), length)
    return {**params, NAME: {"vectors": table[rows]}}


def trained(params: dict) -> dict:
    """Gives the parameters that are trained: the soft prompt alone, if there is one."""
    return {NAME: params[NAME]} if NAME in params else params


def variables(params: Mapping[str, Any]) -> dict[str, Any]:
    """Gives parameters as the network's `apply` takes them."""
    if NAME not in params:
        return {"params": params}
    rest = {name: tree for name, tree in params.items() if name != NAME}
    vectors = {"token_embedder": {"embedding": params[NAME]["vectors"]}}
    # A decoder-only model has its embedding in the decoder.
    return {"params": rest, NAME: vectors if "token_embedder" in rest else {"decoder": vectors}}


def prompted(ids: Sequence[int], length: int, first: int) -> list[int]:
    """Puts the virtual tokens, whose ids begin at `first`, before an input's ids."""
    return [*range(first, first + length), *ids]
