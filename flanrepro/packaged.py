"""Readers of the data files beside the package's modules."""

import functools
from importlib import resources
from typing import Any

import yaml

# libyaml's parser is about ten times as fast; some builds of PyYAML lack it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(package: str, name: str) -> str:
    """The text of the file `name` in a package, e.g. `flanrepro.collection`."""
    return resources.files(package).joinpath(name).read_text("utf-8")


@functools.cache
def read_yaml(package: str, name: str) -> Any:
    """Reads `NAME.yaml` in a package once; callers share the result and must not change it.

    Args:
        package: dotted name, e.g. `flanrepro.collection`.
        name: name of the file without its ending.
    """
    return parse_yaml(read_text(package, f"{name}.yaml"))


def parse_yaml(text: str) -> Any:
    """The content of a YAML text, with the faster parser where there is one.

    Raises:
        yaml.YAMLError: the text is no YAML.
    """
    return yaml.load(text, _LOADER)
