"""The mixtures of runs as a table: what each source's share is."""

from collections.abc import Iterable

import pandas as pd

from flanrepro.collection.named import named_mixture
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec


def shares(specs: Iterable[RunSpec]) -> pd.DataFrame:
    """A row per mixture: the share of each source among the available tasks, in per cent.

    The last column, `few-shot`, is the share of prompts with exemplars, of all sources.
    """
    rows = {}
    for spec in specs:
        made = named_mixture(spec.mixture, load_collection(spec.collection))
        of_source = {source: 100 * share for source, share in made.shares.items()}
        rows[spec.mixture] = of_source | {"few-shot": 100 * spec.few_shot_fraction}
    table = pd.DataFrame.from_dict(rows, orient="index").fillna(0).round(1)
    return table[[name for name in table if name != "few-shot"] + ["few-shot"]]
