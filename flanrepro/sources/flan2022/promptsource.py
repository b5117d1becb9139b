"""Prompts of P3 made here: templates of the package promptsource, filled with rows of the raw data.

Where no rendered copy of P3 is to be had, a subset is made of what it was made of: the rows of its
data set, and the template that it is named after (`promptsource.yaml` has the places of the data
sets). The templates are promptsource's own, 2,085 in its release 0.2.3 (Bach et al., 2022;
Apache-2.0), and no part of this package: `pip download` fetches its archive, from which they are
read. They are Jinja, rendered in a sandbox as promptsource renders them: texts of more than 2,048
characters are cut, and `|||` divides the prompt from its target.

Two things differ from the published P3. Templates that draw (`choice`) draw by the row here, the
same on every machine. A row without a target gives no record; P3 has a text there that says so.
"""

import dataclasses
import functools
import hashlib
import json
import random
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from flanrepro.collection.task import Record
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.raw import files
from flanrepro.raw.dataset import Dataset

VERSION = "promptsource-0.2.3"
ARCHIVE = f"promptsource/{VERSION}.tar.gz"
"""Name of the source distribution, relative to the mirror or the cache."""
SHA256 = "f106c889778a0fe5590e7183904bf964e1a01691c8a29451e44f3df5ddef05f5"
GET = (
    "`pip download --no-deps --ignore-requires-python promptsource==0.2.3` gives the file with the "
    "templates"
)
CUT = 2048
"""Number of characters beyond which promptsource cuts a text that a template fills in."""
_SIDES = "|||"
# What promptsource has in place of bars within a row: Multi-News' templates look for this text.
_BARS = "3ed2dface8203c4c9dfb1a5dc58e41e0"


def raw(subset: Dataset) -> Dataset:
    """The data set that a subset of P3 is made of: other rows, the same records."""
    folder, _, turn = _named(subset.name)
    place = read_yaml(__package__, "promptsource")["places"][folder]
    names = place.get("splits", {})
    splits = {
        split: {**entry, "hub": names.get(split, split).format(round=turn)}
        for split, entry in subset.splits.items()
    }
    return dataclasses.replace(
        subset,
        hub=place["hub"],
        splits=splits,
        convert=f"{VERSION} {subset.name}",
        beside=ARCHIVE,
        manual=GET,
    )


def rendered(
    convert: Callable[[Mapping[str, Any]], list[Record]], name: str, row: Mapping[str, Any]
) -> list[Record]:
    """Makes the record of a raw row: none if its template does not fit it.

    Args:
        convert: converter of a row of P3.
        name: name of the subset.
        row: the raw data set's columns.

    Raises:
        InputError: promptsource or Jinja2 is missing, the row lacks a column, or does not fit.
    """
    folder, _, _ = _named(name)
    row = {column.replace("-", "_"): value for column, value in row.items()}
    place = read_yaml(__package__, "promptsource")["places"][folder]
    for column, label in place.get("renamed", {}).items():
        # A copy from then has the column under its old name, with the old numbers.
        if label["today"] in row:
            row[column] = label["numbers"][row.pop(label["today"])]
    filled = fill(template(name), row)
    return [] if filled is None else convert(filled)


class Template(NamedTuple):
    """A template of promptsource, compiled.

    Attributes:
        name: its name there.
        text: `jinja2.Template` of the prompt and its target.
        choices: `jinja2.Template` of the possible targets; None: they are open.
        columns: names of the columns that it fills in.
    """

    name: str
    text: Any
    choices: Any
    columns: frozenset[str]


def fill(template: Template, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Renders a row as a row of P3; None if it has no prompt or no target.

    Returns:
        `inputs_pretokenized`, `targets_pretokenized` and, with choices, `answer_choices`.

    Raises:
        InputError: the row lacks a column, or the template fails on it.
    """
    if lacking := sorted(template.columns - row.keys()):
        raise InputError(
            f"promptsource's template '{template.name}' fills in '{lacking[0]}', and the row has "
            f"{', '.join(row)}: take the copy of the data set that P3 was made of"
        )
    import jinja2

    values = {key: _without_bars(value) for key, value in row.items()}
    # Seeded by the row: a record is the same wherever and whenever it is made.
    draws = random.Random(template.name + json.dumps(row, sort_keys=True, default=str))
    values["_draws"] = draws
    try:
        choices = template.choices and _parts(template.choices.render(values))
        parts = _parts(template.text.render(values, answer_choices=choices))
    except jinja2.TemplateError as error:
        raise InputError(
            f"promptsource's template '{template.name}' does not fit the row ({error}): take the "
            f"copy of the data set that P3 was made of"
        ) from None
    if len(parts) != 2 or not all(parts):
        return None
    made = dict(zip(("inputs_pretokenized", "targets_pretokenized"), parts, strict=True))
    return {**made, "answer_choices": choices} if choices else made


def _without_bars(value: Any) -> Any:
    return value.replace(_SIDES, _BARS) if isinstance(value, str) else value


def _parts(text: str) -> list[str]:
    return [part.replace(_BARS, _SIDES).strip() for part in text.split(_SIDES)]


@functools.cache
def template(name: str) -> Template:
    """The template of a subset of P3.

    Raises:
        InputError: promptsource's archive or Jinja2 is missing, or the archive is another one.
    """
    environment = _environment()
    from jinja2 import meta

    folder, cleaned, _ = _named(name)
    found = {_cleaned(entry["name"]): entry for entry in _templates(archive())[folder]}
    entry = found[cleaned]
    texts = [
        # Every text that is filled in is cut, as in what P3 was made with.
        entry["jinja"].replace("}}", f" | string | truncate({CUT}) }}}}"),
        entry["answer_choices"] or "",
    ]
    columns = frozenset().union(
        *(meta.find_undeclared_variables(environment.parse(t)) for t in texts)
    )
    text, choices = (environment.from_string(one) if one else None for one in texts)
    return Template(
        entry["name"], text, choices, columns - {"answer_choices", *environment.globals}
    )


@functools.cache
def _environment():
    try:
        import jinja2
        from jinja2.sandbox import SandboxedEnvironment
    except ImportError:
        raise InputError(
            "promptsource's templates are rendered by Jinja2, which is not installed: "
            "pip install 'flanrepro[hub]'"
        ) from None

    @jinja2.pass_context
    def choice(context, items: Sequence) -> Any:
        return context["_draws"].choice(items)

    environment = SandboxedEnvironment()
    environment.globals["zip"] = zip
    environment.filters["choice"] = choice
    return environment


def archive() -> Path:
    """The path of promptsource's archive in the mirror or the cache, its content checked.

    Raises:
        InputError: it is missing, or another one.
    """
    path = files.beside(ARCHIVE)
    if not files.status_of(path):
        raise InputError(f"there is no file {path}: {GET}; put it there")
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise files.unreadable(path, error) from None
    if found != SHA256:
        raise InputError(
            f"{path} is not the archive of {VERSION}: its SHA-256 is {found} and {SHA256} is "
            f"expected; {GET}"
        )
    return path


@functools.cache
def _templates(path: Path) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The templates of an archive by folder."""
    named = re.compile(r"[^/]+/promptsource/templates/(.+)/templates\.yaml")
    found = {}
    with tarfile.open(path) as members:
        for member in members:
            if folder := named.fullmatch(member.name):
                content = yaml.load(members.extractfile(member), _Loader)
                found[folder[1]] = list(content["templates"].values())
    return found


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads promptsource's tagged objects as plain mappings."""


for _tag in ("!Template", "!TemplateMetadata"):
    _Loader.add_constructor(_tag, lambda loader, node: loader.construct_mapping(node, deep=True))


def _cleaned(text: str) -> str:
    """A text as part of a name in P3."""
    return re.sub(r"[^\w.]+", "_", text)


@functools.cache
def _folders() -> Mapping[str, str]:
    places = read_yaml(__package__, "promptsource")["places"]
    return {_cleaned(folder) + "_": folder for folder in places}


@functools.cache
def _named(name: str) -> tuple[str, str, str]:
    """The folder and the cleaned name of a subset's template, and ANLI's round (`r1` to `r3`)."""
    # The longest: a data set's name may begin another's.
    begin = max(filter(name.startswith, _folders()), key=len)
    rest, turn = name.removeprefix(begin), ""
    if begin == "anli_":
        rest, _, turn = rest.rpartition("_")
    return _folders()[begin], rest, turn
