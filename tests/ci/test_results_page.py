from ci.bench.results_page import PAGE, filled, tables


def test_the_pages_tables_are_those_of_the_figures():
    page, made = PAGE.read_text("utf-8"), tables()
    assert all(f"<!-- table {name} -->\n\n| " in page for name in made)
    assert filled(page, made) == page, "write them anew: python -m ci.bench.results_page"


def test_a_table_takes_the_place_of_the_one_before():
    page = "a\n<!-- table x -->\nold\n<!-- end -->\nb\n<!-- table y -->\n<!-- end -->\n"
    assert filled(page, {"x": "| n\\1 |"}) == (
        "a\n<!-- table x -->\n\n| n\\1 |\n\n<!-- end -->\nb\n<!-- table y -->\n<!-- end -->\n"
    )
