"""Sphinx's configuration: names are Sphinx's, MyST-NB's and the theme's."""

from importlib.util import find_spec
from pathlib import Path

project = "flanrepro"
extensions = ["myst_nb", "sphinx.ext.mathjax"]
nb_execution_mode = "off"  # executed before, by the project's own runner
nb_code_prompt_show = nb_code_prompt_hide = "The hidden check"  # no other code is folded by a tag
nb_ipywidgets_js = {}  # widgets' scripts would come from the network
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3  # links lead to headings as on GitHub

# MathJax in one file, without fonts beside it: browsers keep pages of a disk from loading those.
# The package is nothing but MathJax; as an extension of Sphinx it would copy all its 24 MB.
_mathjax = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static/mathjax/tex-svg.js"
mathjax_path = _mathjax.name

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static", str(_mathjax)]
html_css_files = ["book.css"]
html_copy_source = html_show_sourcelink = html_show_sphinx = html_show_copyright = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
html_theme_options = {
    "footer_content_items": [],  # an author and a year, of which the project states none
    "home_page_in_toc": True,
    "navbar_persistent": [],  # a second field for searching
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
}
