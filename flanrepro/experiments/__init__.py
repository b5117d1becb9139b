"""Runs: what they are, where they are kept, how much is spent on them."""
