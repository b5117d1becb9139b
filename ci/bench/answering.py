"""How quick evaluation is: `python -m ci.bench eval`.

Its opponents are EleutherAI's lm-evaluation-harness, with Hugging Face's T5, and CTranslate2, which
is made for decoding. They have the same weights and prompts, in turn with ours in one process, at
the best of a few batch sizes; all count from texts to answers. They are not among flanrepro's
requirements: install `pip install lm-eval==0.4.13 accelerate ctranslate2==4.8.5` beside the extra
`interop`.

Three things are made equal that the harness would do otherwise (its `models/huggingface.py`):

- it scores an encoder-decoder's continuations without EOS, so that "no" is no less likely than "not
  all": they are given to it with "</s>" behind them;
- it lets an encoder-decoder generate `max_gen_toks` tokens and as many more as the longest input
  has: `max_length`, which it passes on, counts the output alone;
- it ties the output's matrix to the embedding, which T5 v1.1 has apart: it is put back.
"""

import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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

if TYPE_CHECKING:  # a measured process imports what its engine needs
    import pandas as pd

T5_ROWS = 32128
BATCH_SIZES = {"harness": (32, 16, 8, 1), "ctranslate2": (256, 64, 32, 8)}
COMPUTE_TYPES = ("float32", "int8")
"""CTranslate2's types of weights; int8 rounds them, so that its answers are others."""

Engine = Callable[[], list]
"""One evaluation of a case; gives each item's text, or the log-likelihoods of its options."""


@dataclass(frozen=True)
class Case:
    """A measured case: a model on a suite's items, ranked or decoded.

    A process that loads the model and the suite itself is given None in their places.
    """

    model: Model | None
    suite: Suite | None
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


def harness(case: Case, folder: Path, batch_size: int) -> Engine:
    """The harness's `HFLM` with the model that `huggingface.write` has put into `folder`."""
    import torch
    import transformers
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM
    from safetensors.torch import load_file

    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    lm = HFLM(
        pretrained=str(folder),
        device="cpu",
        backend="seq2seq",
        batch_size=batch_size,
        max_length=case.inputs_length,
    )
    head = load_file(folder / "model.safetensors")[huggingface.HEAD]
    lm.model.lm_head.weight = torch.nn.Parameter(head)
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


def ctranslate2(case: Case, folder: Path, compute_type: str, batch_size: int) -> Engine:
    """CTranslate2's greedy decoding of the model in `folder`, on all cores; ours encodes for it."""
    import ctranslate2
    import transformers

    transformers.utils.logging.disable_progress_bar()
    own = folder / "ctranslate2"
    if not own.exists():
        converter = ctranslate2.converters.TransformersConverter
        converter(str(folder)).convert(str(own))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    cores = len(os.sched_getaffinity(0))
    translator = ctranslate2.Translator(
        str(own), compute_type=compute_type, inter_threads=1, intra_threads=cores
    )

    def answer() -> list:
        vocabulary, length = case.model.vocabulary, case.inputs_length
        asked = encode_items(case.items, case.suite, vocabulary, length)
        found = translator.translate_batch(
            [tokenizer.convert_ids_to_tokens(one.ids) for one in asked],
            beam_size=1,
            max_batch_size=batch_size,
            max_decoding_length=case.targets_length,
        )
        ids = [tokenizer.convert_tokens_to_ids(one.hypotheses[0]) for one in found]
        return [vocabulary.decode(row) for row in ids]

    return answer


def _opponents(case: Case, folder: Path) -> Iterator[tuple[str, Callable[[int], Engine]]]:
    """What each opponent is at a batch size, by name."""
    yield "harness", functools.partial(harness, case, folder)
    if case.method == "decode":
        for kind in COMPUTE_TYPES:
            yield f"ctranslate2, {kind}", functools.partial(ctranslate2, case, folder, kind)


def _best(name: str, make: Callable[[int], Engine]) -> tuple[int, Engine, list]:
    """An opponent's best batch size, from the largest down until one is much slower."""
    passes = []
    for size in BATCH_SIZES[name.partition(",")[0]]:
        engine = make(size)
        engine()  # what is set up once does not count
        seconds, answers = timed(engine)
        passes.append((seconds, size, engine, answers))
        if seconds > 1.5 * min(passes)[0]:
            break
    return min(passes)[1:]


def measure(case: Case, rounds: int, folder: Path | None) -> list[dict]:
    """A row per engine: medians of `rounds` turns; `folder` has the opponents' model, if any.

    Ours has `first_call`, which includes compilation. An opponent has `ratio`, of our prompts/s to
    its own, `ratio_first` with our first call, and how far both agree.
    """
    engines, sizes, agreed = {"flanrepro": ours(case)}, {}, {}
    first, mine = timed(engines["flanrepro"])
    for name, make in _opponents(case, folder) if folder else ():
        sizes[name], engines[name], theirs = _best(name, make)
        agreed[name] = _compared(case, mine, theirs)
    turns = {name: functools.partial(timed, engine) for name, engine in engines.items()}
    n, rows = len(case.items), []
    for name, passes in in_turn(turns, rounds).items():
        seconds = [passed for passed, _ in passes]
        row = {"model": case.model.name, "suite": case.suite.name, "shots": case.shots}
        row |= {"method": case.method, "prompts": n, "engine": name}
        row |= {"prompts_per_s": n / np.median(seconds), "slowest": n / max(seconds)}
        rows.append(row | {"fastest": n / min(seconds), "batch_size": sizes.get(name)})
    rows[0]["first_call"] = n / first
    for row in rows[1:]:
        row["ratio"] = rows[0]["prompts_per_s"] / row["prompts_per_s"]
        row["ratio_first"] = rows[0]["first_call"] / row["prompts_per_s"]
        row |= agreed[row["engine"]]
    return rows


def _compared(case: Case, mine: list, theirs: list) -> dict:
    """The share of prompts with the same text, or with the same option chosen and the largest
    difference of log-likelihoods, in nats."""
    if case.method == "decode":
        return {"agreement": np.mean([a == b for a, b in zip(mine, theirs, strict=True)])}
    pairs = [(np.array(a), np.array(b)) for a, b in zip(mine, theirs, strict=True)]
    return {
        "agreement": np.mean([a.argmax() == b.argmax() for a, b in pairs]),
        "difference": max(abs(a - b).max() for a, b in pairs),
    }


def table(
    sizes: Sequence[str],
    counts: Sequence[int],
    rounds: int,
    real: bool,
    compare: bool,
    folder: Path,
) -> "pd.DataFrame":
    """All cases' rows.

    Args:
        sizes: see `cases`.
        counts: numbers of prompts per suite; models other than `nano` are asked the first alone.
        rounds, real: as in `measure` and `cases`.
        compare: True: opponents are measured, too.
        folder: path for the models that they read.
    """
    import pandas as pd

    rows = []
    for count in counts:
        asked = sizes if count == counts[0] else [size for size in sizes if size == "nano"]
        for i, case in enumerate(cases(asked, count, real, folder)):
            own = folder / f"{count}-{i}"
            if compare:
                huggingface.write(case.model, own)
            rows += measure(case, rounds, own if compare else None)
    return pd.DataFrame(rows)
