"""What a vocabulary cannot say: T5's has no line end, and no piece for `{ } ~ < ^` and two more."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flanrepro.collection.prompt import render
from flanrepro.collection.suites import references
from flanrepro.collection.task import Task
from flanrepro.data.vocabulary import UNK, Vocabulary
from flanrepro.evaluation.extraction import read_answer


@dataclass(frozen=True)
class Loss:
    """Number of a task's texts that a vocabulary changes, and how.

    Attributes:
        targets: number of targets.
        changed: number of targets that are another text once they are encoded and decoded.
        line_ends: number of targets that lose line ends so.
        unknown: number of targets with a character that no piece has.
        wrong: number of targets that are scored as right, and as wrong once they are decoded. A
            model with this vocabulary that learned all targets would score so much less.
        inputs: number of inputs with a character that no piece has.
        characters: these characters, in targets and inputs, the most frequent first.
    """

    targets: int
    changed: int
    line_ends: int
    unknown: int
    wrong: int
    inputs: int
    characters: str

    @property
    def any(self) -> bool:
        """True if more than white space and the form of characters changes."""
        return bool(self.unknown or self.wrong or self.inputs)


def task_loss(vocabulary: Vocabulary, task: Task, split: str) -> Loss:
    """Counts what a vocabulary changes in a split, prompted as in evaluation.

    Raises:
        InputError: the split's records are not available.
    """
    records = task.records(split)
    prompts = [render(task, i, split=split) for i in range(len(records))]
    accepted = [references(record) for record in records]
    inputs, targets = ([getattr(p, side) for p in prompts] for side in ("inputs", "targets"))
    return loss(vocabulary, inputs, targets, accepted, task.answer)


def loss(
    vocabulary: Vocabulary,
    inputs: Sequence[str],
    targets: Sequence[str],
    accepted: Sequence[Sequence[str]],
    kind: str,
) -> Loss:
    """Counts what a vocabulary changes in inputs and targets.

    Args:
        vocabulary: vocabulary that encodes and decodes them.
        inputs, targets: texts of as many prompts.
        accepted: references of each target.
        kind: a task's `answer`, see `flanrepro.evaluation.extraction`.
    """
    said = [vocabulary.decode(ids) for ids in vocabulary.encode_batch(targets)]
    changed = [i for i, text in enumerate(said) if text != targets[i]]
    found = _unknown(vocabulary, [*inputs, *targets])
    return Loss(
        targets=len(targets),
        changed=len(changed),
        line_ends=sum(targets[i].count("\n") > said[i].count("\n") for i in changed),
        unknown=sum(not found.keys().isdisjoint(text) for text in targets),
        wrong=sum(
            read_answer(targets[i], accepted[i], kind)[1]
            and not read_answer(said[i], accepted[i], kind)[1]
            for i in changed
        ),
        inputs=sum(not found.keys().isdisjoint(text) for text in inputs),
        characters="".join(sign for sign, _ in found.most_common()),
    )


def _unknown(vocabulary: Vocabulary, texts: Sequence[str]) -> Counter[str]:
    """Counts the characters that no piece has."""
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(text)
    # White space has none in most vocabularies: it stands between pieces.
    signs = [sign for sign in counted if not sign.isspace()]
    found = zip(signs, vocabulary.encode_batch(signs), strict=True)
    return Counter({sign: counted[sign] for sign, ids in found if UNK in ids})
