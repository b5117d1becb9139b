"""Original files in common layouts come as rows, however long a field is."""

import pytest

from flanrepro.errors import InputError
from flanrepro.raw.parsers import PARSERS


@pytest.mark.parametrize(("layout", "part"), [("csv", ","), ("tsv", "\t")])
def test_a_field_may_be_as_long_as_a_book(tmp_path, layout, part):
    path = tmp_path / "table"
    path.write_text(f"id{part}text\n1{part}{'x' * 500_000}\n")
    ((where, row),) = PARSERS[layout](path)
    assert where == f"{path}, line 2"
    assert row == {"id": "1", "text": "x" * 500_000}


def test_a_row_with_another_number_of_columns_is_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,text\n1,a\n2\n")
    with pytest.raises(InputError, match=r"table.csv, line 3: the row has not just the header's"):
        list(PARSERS["csv"](path))
