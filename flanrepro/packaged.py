"""Readers of the YAML files beside the package's modules."""

import functools
from importlib import resources
from typing import Any

import yaml

# libyaml's parser is about ten times as fast; some builds of PyYAML lack it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def read_yaml(package: str, name: str) -> Any:
    """Reads `NAME.yaml` in a package once; callers share the result and must not change it.

    Args:
        package: dotted name, e.g. `flanrepro.collection`.
        name: name of the file without its ending.
    """
    text = resources.files(package).joinpath(f"{name}.yaml").read_text("utf-8")
    return parse_yaml(text)


def parse_yaml(text: str) -> Any:
    """The content of a YAML text, with the faster parser where there is one.

    Raises:
        yaml.YAMLError: the text is no YAML.
    """
    return yaml.load(text, _LOADER)
