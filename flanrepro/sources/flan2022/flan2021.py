"""Source `flan2021`: the data sets of FLAN 2021 (Wei et al., 2021), as Flan 2022 names them.

`flan2021.yaml` says where each is and how its columns become a record's fields;
`flan2021_records.py` converts irregular rows, `flan2021_parsers.py` parses original files.
"""

from flanrepro.collection.task import Task
from flanrepro.raw.dataset import read_datasets
from flanrepro.raw.reader import tasks_of
from flanrepro.sources.flan2022 import flan2021_parsers, flan2021_records

PARSERS = flan2021_parsers.PARSERS
CONVERTERS = flan2021_records.CONVERTERS


def tasks() -> tuple[Task, ...]:
    """Makes a task per data set of `flan2021.yaml`; no data is read."""
    return tasks_of(read_datasets("flan2021"), "flan2021", __name__)
