"""All that the notebooks show beside their own figures and tables, under one name.

`show.settings(job, specs)`, `show.loss(job, spec)`, `show.before_after(job, spec, suite)`,
`show.run(job, runs)`, `show.verdicts(judged, job)`, `show.found(judged)`: each is the value of a
cell, as HTML with full text on a notebook's page and as plain text elsewhere. `show.text(prompt)`
and `show.paths(paths)` print.
"""

from flanrepro.report.before_after import page as before_after
from flanrepro.report.found import page as found
from flanrepro.report.losses import of_run as loss
from flanrepro.report.mixtures import shares
from flanrepro.report.page import print_paths as paths
from flanrepro.report.page import print_text as text
from flanrepro.report.page import table
from flanrepro.report.settings import page as settings
from flanrepro.report.traced import page as run
from flanrepro.report.verdicts import judged
from flanrepro.report.verdicts import page as verdicts

__all__ = [
    "before_after",
    "found",
    "judged",
    "loss",
    "paths",
    "run",
    "settings",
    "shares",
    "table",
    "text",
    "verdicts",
]
