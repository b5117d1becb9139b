"""From a task's records to tokens: ours and the reference implementation's, in turn.

The reference is FLAN v2's tf.data pipelines. They are on no package index: PYTHONPATH has to name a
checkout of github.com/google-research/FLAN (its flan/v2/README.md says what it needs beside SeqIO
and t5) in which the archives of flan/v2/niv2_few_shot_data are unpacked.
"""

import importlib
import itertools
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pandas as pd
from ci.bench.processes import process, serve

from flanrepro.collection import Mixture
from flanrepro.data.examples import Encode
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.sources import load_collection

PUBLISHED = {"few_shot": 75, "zero_shot": 1731}
"""Examples/s of the reference on GSM8K, measured once on two CPU cores, with 14 s to the first
few-shot one and 3 s to the first zero-shot one: what is shown where it is not installed."""

TASK, VOCABULARY = "cot_gsm8k", "flan2022-4096"
LENGTHS = {"inputs": 2048, "targets": 512}  # the reference's own
SETTINGS = {"zero_shot": "zero_shot", "few_shot": "x_shot"}
"""Settings, and what the reference calls its task of all templates in them."""


def ours(setting: str) -> Iterator:
    """Tokens of the task's prompts, without end."""
    mixture = Mixture(
        (load_collection("flan2022").task(TASK),), few_shot_fraction=float(setting == "few_shot")
    )
    encode = Encode(load_vocabulary(VOCABULARY), LENGTHS["inputs"], LENGTHS["targets"])
    return (encode(mixture[i]) for i in itertools.count())


def reference(setting: str) -> Iterator:
    """The same of the reference's task, shuffled as in its example, with our vocabulary."""
    import seqio

    name = f"{TASK}_template_0to10_{SETTINGS[setting]}"
    dataset = seqio.get_mixture_or_task(name).get_dataset(
        sequence_length=LENGTHS, split="train", shuffle=True, num_epochs=None
    )
    return dataset.as_numpy_iterator()


def _load_reference() -> None:
    import seqio
    import t5.data

    vocabulary = load_vocabulary(VOCABULARY)
    pieces = seqio.SentencePieceVocabulary(str(vocabulary.path), extra_ids=vocabulary.extra_ids)
    # Its own lies in a bucket of Google's; a task takes what this gives when it is registered.
    t5.data.get_default_vocabulary = lambda: pieces
    importlib.import_module("flan.v2.tasks")


def _work(connection: Connection, name: str, setting: str) -> None:
    if name == "reference":
        try:
            _load_reference()
        except ImportError as error:
            connection.send({"missing": str(error)})
            return
    began = time.perf_counter()
    examples = {"ours": ours, "reference": reference}[name](setting)
    next(examples)
    first = time.perf_counter() - began

    def rate(seconds: float) -> float:
        n, began = 0, time.perf_counter()
        while not n or time.perf_counter() - began < seconds:
            next(examples)
            n += 1
        return n / (time.perf_counter() - began)

    serve(connection, {"first": first}, rate)


def measure(setting: str, rounds: int, seconds: float) -> list[dict]:
    """Examples/s of both, medians of rounds in turn: rows of what, value and unit."""
    with (
        process("ours", _work, "ours", setting) as (turn, said),
        process("the reference", _work, "reference", setting) as (their_turn, theirs),
    ):
        rates, name = {"ours": [], "reference": []}, f"GSM8K {setting}, tokenized"
        for _ in range(rounds):
            rates["ours"].append(turn(seconds))
            if "missing" not in theirs:
                rates["reference"].append(their_turn(seconds))
    reference_name = f"{name}, reference"
    if "missing" in theirs:
        print(
            f"the reference is not installed: {theirs['missing']}; what it gave elsewhere is shown"
        )
        rates["reference"] = [PUBLISHED[setting]]
        reference_name += ", published"
    medians = {key: pd.Series(found).median() for key, found in rates.items()}
    rows = [
        {"what": name, "value": medians["ours"], "unit": "examples/s"},
        {"what": reference_name, "value": medians["reference"], "unit": "examples/s"},
        {"what": f"{name}, ratio", "value": medians["ours"] / medians["reference"], "unit": ""},
        {"what": f"{name}, first", "value": said["first"], "unit": "s"},
    ]
    if "missing" not in theirs:
        rows.append({"what": f"{name}, reference, first", "value": theirs["first"], "unit": "s"})
    return rows
