"""Counts how often tuning asks as the held-out suites do, which it must not."""

import itertools
from collections.abc import Callable, Iterable, Iterator

from flanrepro.collection.named import named_mixture
from flanrepro.collection.prompt import Prompt
from flanrepro.collection.task import Collection, Task
from flanrepro.collection.templates import Template, fields_of, load_wordings
from flanrepro.errors import InputError
from flanrepro.sources import documents
from flanrepro.sources.pocket import held_out

HELD_OUT = ("mmlu", "bbh", "bbh_cot")
"""The suites that ask in wordings of their own."""

PROMPTS, TEXTS = 20_000, 20_000
"""Number of prompts and of texts that are read."""

Overlap = tuple[str, str, int, int]
"""A quantity of `report/conditions.yaml`, what was read, how often it occurs there, and in how many
templates, prompts or texts."""


def overlaps(
    collection: Collection, prompts: int = PROMPTS, texts: int = TEXTS
) -> Iterator[Overlap]:
    """Counts what the held-out suites and tuning have in common.

    Args:
        collection: the collection `pocket`.
        prompts: number of prompts of the mixture `flan2022` to read, from the first one on.
        texts: number of pretraining texts to read, likewise.

    Yields:
        the templates of tuning that a held-out suite asks with, and the prompts and texts that have
        any of what is held out.
    """
    for suite in HELD_OUT:
        asks = {_asked(_first(task)) for task in collection.suites[suite].tasks} - {""}
        for what, tasks in (
            ("Held-In", [collection.tasks[name] for name in collection.held_in]),
            ("tuning", collection.tasks.values()),
        ):
            pairs = [(task, template) for task in tasks for template in _every(task)]
            same = sum(_asked(template) in asks for _, template in pairs)
            yield "same_template", f"{suite} in templates of {what}", same, len(pairs)
    files = sorted({task.templates for task in collection.tasks.values()})
    faulty = sum(_is_faulty(held_out.check_templates, name) for name in files)
    yield "same_wording", "template files of tuning", faulty, len(files)
    mixture = named_mixture("flan2022", collection, seed=0).mixture
    shown = [mixture[i] for i in range(prompts)]
    read = [f"{prompt.inputs} {prompt.targets}" for prompt in shown]
    for quantity, found_in in (
        ("same_wording", held_out.wordings),
        ("held_out_attribute", held_out.attributes),
    ):
        yield quantity, "prompts of flan2022", sum(map(bool, map(found_in, read))), prompts
    # Field by field: in a whole prompt, an exemplar's last step stands before the next one's first.
    composed = [any(map(held_out.compositions, _fields(collection, prompt))) for prompt in shown]
    yield "held_out_composition", "records of prompts of flan2022", sum(composed), prompts
    said = map(documents(collection.name, 0).__getitem__, range(texts))
    yield "same_wording", "texts", sum(map(bool, map(held_out.wordings, said))), texts


def _is_faulty(check: Callable[[list[str]], None], name: str) -> bool:
    """True if a template file does not pass a collection's own check."""
    try:
        check([name])
    except InputError:
        return True
    return False


def _fields(collection: Collection, prompt: Prompt) -> Iterable[str]:
    return collection.tasks[prompt.task].records(prompt.split)[prompt.record].values()


def _first(task: Task) -> Template:
    return load_wordings(task.templates).templates[0]


def _every(task: Task) -> Iterator[Template]:
    return itertools.chain.from_iterable(load_wordings(task.templates))


def _asked(template: Template) -> str:
    """The wording of a template's question; empty: it has no word of its own."""
    words = template.inputs
    for name in fields_of(words):
        words = words.replace(f"{{{name}}}", "")
    return template.inputs if any(map(str.isalpha, words)) else ""
