"""What became of the examples that were read for a batch."""

import numpy as np

KEPT, TRUNCATED, DROPPED = 1, 2, 3
"""What a batch's `fate` says of an example; 0 is padding."""


def count_fates(fate: np.ndarray) -> dict[str, int]:
    """`examples` read for a batch and, of these, `truncated` and `dropped` ones."""
    return {
        "examples": int((fate > 0).sum()),
        "truncated": int((fate == TRUNCATED).sum()),
        "dropped": int((fate == DROPPED).sum()),
    }
