"""One prompt of a suite, answered before and after tuning, as a notebook shows it."""

import dataclasses
import html

from flanrepro.collection.question import Question, of_record
from flanrepro.collection.suites import at_hand
from flanrepro.experiments.ask import beside
from flanrepro.experiments.profiles import Job
from flanrepro.experiments.scores import suite_of
from flanrepro.model import pretrained
from flanrepro.report.page import Page, table
from flanrepro.sources import load_collection
from flanrepro.training.spec import RunSpec


def page(job: Job, tuned: RunSpec, suite: str, shots: int = 0, record: int = 0) -> Page:
    """A prompt, and a row per model: its answer and the share of each option, in per cent.

    Args:
        job: notebook parameters. With engine `shipped` the tuned model is the one that ships, if
            there is one.
        tuned: spec of the tuned run, finished or not.
        suite: name of the suite; its first available task is asked.
        shots: number of exemplars.
        record: index into the split that the suite evaluates.
    """
    if job.engine == "shipped" and not pretrained.tuned_name(job.collection):
        said = "no tuned model ships: with engine local, this prompt is answered before and after"
        return Page(f"<p>{said}</p>", said)
    asked = _question(job, suite, shots, record)
    rows = beside(job, asked, tuned=None if job.engine == "shipped" else tuned)
    shares = [name for name in rows if name.startswith("p(")]
    rows[shares] = (100 * rows[shares]).round(1)
    made = table(rows.rename(columns={name: f"{name}, %" for name in shares}))
    right = " or ".join(asked.references)
    prompt = f'<p style="white-space:pre-line">{html.escape(asked.prompt.inputs)}</p>'
    return Page(
        f"{prompt}<p>right: <b>{html.escape(right)}</b></p>{made.html}",
        f"{asked.prompt.inputs}\nright: {right}\n{made.text}",
    )


def _question(job: Job, name: str, shots: int, record: int) -> Question:
    suite, _ = at_hand(suite_of(load_collection(job.collection), name), shots)
    return of_record(dataclasses.replace(suite, tasks=suite.tasks[:1]), record, shots)
