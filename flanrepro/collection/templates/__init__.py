"""Prompt wording as data: YAML files, one per dataset, kind or cluster.

A file has a list `templates`, whose first entry suites use, and may have a list `few_shot`: other
wordings for prompts with exemplars, see `flanrepro.collection.mixture.Mixture.way`. Where `source`
is `own wording`, the authors' prompts are in the collection `flan2022_rendered`. `inverted`
names a file whose entries, all of them inverted, are added to both lists. Each entry has a `name`,
an `inputs` and a `targets` pattern over the record's fields (`{question}`), and optionally

- `instruction`: pattern said once per prompt, filled from the record that is asked about (some
  records carry their task's definition);
- `answer`: text between a few-shot exemplar's inputs and its targets;
- `separator`: text between exemplars;
- `inverted`: true if the task is turned around, to predict an input from the answer;

and in `few_shot` alone

- `mixed`: false if it may not stand beside other wordings in one prompt;
- `shots`: the only number of exemplars that it is used with;
- `exemplar`: pattern of a whole exemplar, in the place of `inputs`, `answer` and `targets`; a line
  that names a field which the exemplar lacks is left out.

`{options}` in an inputs pattern is the list of answer options, from its line break on. In prompts
without options and for records that have none it vanishes, with the white space before it.
"""

import functools
import re
import string
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import yaml

from flanrepro.errors import InputError
from flanrepro.packaged import parse_yaml


@dataclass(frozen=True)
class Template:
    """One wording of a task's prompt, an entry of a template file (fields: see the module).

    `index` is its position in its file, from 0, those of `few_shot` after those of `templates`; -1
    if it comes from no file.
    """

    name: str
    inputs: str
    targets: str
    instruction: str = ""
    answer: str = "\nAnswer: "
    separator: str = "\n\n"
    inverted: bool = False
    mixed: bool = True
    shots: int | None = None
    exemplar: str = ""
    index: int = -1

    @functools.cached_property
    def answers(self) -> bool:
        """True if the target is the answer alone, so that an option's label can replace it."""
        return self.targets == "{answer}" and not self.inverted

    @functools.cached_property
    def asks(self) -> bool:
        """True if it asks for the answer to what it shows of the record.

        An inverted one asks for an input; "write a sentence in French" accepts any sentence.
        """
        shown = set(fields_of(self.instruction + self.inputs))
        return not self.inverted and bool(shown - {"options", *_OF_ALL})

    @functools.cached_property
    def without_options(self) -> str:
        """The inputs pattern for a record whose options are not shown."""
        return re.sub(r"^\{options\}\s*|\s*\{options\}", "", self.inputs)

    @functools.cached_property
    def essential(self) -> tuple[str, ...]:
        """Names of the fields in which two records must differ to be different examples."""
        # Inputs of an inverted template are the answer, which many records share.
        patterns = self.inputs + self.targets if self.inverted else self.inputs
        named = set(fields_of(patterns))
        # The same question with its options in another order is the same question.
        named = named - {"options", "choices"} or named
        # "Write a sentence in French": the answers alone make the examples different.
        return tuple(sorted(named if named - _OF_ALL else named | set(fields_of(self.targets))))


class Wordings(NamedTuple):
    """The templates of a file, those for few-shot prompts apart; none: they share `templates`."""

    templates: tuple[Template, ...]
    few_shot: tuple[Template, ...]


def fields_of(pattern: str) -> list[str]:
    """Names of the fields in a pattern, in order."""
    return [name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None]


_OF_ALL = {"source_language", "target_language"}
"""Fields that all records of a data set have the same text in."""

_PATTERNS = ("instruction", "inputs", "targets", "exemplar")


def _check_pattern(pattern: str, where: str) -> None:
    try:
        fields = fields_of(pattern)
    except ValueError as error:
        raise InputError(f"{where}: '{pattern}' is no pattern ({error})") from None
    for name in fields:
        # `{}`, `{q.r}` and `{q[0]}` are valid for `str.format`, but a record is a flat dict.
        if not name.isidentifier():
            raise InputError(f"{where}: '{{{name}}}' is no field name; use {{name}} alone")


def read_templates(path: Path) -> Wordings:
    """Reads a template file; InputError names the file and entry that is wrong."""
    try:
        file = parse_yaml(path.read_text(encoding="utf-8"))
        lists = [file["templates"], file.get("few_shot", [])]
        if shared := file.get("inverted"):
            more = read_templates(_path(shared))
            lists = [[*own, *others] for own, others in zip(lists, more, strict=True)]
        made = [
            entry if isinstance(entry, Template) else Template(**entry)
            for entries in lists
            for entry in entries
        ]
        templates = tuple(replace(template, index=i) for i, template in enumerate(made))
        first = len(lists[0])
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"template file {path.name}: expected a list 'templates' of entries with name, inputs "
            f"and targets ({reason})"
        ) from None
    _check(path, templates[:first], templates[first:])
    return Wordings(templates[:first], templates[first:])


def _check(path: Path, zero_shot: tuple[Template, ...], few_shot: tuple[Template, ...]) -> None:
    if not zero_shot:
        raise InputError(f"template file {path.name} has no templates")
    for template in (*zero_shot, *few_shot):
        # Unquoted, YAML reads the names `yes` and `1` as a truth value and a number.
        if not isinstance(template.name, str):
            raise InputError(
                f"template file {path.name}: the name {template.name} is no text: quote it"
            )
    for names in ([t.name for t in zero_shot], [t.name for t in few_shot]):
        for name in names:
            if names.count(name) > 1:
                raise InputError(
                    f"template file {path.name} has two templates '{name}': rename one"
                )
    # A file of inverted entries alone is there to be added to others.
    if zero_shot[0].inverted and not all(t.inverted for t in (*zero_shot, *few_shot)):
        raise InputError(
            f"template file {path.name} begins with the inverted template '{zero_shot[0].name}': "
            f"suites use the first one, so put one that asks for the answer there"
        )
    if few_shot and not zero_shot[0].inverted and all(t.inverted for t in few_shot):
        raise InputError(
            f"template file {path.name} has inverted few-shot templates alone: add one that asks "
            f"for the answer"
        )
    for template in (*zero_shot, *few_shot):
        for part in _PATTERNS:
            _check_pattern(getattr(template, part), f"{path.name}, '{template.name}', {part}")


_FOLDER = resources.files(__name__)


def _path(name: str) -> Path:
    path = _FOLDER.joinpath(*f"{name}.yaml".split("/"))
    if not path.is_file():
        raise InputError(f"there is no template file '{name}.yaml' in {__name__}")
    return Path(str(path))


@functools.cache
def load_wordings(name: str) -> Wordings:
    """Reads the file shipped as `name`.yaml, where `name` may have a folder (`cot/gsm8k`)."""
    return read_templates(_path(name))


def load_templates(name: str) -> tuple[Template, ...]:
    """The templates for zero-shot prompts shipped as `name`.yaml; suites use the first one."""
    return load_wordings(name).templates


def load_few_shot(name: str) -> tuple[Template, ...]:
    """The templates for few-shot prompts shipped as `name`.yaml; empty: those of `templates`."""
    return load_wordings(name).few_shot


def by_direction(
    templates: tuple[Template, ...],
) -> tuple[tuple[Template, ...], tuple[Template, ...]]:
    """The templates in two groups: regular and inverted."""
    return tuple(t for t in templates if not t.inverted), tuple(t for t in templates if t.inverted)


def load_by_direction(name: str) -> tuple[tuple[Template, ...], tuple[Template, ...]]:
    """The templates for zero-shot prompts in two groups: regular and inverted."""
    return by_direction(load_templates(name))


def template_files() -> tuple[str, ...]:
    """Names of all shipped template files, sorted."""
    root = Path(str(_FOLDER))
    files = root.rglob("*.yaml")
    return tuple(sorted(path.relative_to(root).with_suffix("").as_posix() for path in files))
