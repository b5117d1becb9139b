"""The wording of tasks that are made up in tests."""

import os
from importlib import resources
from pathlib import Path

QUESTION = os.path.relpath(
    Path(__file__).with_name("question"), str(resources.files("flanrepro.collection.templates"))
)
"""Name, as of a template file that ships, of one with a single wording of a question."""
