"""The website of two notebooks and all texts, executed and rendered as `make book` does it."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ci.book.pages import ROOT, linked
from flanrepro.experiments.exercises import exercises

NAMES = ("00_tour", "02_mixed_prompts")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# What a browser made of a page, written where --dump-dom shows it: MathJax has finished then.
PROBE = """<script>addEventListener("load", () => MathJax.startup.promise.then(() => {
  const all = (what) => [...document.querySelectorAll(what)];
  const solutions = all("details.solution");
  document.title = JSON.stringify({
    width: document.documentElement.scrollWidth,
    figures: all(".cell_output img").map((image) => image.naturalWidth),
    unset: all(".math").filter((formula) => !formula.querySelector("mjx-container svg")).length,
    formulas: all(".math").length,
    wrong: all("mjx-merror").length,
    shown: solutions.filter((each) => each.lastElementChild.checkVisibility()).length,
    solutions: solutions.length,
  });
}));</script>"""


class Page(HTMLParser):
    """Collects a page's addresses (of links, images, scripts and styles) and its ids."""

    def __init__(self, path: Path):
        super().__init__()
        self.addresses: list[tuple[str, str]] = []
        self.ids: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids.add(given.get("id") or "")
        if address := given.get("src") or given.get("href"):
            self.addresses.append((tag, address))


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The folder that a command has written the site into."""
    for needed in ("myst_nb", "sphinx_book_theme"):
        pytest.importorskip(needed)
    out = tmp_path_factory.mktemp("book")
    paths = [f"notebooks/{name}.ipynb" for name in NAMES]
    done = subprocess.run(
        [sys.executable, "-m", "ci.book", out, *paths], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == str(out / "html" / "index.html")
    return out


@pytest.mark.slow
def test_pages_hold_figures_and_folded_solutions_and_no_traceback(book):
    for name in NAMES:
        text = (book / "html" / "notebooks" / f"{name}.html").read_text("utf-8")
        number = len(exercises(ROOT / "notebooks" / f"{name}.ipynb"))
        assert len(re.findall('<details class="solution">.*?</details>', text, re.S)) == number
        hidden = re.findall(r"<details.*?</details>", text, re.S)
        assert sum("BEGIN HIDDEN TESTS" in re.sub("<.*?>", "", one) for one in hidden) == number
        assert text.count('alt="../_images/') >= 2
        assert "Traceback" not in text


@pytest.mark.slow
def test_links_resolve_and_nothing_is_loaded_from_the_network(book):
    site = book / "html"
    # A file of the theme's, in _static, is a template of its own that ends in .html.
    pages = {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    assert {f"{name}.html" for name in ("index", "00_tour", "results")} <= {p.name for p in pages}
    broken, foreign = [], []
    for path, page in pages.items():
        for tag, address in page.addresses:
            parts = urllib.parse.urlsplit(address)
            if parts.scheme or parts.netloc:
                if tag != "a":
                    foreign.append((path.name, address))
                continue
            target = (
                (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            )
            there = target.is_file() and (
                target not in pages or not parts.fragment or parts.fragment in pages[target].ids
            )
            if not there:
                broken.append((path.name, address))
    assert (broken, foreign) == ([], [])


@pytest.mark.slow
def test_the_site_holds_no_path_of_this_machine_and_is_the_same_when_rendered_again(book):
    site = book / "html"
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    machine = re.compile("|".join(map(re.escape, (str(ROOT), str(book), book.name))).encode())
    assert [path for path, content in before.items() if machine.search(content)] == []
    executed = book / "work" / "executed"
    again = (
        "from pathlib import Path; from ci.book.__main__ import render; "
        f"folder, of = Path({str(executed)!r}), 'pocket.quick.shipped.ipynb'; "
        f"render({{n: folder / f'{{n}}.{{of}}' for n in {NAMES}}}, "
        f"Path({str(book)!r}))"
    )
    subprocess.run([sys.executable, "-c", again], cwd=ROOT, check=True, capture_output=True)
    after = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert [path for path in before | after if before.get(path) != after.get(path)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_browser_shows_figures_and_formulas_within_1000_pixels(book, name):
    if CHROMIUM is None:
        pytest.skip("no Chromium to look at pages with")
    page = book / "html" / "notebooks" / f"{name}.html"
    probed = page.with_name(f"{name}.probed.html")
    probed.write_text(page.read_text("utf-8").replace("</body>", f"{PROBE}</body>"), "utf-8")
    options = ["--headless", "--no-sandbox", "--window-size=1000,1400", "--disable-gpu"]
    profile = f"--user-data-dir={book / 'browser'}"
    dumped = subprocess.run(
        [CHROMIUM, *options, profile, "--virtual-time-budget=20000", "--dump-dom", probed.as_uri()],
        capture_output=True, text=True, timeout=300, env=os.environ | {"HOME": str(book)},
    )  # fmt: skip
    probed.unlink()
    found = json.loads(re.search("<title>(.*?)</title>", dumped.stdout, re.S)[1])
    assert found["width"] <= 1000
    assert len(found["figures"]) >= 2 and min(found["figures"]) > 300
    assert found["formulas"] > 0 and (found["unset"], found["wrong"]) == (0, 0)
    assert found["solutions"] >= 4 and found["shown"] == 0


def test_links_keep_to_pages_and_files_and_become_text_elsewhere(tmp_path):
    text = (
        "[tour](../notebooks/00_tour.ipynb#words) [code](../flanrepro/report) [top](#top) "
        "[`table`](../figures/quick/figure_3_pocket.csv) [web](https://example.org/a.csv)"
    )
    pages = {"notebooks/00_tour.ipynb"}
    assert linked(text, tmp_path / "docs" / "page.md", tmp_path, pages) == text.replace(
        "[code](../flanrepro/report)", "code"
    )
    copied = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")]
    assert copied == ["figures/quick/figure_3_pocket.csv"]
