"""Prompt wording as data: one YAML file per dataset or cluster, read by `load_templates`.

A file is a list under `templates`. Each entry has a `name`, an `inputs` and a `targets` pattern
over the record's fields (`{question}`), and optionally

- `instruction`: pattern said once per prompt, filled from the record that is asked about (some
  records carry their task's definition);
- `answer`: text between a few-shot exemplar's inputs and its targets;
- `separator`: text between exemplars;
- `inverted`: true if the task is turned around, to predict an input from the answer.

`{options}` in an inputs pattern is the list of answer options with its heading; it is empty in
prompts without options and for records that have none.
"""

import functools
import string
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

from flanrepro.errors import InputError
from flanrepro.packaged import parse_yaml


@dataclass(frozen=True)
class Template:
    """One wording of a task's prompt, an entry of a template file (fields: see the module).

    `index` is its position in its file, from 0; -1 if it comes from no file.
    """

    name: str
    inputs: str
    targets: str
    instruction: str = ""
    answer: str = "\nAnswer: "
    separator: str = "\n\n"
    inverted: bool = False
    index: int = -1

    @functools.cached_property
    def answers(self) -> bool:
        """True if the target is the answer alone, so that an option's label can replace it."""
        return self.targets == "{answer}" and not self.inverted

    @functools.cached_property
    def essential(self) -> tuple[str, ...]:
        """Names of the fields in which two records must differ to be different examples."""
        # Inputs of an inverted template are the answer, which many records share.
        patterns = self.inputs + self.targets if self.inverted else self.inputs
        named = set(fields_of(patterns))
        # The same question with its options in another order is the same question.
        return tuple(sorted(named - {"options", "choices"} or named))


def fields_of(pattern: str) -> list[str]:
    """Names of the fields in a pattern, in order."""
    return [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]


def _check_pattern(pattern: str, where: str) -> None:
    try:
        fields = fields_of(pattern)
    except ValueError as error:
        raise InputError(f"{where}: '{pattern}' is no pattern ({error})") from None
    for name in fields:
        # `{}`, `{q.r}` and `{q[0]}` are valid for `str.format`, but a record is a flat dict.
        if not name.isidentifier():
            raise InputError(f"{where}: '{{{name}}}' is no field name; use {{name}} alone")


def read_templates(path: Path) -> tuple[Template, ...]:
    """Reads a template file; InputError names the file and entry that is wrong."""
    try:
        entries = parse_yaml(path.read_text(encoding="utf-8"))["templates"]
        templates = tuple(Template(**entry, index=i) for i, entry in enumerate(entries))
        names = [template.name for template in templates]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"template file {path.name}: expected a list 'templates' of entries with name, inputs "
            f"and targets ({reason})"
        ) from None
    if not templates:
        raise InputError(f"template file {path.name} has no templates")
    for name in names:
        # Unquoted, YAML reads the names `yes` and `1` as a truth value and a number.
        if not isinstance(name, str):
            raise InputError(f"template file {path.name}: the name {name} is no text: quote it")
        if names.count(name) > 1:
            raise InputError(f"template file {path.name} has two templates '{name}': rename one")
    if templates[0].inverted:
        raise InputError(
            f"template file {path.name} begins with the inverted template '{names[0]}': suites use "
            f"the first one, so put one that asks for the answer there"
        )
    for template in templates:
        for part in ("instruction", "inputs", "targets"):
            _check_pattern(getattr(template, part), f"{path.name}, '{template.name}', {part}")
    return templates


@functools.cache
def load_templates(name: str) -> tuple[Template, ...]:
    """Reads the templates shipped as `name`.yaml; suites use the first one."""
    path = resources.files(__name__) / f"{name}.yaml"
    if not path.is_file():
        raise InputError(f"there is no template file '{name}.yaml' in {__name__}")
    return read_templates(Path(str(path)))


@functools.cache
def load_by_direction(name: str) -> tuple[tuple[Template, ...], tuple[Template, ...]]:
    """The templates `name` in two groups: regular and inverted."""
    templates = load_templates(name)
    return tuple(t for t in templates if not t.inverted), tuple(t for t in templates if t.inverted)


def template_files() -> tuple[str, ...]:
    """Names of all shipped template files, sorted."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))
