"""The package's version, in a module that imports nothing else of the package."""

__version__ = "0.1.0"
