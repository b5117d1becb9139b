"""What the paper trains and evaluates on: records, templates, prompts, mixtures, suites."""

from flanrepro.collection.mixture import Mixture
from flanrepro.collection.prompt import Prompt, render
from flanrepro.collection.shares import proportional_weights
from flanrepro.collection.suites import suite_prompts
from flanrepro.collection.task import Collection, Record, Suite, Task
from flanrepro.collection.templates import Template, load_templates

__all__ = [
    "Collection",
    "Mixture",
    "Prompt",
    "Record",
    "Suite",
    "Task",
    "Template",
    "load_templates",
    "proportional_weights",
    "render",
    "suite_prompts",
]
