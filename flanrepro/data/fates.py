"""What became of a training prompt or text at a run's lengths, as one number, and their counts.

Every example carries its fate, so that the counts are of the batches that were trained on, not of
those that were read ahead. Zero is padding; a number above `DROPPED` says how many exemplars the
prompt lost, see `without_exemplars`.
"""

from collections.abc import Mapping

import numpy as np

KEPT, TRUNCATED, DROPPED = 1, 2, 3
"""Fates: whole; with a text that was cut; left out."""

LOSSES = ("truncated", "dropped", "shortened", "exemplars_dropped")
"""Names of the counts of what was lost."""


def without_exemplars(number: int) -> int:
    """Gives the fate of a prompt that lost `number` exemplars, at least 1, and is whole else."""
    return DROPPED + number


def count_fates(fate: np.ndarray) -> dict[str, int]:
    """Counts fates.

    Returns:
        numbers of the `examples` read; of the `truncated` and the `dropped` (left out) ones; of the
        `shortened` ones, which lost exemplars; and of these exemplars, `exemplars_dropped`.
    """
    lost = fate[fate > DROPPED] - DROPPED
    return {
        "examples": int((fate > 0).sum()),
        "truncated": int((fate == TRUNCATED).sum()),
        "dropped": int((fate == DROPPED).sum()),
        "shortened": int(lost.size),
        "exemplars_dropped": int(lost.sum()),
    }


def say_losses(counts: Mapping[str, int | None], what: str = "prompts") -> str:
    """Says what was lost, as part of a sentence.

    Args:
        counts: `examples` and `LOSSES`; a count may be missing or None, as T5X gives none.
        what: name of what was read.

    Returns:
        `6 of 80 prompts did not fit: 3 lost exemplars (5 in all), 2 cut, 1 left out`; empty if all
        did.
    """
    cut, left_out, shortened, exemplars = (counts.get(name) or 0 for name in LOSSES)
    if not (cut or left_out or shortened):
        return ""
    read = f"{cut + left_out + shortened:,} of {counts['examples']:,} {what}"
    lost = f"{shortened:,} lost exemplars ({exemplars:,} in all), " if shortened else ""
    return f"{read} did not fit: {lost}{cut:,} cut, {left_out:,} left out"
