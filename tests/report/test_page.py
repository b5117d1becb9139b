"""Tables on a notebook's page: nothing is cut, and what is marked can be read."""

import html
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from flanrepro.report.page import Page, listed, mark, print_paths, print_text, table
from flanrepro.report.verdicts import COLORS

LONG = "a claim that is far longer than the fifty characters that pandas shows of a cell, <b> & all"


class Cells(HTMLParser):
    """The texts of a table's cells, and the styles of its marks."""

    def __init__(self, html: str):
        super().__init__()
        self.texts, self.marks = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag in ("td", "th"):
            self.texts.append("")
        if tag == "span":
            self.marks.append(dict(attrs)["style"])

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data.strip("\n")


def test_a_table_has_every_text_whole_in_html_and_in_plain_text():
    made = table(pd.DataFrame({"claim": [LONG, "short"], "n": [1.5, None]}))
    assert Cells(made.html).texts == ["claim", "n", LONG, "1.5", "short", ""]
    assert repr(made) == f"claim | n\n{LONG} | 1.5\nshort | "
    assert made._repr_html_() == made.html
    assert "<b>" not in made.html


def test_a_word_with_a_colour_is_a_mark_and_other_words_are_none():
    found = Cells(table(pd.DataFrame({"v": ["opposite", "opposite?"]}), COLORS).html)
    assert len(found.marks) == 1 and found.texts == ["v", "opposite", "opposite?"]


def test_printed_text_is_broken_between_words_on_a_page_and_whole_elsewhere(capsys, monkeypatch):
    print_text(LONG, "  -> b")
    assert capsys.readouterr().out == f"{LONG}\n  -> b\n"
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    print_text(LONG, "  -> b")
    (made,) = shown
    assert "white-space:pre-wrap;word-break:normal" in made.html
    assert f"{html.escape(LONG)}\n  -&gt; b</pre>" in made.html


@pytest.mark.parametrize("color", sorted(set(COLORS.values())))
def test_a_mark_brings_its_own_colours_which_can_be_told_apart(color):
    (style,) = Cells(f"<td>{mark('x', color)}</td>").marks
    ink = dict(part.split(":") for part in style.split(";"))["color"]
    light, dark = sorted(map(luminance, (color, ink)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 4.5  # WCAG 2, level AA


def luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_that_is_no_mark_takes_its_colour_from_the_page():
    assert "color" not in table(pd.DataFrame({"a": ["b"]})).html


def test_sentences_are_a_list():
    assert listed(["a < b.", "c."]) == Page(
        "<ul>\n<li>a &lt; b.</li>\n<li>c.</li>\n</ul>", "- a < b.\n- c."
    )


def test_paths_are_printed_from_the_current_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    print_paths([tmp_path / "figures" / "a.png", Path(tmp_path.parent, "b.csv")])
    assert capsys.readouterr().out == "png: figures/a.png\ncsv: ../b.csv\n"


def test_a_long_name_may_be_broken_behind_its_underscores():
    made = table(pd.DataFrame({"task": ["reading_comprehension"]}))
    assert "reading_<wbr>comprehension" in made.html and made.text.endswith("reading_comprehension")
