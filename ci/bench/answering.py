"""How quick evaluation is, against EleutherAI's lm-evaluation-harness: `python -m ci.bench eval`.

The harness runs Hugging Face's T5 with the same weights on the same prompts, in turn with ours in
one process, at the best of a few batch sizes. It is not among flanrepro's requirements: install
`pip install lm-eval==0.4.13 accelerate` beside the extra `interop`. Both count from texts to
answers.

Three things are made equal that it would do otherwise (its `models/huggingface.py`):

- it scores an encoder-decoder's continuations without EOS, so that "no" is no less likely than "not
  all": they are given to it with "</s>" behind them;
- it lets an encoder-decoder generate `max_gen_toks` tokens and as many more as the longest input
  has: `max_length`, which it passes on, counts the output alone;
- it ties the output's matrix to the embedding, which T5 v1.1 has apart: it is put back.
"""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ci.bench.common import in_turn, timed
from flanrepro.collection.suites import Item, suite_items
from flanrepro.collection.task import Suite
from flanrepro.data.vocabulary import Vocabulary, load_vocabulary, train_vocabulary
from flanrepro.evaluation import predict
from flanrepro.evaluation.batches import encode_items
from flanrepro.model import huggingface, pretrained
from flanrepro.model.model import Model
from flanrepro.model.sizes import t5_config
from flanrepro.sources import load_collection

T5_ROWS = 32128
BATCH_SIZES = (32, 16, 8, 1)

Engine = Callable[[], list]
"""One evaluation of a case; gives each item's text, or the log-likelihoods of its options."""


@dataclass(frozen=True)
class Case:
    """A measured case: a model on a suite's items, ranked or decoded."""

    model: Model
    suite: Suite
    shots: int
    items: list[Item]
    method: str
    inputs_length: int
    targets_length: int


def cases(sizes: Sequence[str], n: int, real: bool, folder: Path) -> list[Case]:
    """Held-In zero-shot and MMLU three-shot of pocket, ranked and decoded, for each size.

    Args:
        sizes: names; `nano` is the shipped one; others have random weights and T5's 32,128 rows.
        n: number of prompts per suite; models other than `nano` get an eighth of them.
        real: True: MMLU itself too, five-shot; its files are read or fetched.
        folder: path where the vocabulary of real text is written.
    """
    asked = [("pocket", "held_in", 0), ("pocket", "mmlu", 3)]
    made = []
    for size in sizes:
        for collection, name, shots in asked + [("flan2022", "mmlu", 5)] * real:
            suite = load_collection(collection).suites[name]
            count = n if size == "nano" else max(1, n // 8)
            items = suite_items(suite, shots, -(-count // len(suite.tasks)))
            places = np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)
            items = [items[i] for i in places]
            model = _model(size, _vocabulary(collection, items, folder))
            lengths = suite.protocol.inputs_length, suite.protocol.targets_length
            made += [Case(model, suite, shots, items, m, *lengths) for m in ("rank", "decode")]
    return made


def _vocabulary(collection: str, items: Sequence[Item], folder: Path) -> Vocabulary:
    if collection == "pocket":
        return load_vocabulary("pocket")
    # A unigram model: T5's tokenizer in `transformers` reads no other.
    texts = (item.prompt.inputs for item in items)
    return Vocabulary(train_vocabulary(texts, folder / "real.model", 4096, "unigram", 0.9995))


def _model(size: str, vocabulary: Vocabulary) -> Model:
    if size == "nano" and vocabulary is load_vocabulary("pocket"):
        name = pretrained.full_name("pocket", "nano")
        return Model("nano", t5_config("nano", vocabulary.size), pretrained.load(name), vocabulary)
    import jax

    from flanrepro.model.network import init_params

    config = t5_config(size, T5_ROWS)
    params = jax.tree.map(np.array, init_params(config, 0))
    # Rows without a piece are computed like the others, and never chosen: they would be no text.
    pieces = vocabulary.first_sentinel + 1 - vocabulary.extra_ids
    params["decoder"]["logits_dense"]["kernel"][:, pieces:] = 0
    return Model(f"{size}, random", config, params, vocabulary)


def ours(case: Case) -> Engine:
    """`flanrepro.evaluation.predict`, as `evaluate` calls it."""

    def answer() -> list:
        vocabulary, length = case.model.vocabulary, case.inputs_length
        asked = [one.ids for one in encode_items(case.items, case.suite, vocabulary, length)]
        if case.method == "decode":
            return predict.decode(case.model, asked, case.targets_length)
        ranked = predict.rank(case.model, asked, [item.choices for item in case.items])
        return [one.log_likelihoods for one in ranked]

    return answer


def harness(case: Case, batch_size: int, folder: Path) -> Engine:
    """The harness's `HFLM` with the model that `huggingface.write` has put into `folder`."""
    import torch
    import transformers
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    lm = HFLM(
        pretrained=str(folder),
        device="cpu",
        backend="seq2seq",
        batch_size=batch_size,
        max_length=case.inputs_length,
    )
    head = huggingface.tensors_of(case.model.config, case.model.params)[huggingface.HEAD]
    lm.model.lm_head.weight = torch.nn.Parameter(torch.from_numpy(head))
    generate = {"until": [], "do_sample": False, "max_length": 1 + case.targets_length}

    def requests(kind: str, pairs: list[tuple]) -> list:
        return [Instance(kind, {}, pair, i) for i, pair in enumerate(pairs)]

    def answer() -> list:
        if case.method == "decode":
            asked = [(item.prompt.inputs, generate) for item in case.items]
            return lm.generate_until(requests("generate_until", asked), disable_tqdm=True)
        asked = [(item.prompt.inputs, f"{c}</s>") for item in case.items for c in item.choices]
        scores = iter(lm.loglikelihood(requests("loglikelihood", asked), disable_tqdm=True))
        return [[next(scores)[0] for _ in item.choices] for item in case.items]

    return answer


def _best(case: Case, folder: Path) -> tuple[int, Engine, list]:
    """The harness's best batch size, from the largest down until one is much slower."""
    passes = []
    for size in BATCH_SIZES:
        engine = harness(case, size, folder)
        seconds, answers = timed(engine)
        passes.append((seconds, size, engine, answers))
        if seconds > 1.5 * min(passes)[0]:
            break
    return min(passes)[1:]


def measure(case: Case, rounds: int, folder: Path | None) -> list[dict]:
    """A row per engine: medians of `rounds` turns; `folder` has the harness's model, if any.

    `first_call` includes compilation. `ratio`, and `ratio_first` with ours so, are against the
    harness; `agreement` is the share of prompts with the same option chosen or the same text.
    """
    engines, sizes = {"flanrepro": ours(case)}, {}
    first, mine = timed(engines["flanrepro"])
    compared = {}
    if folder:
        sizes["harness"], engines["harness"], theirs = _best(case, folder)
        compared = _compared(case, mine, theirs)
    turns = {name: functools.partial(timed, engine) for name, engine in engines.items()}
    n, rows = len(case.items), []
    for name, passes in in_turn(turns, rounds).items():
        seconds = [passed for passed, _ in passes]
        row = {"model": case.model.name, "suite": case.suite.name, "shots": case.shots}
        row |= {"method": case.method, "prompts": n, "engine": name}
        row |= {"prompts_per_s": n / np.median(seconds), "slowest": n / max(seconds)}
        row |= {"fastest": n / min(seconds), "batch_size": sizes.get(name)}
        rows.append(row)
    rows[0]["first_call"] = n / first
    if folder:
        theirs = rows[1]["prompts_per_s"]
        rows[0] |= {"ratio": rows[0]["prompts_per_s"] / theirs, "ratio_first": n / first / theirs}
        rows[0] |= compared
    return rows


def _compared(case: Case, mine: list, theirs: list) -> dict:
    """How far both agree; for log-likelihoods, their largest difference too, in nats."""
    if case.method == "decode":
        return {"agreement": np.mean([a == b for a, b in zip(mine, theirs, strict=True)])}
    pairs = [(np.array(a), np.array(b)) for a, b in zip(mine, theirs, strict=True)]
    return {
        "agreement": np.mean([a.argmax() == b.argmax() for a, b in pairs]),
        "difference": max(abs(a - b).max() for a, b in pairs),
    }


def table(
    sizes: Sequence[str], n: int, rounds: int, real: bool, compare: bool, folder: Path
) -> pd.DataFrame:
    """All cases' rows; `folder` is for the models that the harness reads."""
    rows = []
    for i, case in enumerate(cases(sizes, n, real, folder)):
        if compare:
            huggingface.write(case.model, folder / f"{i}")
        rows += measure(case, rounds, folder / f"{i}" if compare else None)
    return pd.DataFrame(rows)
