import functools
import re

import pandas as pd
import pytest
from typer.testing import CliRunner

from flanrepro.cli.app import app
from flanrepro.errors import InputError
from flanrepro.experiments import conditions
from flanrepro.sources import SAID

FIRST = "conditions_pocket1_nano.csv"


def pocket(*arguments: str, out) -> str:
    every = ["pocket", *arguments, "--profile", "smoke", "--out", str(out)]
    result = CliRunner().invoke(app, every, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_check_writes_a_row_per_quantity_and_keeps_those_of_other_conditions(
    tmp_path, monkeypatch
):
    few = functools.partial(conditions.overlaps, prompts=50, texts=50)
    monkeypatch.setattr(conditions, "overlaps", few)
    path = tmp_path / "figures/smoke/conditions_pocket_nano.csv"
    path.parent.mkdir(parents=True)
    said = pocket("check", "--conditions", "C4", out=tmp_path)
    assert "C4 wordings of their own: holds" in said
    assert "C1 latent knowledge: not measured" in said
    table = pd.read_csv(path)
    assert set(table["condition"]) == {"C4"}
    held_in = table[table["what"] == "mmlu in templates of Held-In"].iloc[0]
    assert (held_in["value"], held_in["n"], held_in["holds"]) == (0, 160, "holds")
    other = {"condition": "C2", "quantity": "kept", "what": "x", "value": 0.95, "holds": "holds"}
    pd.concat([table, pd.DataFrame([table.iloc[0].to_dict() | other])]).to_csv(path, index=False)
    assert "C2 kept knowledge: holds" in pocket("check", "--conditions", "C4", out=tmp_path)
    again = pd.read_csv(path)
    assert again["condition"].tolist() == ["C2", *["C4"] * len(table)]
    # Those of the first edition are kept beside it, under its own name.
    again.assign(value=0.5, holds="fails").to_csv(path.with_name(FIRST), index=False)
    beside = pocket("editions", out=tmp_path)
    assert re.search(r"^condition .* pocket1 +\| pocket *$", beside, re.MULTILINE)
    assert all(f"\n{SAID['pocket']}\n" in printed for printed in (said, beside))
    said = r"^C2 kept knowledge: completion after .* 0.5, 1 of 1 miss +\| 0.95 *$"
    assert re.search(said, beside, re.MULTILINE)


def test_an_edition_that_was_not_checked_says_so(tmp_path):
    with pytest.raises(InputError, match=rf"{re.escape(FIRST)} has no measured conditions"):
        pocket("editions", out=tmp_path)
