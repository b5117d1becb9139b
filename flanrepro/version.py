"""The version, on the ground: what records it needs nothing else of the package."""

__version__ = "0.1.0"
