"""A notebook's parameters: the assignments in its cell tagged `parameters`, and their checks."""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flanrepro.errors import InputError
from flanrepro.experiments.profiles import Job
from flanrepro.fields import shown
from flanrepro.whole import kind_of

if TYPE_CHECKING:
    import nbformat

INJECTED = "injected-parameters"
"""The tag of the cell in which papermill writes the values that a notebook was executed with."""

TYPES = {"str", "int", "float", "bool", "list", "dict"}
"""The types that papermill writes as they are; of any other, the value decides."""


def read_notebook(path: Path) -> "nbformat.NotebookNode":
    """Reads a notebook of any version; InputError if there is none, or the file is none."""
    import nbformat

    try:
        if (kind := kind_of(path)) != "a file":
            said = f"{path} is {kind}" if kind else f"there is no notebook {path}"
            raise InputError(f"{said}: name a notebook that is there")
        with warnings.catch_warnings():
            # Cells without an id, or with that of the cell that they were copied from, get one.
            warnings.simplefilter("ignore")
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook, relax_add_props=True)
    except InputError:
        raise
    except Exception as error:  # nbformat raises many classes for a file that is no notebook
        reason = shown(getattr(error, "message", str(error)), 100)
        raise InputError(f"{path} is no Jupyter notebook ({reason}): name another file") from None
    return notebook


def tagged(notebook: "nbformat.NotebookNode", tag: str) -> list[int]:
    """The indices of the cells with a tag."""
    return [i for i, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", [])]


def notebook_parameters(path: Path) -> dict[str, dict[str, str]]:
    """The parameters of a notebook: papermill's description by name.

    Returns:
        for each parameter its `name`, `inferred_type_name` (as annotated, else that of the value;
        `None`: unknown), `default` (Python) and `help`.

    Raises:
        InputError: there is no such file, it is no notebook in Python, or it has not one such cell.
    """
    return _parameters(path, read_notebook(path))


def _parameters(path: Path, notebook: "nbformat.NotebookNode") -> dict[str, dict[str, str]]:
    language = notebook.metadata.get("language_info", {}).get("name")
    language = language or notebook.metadata.get("kernelspec", {}).get("language") or "python"
    if not language.lower().endswith("python"):  # `ipython` in old ones
        raise InputError(f"{path} is a notebook in {shown(language)}: expected one in Python")
    cells = tagged(notebook, "parameters")
    if not cells or notebook.cells[cells[0]].cell_type != "code":
        raise InputError(
            f"{path} has no cell tagged 'parameters', so it cannot be given any: tag the cell that "
            "sets them (in JupyterLab under Property Inspector, Cell Tags)"
        )
    if len(cells) > 1:
        numbers = ", ".join(str(i + 1) for i in cells)
        raise InputError(
            f"{path} has {len(cells)} cells tagged 'parameters' (cells {numbers}, counted from 1), "
            "and the last would win: leave the tag to one (a copied cell keeps its tags)"
        )
    try:
        return _declared(notebook.cells[cells[0]].source)
    except (SyntaxError, ValueError) as error:  # the latter: a null character
        line = f", line {error.lineno}" if getattr(error, "lineno", None) else ""
        raise InputError(
            f"{path}: the cell tagged 'parameters'{line} is not plain Python: expected lines like "
            "`seeds: int = 3  # what it means`"
        ) from None


def _declared(source: str) -> dict[str, dict[str, str]]:
    """The assignments of a cell, described by the name that they assign to."""
    lines = io.StringIO(source).readline
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(lines)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        hint, text = re.fullmatch(
            r"(?:type:\s*(\S+)\s*)?(.*)", comments.get(node.end_lineno, "")
        ).groups()
        kind = hint or _type_of(node.value)
        if isinstance(node, ast.AnnAssign):
            kind = ast.unparse(node.annotation).strip("'\"")
        default = ast.get_source_segment(source, node.value) if node.value else ""
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                row = {"inferred_type_name": kind, "default": default, "help": text}
                found[target.id] = {"name": target.id, **row}
    return found


def _type_of(value: ast.expr | None) -> str:
    """The type of a literal; `None` if it is of no type in `TYPES`, or no literal."""
    try:
        name = type(ast.literal_eval(value)).__name__
    except (ValueError, TypeError):
        return "None"
    return name if name in TYPES else "None"


def read_parameters(path: Path) -> dict[str, Any]:
    """Reads parameters from a YAML file of names and values, as papermill's `-f` takes it.

    Raises:
        InputError: there is no such file, or it is no such.
    """
    return read_named_values(path, "file of parameters", "expected YAML lines like `seeds: 3`")


def read_named_values(path: Path, what: str, expected: str) -> dict[str, Any]:
    """Reads a user's YAML file of names and values.

    Args:
        path: path of the file.
        what: what the file is, for the sentence of an error.
        expected: the sentence's end, which says what was expected.

    Raises:
        InputError: there is no such file, it is no YAML, or it holds no names with values.
    """
    import yaml

    from flanrepro.packaged import parse_yaml

    if (kind := kind_of(path)) != "a file":
        raise InputError(f"the {what} {path} is {kind or 'missing'}: {expected}")
    try:
        found = parse_yaml(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = shown(" ".join(str(error).split()), 200)
        raise InputError(f"the {what} {path} cannot be read ({reason}): {expected}") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise InputError(f"the {what} {path} holds no names with values: {expected}")
    return found


def check_parameters(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given texts or values as values of the parameters' types.

    An executed copy's own values come along, unless others are given.

    Raises:
        InputError: a parameter is unknown, or a value is of another type or refused by `Job`.
    """
    notebook = read_notebook(path)
    known, values = _parameters(path, notebook), injected(path, notebook)
    for name, text in given.items():
        if name not in known:
            raise InputError(
                f"{path.name} has no parameter {shown(name)}: it has {', '.join(known)} (see "
                f"`flanrepro run {path} --help-notebook`)"
            )
        kind = known[name]["inferred_type_name"]
        values[name] = _parse(name, text if isinstance(text, str) else repr(text), kind)
    # papermill itself only warns of an unknown parameter, and runs with any value.
    job = {name: value for name, value in values.items() if name in Job.__dataclass_fields__}
    Job(**job)
    return values


def injected(path: Path, notebook: "nbformat.NotebookNode") -> dict[str, Any]:
    """The values that an executed copy was executed with."""
    values = {}
    for i in tagged(notebook, INJECTED):
        try:
            for name, row in _declared(notebook.cells[i].source).items():
                values[name] = ast.literal_eval(row["default"])
        except (SyntaxError, ValueError):
            raise InputError(
                f"{path}, cell {i + 1} (from 1): expected parameters' values, as papermill writes "
                f"them: mend the cell, or remove its tag '{INJECTED}'"
            ) from None
    return values


def _parse(name: str, text: str, kind: str) -> Any:
    """The value that a text stands for, as one of the types that `kind` names."""
    kinds = {part.strip() for part in re.sub(r"\[.*\]", "", kind).split("|")}
    if not kinds & TYPES:
        kinds = {*TYPES, "None"}
    if kinds == {"str"}:
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = ...
    if type(value) is int and "float" in kinds and "int" not in kinds:  # `-p rate 1` means 1.0
        value = float(value)
    if type(value).__name__ in kinds or (value is None and "None" in kinds):
        return value
    if "str" in kinds:
        return text
    raise InputError(f"parameter '{name}' is {shown(text)}: expected {kind}")
