"""The part of the pretraining text that asks and answers, in the wordings of `text.yaml`.

A base model has met what tuning will ask for, in other words: questions on passages, choices among
options, sentences that follow, lists that something is done with. No document answers by a letter,
has the exam's or BBH's wordings, or an operation that is held out.
"""

from flanrepro.collection.task import Record
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket import flan2021, niv2, steps, stories
from flanrepro.sources.pocket.choices import case, untrue
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.knowledge import QUESTIONS, STATEMENTS, say
from flanrepro.sources.pocket.world import KINDS, KNOWN, NAMES, PACKAGE, TUNED, fact

WORDINGS = read_yaml(PACKAGE, "text")
_TUNED = tuple(TUNED)
_TWINS = tuple(
    (twin.make, (*twin.args, False) if twin.parted else twin.args)
    for cluster in flan2021.CLUSTERS
    for twin in cluster.TASKS.values()
    # Facts have documents of their own, of which all things are asked.
    if twin.make.__name__ != "closed_book"
)


def _tell(dice: Dice, frames: list[str], record: Record) -> str:
    """Says a record in one of several wordings; options are said or not."""
    first, second = dice.some(NAMES, 2)
    options = record.get("options", "").split("\n")
    shown, between = dice.one(WORDINGS["options"])
    said = shown.format(between.join(options)) if len(options) > 1 and dice.coin(0.7) else ""
    text = dice.one(frames).format_map({**record, "n": first, "m": second, "or": said})
    return text.replace("..", ".")


def twin(dice: Dice) -> str:
    """Tells a record of one of FLAN 2021's twins."""
    make, args = dice.one(_TWINS)
    return _tell(dice, WORDINGS["twins"][make.__name__], make(dice, *args))


def chosen(dice: Dice) -> str:
    """Asks for a fact, or which of four things has a value, among options."""
    attribute, thing = dice.one(_TUNED), dice.one(KNOWN)
    value = fact(attribute, thing)
    if dice.coin(0.7):
        record = dict(
            question=say(dice.one(QUESTIONS), attribute, thing),
            answer=value,
            options=dice.options(value, KINDS[TUNED[attribute]], dice.one((2, 3, 4, 4, 4))),
        )
    else:
        others = [other for other in KNOWN if fact(attribute, other) != value]
        record = dict(
            question=f"which of these has the {attribute} {value}?",
            answer=thing,
            options="\n".join(dice.mixed([thing, *dice.some(others, 3)])),
        )
    return _tell(dice, WORDINGS["twins"]["closed_book"], record)


def judged(dice: Dice) -> str:
    """Says a true or a false statement of a fact, and which it is."""
    attribute, thing, holds = dice.one(_TUNED), dice.one(KNOWN), dice.coin()
    value = fact(attribute, thing) if holds else untrue(attribute, thing)
    said = say(dice.one(STATEMENTS), attribute, thing, value)
    yes, no = dice.one((("yes", "no"), ("true", "false"), ("right", "wrong")))
    return _tell(dice, WORDINGS["judged"], dict(said=said, answer=yes if holds else no))


def checks(dice: Dice) -> str:
    """Tells a story of one or two statements, and checks three others by it."""
    rows = stories.tell(dice, dice.some(tuple(stories.SAY), dice.number(1, 2)))
    yes, no, open_ = dice.one((("yes", "no", "maybe"), ("true", "false", "not known")))
    parts = [stories.in_words(rows)]
    frame = dice.one(WORDINGS["checks"])
    for _ in range(3):
        kind, subject, value = dice.one(rows)
        label = dice.one((0, 0, 1, 1, 2))
        if "{asked}" in frame:
            right = yes if stories.holds(kind, value) else no
            said = dict(asked=stories.whether(kind, subject), right=right)
        else:
            said = dict(claim=stories.claim(dice, rows, label), right=(yes, no, open_)[label])
        parts.append(_tell(dice, [frame], said))
    return " ".join(parts)


def alike(dice: Dice) -> str:
    """Says if two things have the same value of an attribute."""
    attribute, (thing, other) = dice.one(_TUNED), dice.some(KNOWN, 2)
    values = fact(attribute, thing), fact(attribute, other)
    same = values[0] == values[1]
    record = dict(t=thing, u=other, a=attribute, v=values[0], w=values[1])
    said = dict(same="the same" if same else "not the same", answer="yes" if same else "no")
    return _tell(dice, WORDINGS["alike"], record | said)


def operated(dice: Dice) -> str:
    """Says what is done with a list, of at most two steps, and what comes out."""
    operations = niv2.choice().trained
    one = dice.one(_SHORT if dice.coin(0.6) else operations)
    words, _, answer = case(dice, one)
    record = dict(
        list=steps.GRAMMAR["lists"][one.kind],
        words=" ".join(words),
        do=niv2.told(one, " ".join(words)),
        answer=answer,
    )
    return _tell(dice, WORDINGS["operated"], record)


_SHORT = tuple(one for one in niv2.choice().trained if len(one.steps) < 2)
