"""For the tests of sources: every record in every template, against a filling of its own."""

import dataclasses
import re

from flanrepro.collection import load_templates, render
from flanrepro.collection.templates import fields_of, load_wordings


def named_fields(task) -> set[str]:
    """The fields that the task's wordings fill in, but for the options, which may be missing."""
    wordings = load_wordings(task.templates)
    templates = (*wordings.templates, *wordings.few_shot)
    patterns = [p for t in templates for p in (t.instruction, t.inputs, t.targets)]
    return {name for pattern in patterns for name in fields_of(pattern)} - {"options"}


def filled(pattern: str, record) -> str:
    """A pattern with a record's texts in the place of its fields, and nothing else changed."""
    lines = record.get("options", "").split("\n")
    block = "\nOptions:" + "".join(f"\n- {text}" for text in lines) if lines[0] else ""
    return re.sub(r"\{(\w+)\}", lambda match: {**record, "options": block}[match[1]], pattern)


def assert_renders(task, split: str = "train") -> int:
    """All records of a split, zero-shot and with the two next ones as exemplars; how many."""
    records = list(task.records(split))
    kept = {split: records, "train": records}
    task = dataclasses.replace(task, load=kept.get, splits=dict.fromkeys(kept, len(records)))
    task._cache.clear()
    for template in load_templates(task.templates):
        for i, record in enumerate(records):
            others = (i + 1) % len(records), (i + 2) % len(records)
            instruction = filled(template.instruction, record)
            start = f"{instruction}\n\n" if instruction else ""
            inputs, targets = filled(template.inputs, record), filled(template.targets, record)
            zero = render(task, i, split=split, template=template)
            few = render(task, i, split=split, template=template, exemplars=others)
            shown = "".join(
                filled(template.inputs, records[n])
                + template.answer
                + filled(template.targets, records[n])
                + template.separator
                for n in others
            )
            assert (zero.inputs, zero.targets) == (start + inputs, targets)
            assert few.inputs == start + shown + inputs + template.answer.rstrip()
            assert few.targets == targets
            assert targets.strip()
    return len(records)
