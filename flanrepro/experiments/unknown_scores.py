"""Scores that are no numbers, which no mean may take in."""

import warnings


class UnknownScores(UserWarning):
    """Warns that runs have scores which are no numbers."""


def known(table, what: str, value: str = "value"):
    """The rows of a table whose value is a number; a warning names the runs of the others.

    An unknown score (AUC-ROC of items of one class) would else be left out of some means and not of
    others.
    """
    import numpy as np

    finite = np.isfinite(table[value].astype(float))
    if not finite.all():
        runs = ", ".join(dict.fromkeys(table.loc[~finite, "run"]))
        warnings.warn(
            f"{what}: {(~finite).sum()} of {len(table)} scores are no numbers, and are left out "
            f"(of run {runs}): evaluate more items, or train the run again",
            UnknownScores,
            stacklevel=3,
        )
    return table[finite]
