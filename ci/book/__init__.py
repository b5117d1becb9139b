"""The notebooks and pages as a website: `python -m ci.book OUT`, or `make book`.

Sphinx with MyST-NB and the Jupyter Book theme, without Jupyter Book itself: version 1 adds a layer
of configuration to the same packages, and version 2 needs Node.js beside Python. The theme and
MathJax are copied into the site, so that pages are read without a network.
"""
