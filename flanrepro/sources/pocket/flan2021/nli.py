"""Natural language inference: does a sentence follow from statements?"""

from collections.abc import Sequence

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import HELD_IN, Twin, yes_or_no
from flanrepro.sources.pocket.stories import SAY, ask, claim, in_words, tell
from flanrepro.sources.pocket.world import NAMES

LABELS = ("yes", "no", "maybe")


def entailment(dice: Dice, kinds: Sequence[str], labels: int, said: bool = False) -> Record:
    """Asks for entailment, with 2 or 3 labels.

    Args:
        dice: the record's dice.
        kinds: kinds of the premise's statements.
        labels: number of labels; without the third, none of the hypotheses is open.
        said: true if somebody says the premise.
    """
    rows = tell(dice, kinds)
    label = dice.below(labels)
    hypothesis = claim(dice, rows, label)
    premise = in_words(rows)
    return dict(
        premise=f"{dice.one(NAMES)} said: {premise}" if said else premise,
        hypothesis=hypothesis,
        answer=LABELS[label],
        options="\n".join(LABELS[:labels]),
    )


def answered(dice: Dice) -> Record:
    """Asks if statements answer a question (QNLI)."""
    rows = tell(dice, dice.some(tuple(SAY), 2))
    kind, subject, _ = dice.one(rows)
    holds = dice.coin()
    if not holds:
        subject = dice.one([other for other in SAY[kind][1] if other != subject])
    return dict(premise=in_words(rows), hypothesis=ask(kind, subject), **yes_or_no(holds))


TASKS = {
    "rte": Twin(entailment, (("place", "color"), 2), splits=HELD_IN),
    "anli_r1": Twin(entailment, (("name", "place"), 3), splits=HELD_IN),
    "anli_r2": Twin(entailment, (("color", "name"), 3), splits=HELD_IN),
    "anli_r3": Twin(entailment, (("name", "place", "color"), 3), splits=HELD_IN),
    "cb": Twin(entailment, (("name",), 3, True)),
    "snli": Twin(entailment, (("place",), 3, True)),
    "mnli_matched": Twin(entailment, (("color", "place"), 3)),
    "mnli_mismatched": Twin(entailment, (("name", "color"), 3, True)),
    "wnli": Twin(entailment, (("name", "color"), 2)),
    "qnli": Twin(answered, templates="answered"),
}
