"""T5X's names of every parameter's axes, by which they are spread over devices."""

import jax

# By the last name of a parameter's path, or the one before `kernel`: layers are all alike.
_AXES = {
    "embedding": ("vocab", "embed"),
    "rel_embedding": ("heads", "relpos_buckets"),
    "vectors": ("prompt", "embed"),
    "scale": ("embed",),
    "query": ("embed", "joined_kv"),
    "key": ("embed", "joined_kv"),
    "value": ("embed", "joined_kv"),
    "out": ("joined_kv", "embed"),
    "wi_0": ("embed", "mlp"),
    "wi_1": ("embed", "mlp"),
    "wo": ("mlp", "embed"),
    "logits_dense": ("embed", "vocab"),
}


def logical_axes(params: dict) -> dict:
    """Gives T5X's logical axis names of every parameter, in a tree like `params`."""

    def axes(path, _) -> tuple[str, ...]:
        names = [entry.key for entry in path]
        return _AXES[names[-2] if names[-1] == "kernel" else names[-1]]

    return jax.tree_util.tree_map_with_path(axes, params)
