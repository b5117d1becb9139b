"""The wordings of tasks that are made up in tests."""

import os
from importlib import resources
from pathlib import Path


def _name(file: str) -> str:
    """The name of a file beside this one as if it were a template file that ships."""
    shipped = str(resources.files("flanrepro.collection.templates"))
    return os.path.relpath(Path(__file__).with_name(file), shipped)


QUESTION = _name("question")
"""Name of a template file with a single wording of a question."""
TEN_QUESTIONS = _name("ten_questions")
"""Name of one with ten wordings, three of which ask for the question."""
