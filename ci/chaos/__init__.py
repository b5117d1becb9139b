"""A campaign of faults: what is broken, and whether the package answers with a sentence.

`python -m ci.chaos` runs it and writes `ci/RELIABILITY.md`.
"""
