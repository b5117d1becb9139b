"""The published rates of Flan 2022's sources, which contradict one another, beside ours."""

import pandas as pd

from flanrepro.collection.named import NamedMixture
from flanrepro.packaged import read_yaml


def table(made: NamedMixture) -> pd.DataFrame:
    """Each published set of rates in per cent of its sum, then those of a mixture.

    Args:
        made: mixture whose rates are listed beside the published ones, e.g. `flan2022`.

    Returns:
        a row per place and source: where, source, rate (as stated), per_cent, remark. Two places
        are `here`: the rates that we take, and their shares among the available tasks.
    """
    data = read_yaml("flanrepro.collection", "mixtures")
    rows = []
    for conflict in data["conflicts"]:
        rates = conflict["rates"]
        if list(rates.values()) == ["equal"]:  # a place that says "equal" lists no sources
            rates = dict.fromkeys(made.stated, 1)
        rows += _rows(conflict["where"], rates, conflict["remark"])
    rows += _rows("here, stated", made.stated, " ".join(data["choice"].split()))
    rows += _rows("here, of the available tasks", made.shares, made.report().partition("\n")[0])
    return pd.DataFrame(rows)


def _rows(where: str, rates: dict[str, float], remark: str) -> list[dict]:
    total = sum(rates.values())
    return [
        {"where": where, "source": source, "rate": rate}
        | {"per_cent": 100 * rate / total, "remark": remark}
        for source, rate in rates.items()
    ]
