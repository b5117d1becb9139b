"""YAML files that lie beside the package's modules."""

import functools
from importlib import resources
from typing import Any

import yaml

# libyaml's parser is some ten times as fast; a PyYAML without it has the other.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def read_yaml(package: str, name: str) -> Any:
    """The content of `NAME.yaml` in a package, read once: not to be changed.

    Args:
        package: dotted name, e.g. `flanrepro.collection`.
        name: of the file, without its ending.
    """
    text = resources.files(package).joinpath(f"{name}.yaml").read_text("utf-8")
    return yaml.load(text, _LOADER)
