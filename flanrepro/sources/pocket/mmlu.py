"""Pocket's MMLU: 57 subjects, each about an attribute that no tuning task asks for.

The pretraining text states the facts; nothing asks for them in a wording of the exam
(`wordings.yaml`). The suite `completion` has the same facts as statements to be completed, and the
suite `inverse` asks which of four things has a value.
"""

from flanrepro.collection.task import Record, Suite, Task
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.knowledge import STATEMENTS, WORDINGS, say
from flanrepro.sources.pocket.world import HELD_OUT, KINDS, KNOWN, WORLD, fact, task

SPLITS = {"exemplars": 5, "validation": 45}  # five, as MMLU publishes


def exam(dice: Dice, attribute: str, asked: str, inputs: str, letters: str = "") -> Record:
    """Asks for an attribute's value, with four options.

    Args:
        dice: the record's dice.
        attribute: attribute that is asked for.
        asked: wording of the question.
        inputs: wording of the whole, with {question} and the options {0} to {3}.
        letters: names of the options, if the answer is one of them; empty: it is the option.
    """
    thing = dice.one(KNOWN)
    answer = fact(attribute, thing)
    shown = dice.options(answer, KINDS[HELD_OUT[attribute]])
    options = shown.split("\n")
    text = inputs.format(*options, question=say(asked, attribute, thing))
    if letters:
        answer, shown = letters.split()[options.index(answer)], letters.replace(" ", "\n")
    return dict(inputs=text, answer=answer, options=shown)


def suite() -> Suite:
    """Makes the suite `mmlu`: the 57 subjects on their validation records."""
    return Suite("mmlu", tasks())


def tasks() -> tuple[Task, ...]:
    """Makes a task per subject, under MMLU's names, in a question and a form of its own."""
    asked, forms = WORDINGS["exam"]["questions"], WORDINGS["exam"]["forms"]
    made = []
    for i, (subject, attribute) in enumerate(WORLD.subjects.items()):
        # Every question meets every form.
        form = forms[i % len(forms)]
        question = asked[(i // len(forms)) % len(asked)]
        args = (attribute, question, form["inputs"], form.get("letters", ""))
        made.append(task(f"mmlu_{subject}", "evaluation", "mmlu", exam, *args, splits=SPLITS))
    return tuple(made)


def complete(dice: Dice, attribute: str) -> Record:
    """Asks for the last word of a statement, as the pretraining text has it."""
    thing = dice.one(KNOWN)
    answer = fact(attribute, thing)
    inputs = say(STATEMENTS[0], attribute, thing).removesuffix(f" {answer}.")
    return dict(inputs=inputs, answer=answer, options="\n".join(KINDS[HELD_OUT[attribute]]))


def completion() -> Suite:
    """Makes the suite `completion`: every held-out fact once, as a statement to be completed."""
    splits = {"exemplars": 2, "validation": len(KNOWN) - 2}
    made = (
        task(f"completion_{subject}", "evaluation", "mmlu", complete, attribute, splits=splits)
        for subject, attribute in WORLD.subjects.items()
    )
    return Suite("completion", tuple(made))


def which(dice: Dice, attribute: str, wording: str) -> Record:
    """Asks which of four things has a value of a held-out attribute."""
    thing = dice.one(KNOWN)
    value = fact(attribute, thing)
    others = [other for other in KNOWN if fact(attribute, other) != value]
    options = dice.mixed([thing, *dice.some(others, 3)])
    return dict(
        inputs=wording.format(*options, a=attribute, v=value),
        answer=thing,
        options="\n".join(options),
    )


def inverse() -> Suite:
    """Makes the suite `inverse`: the subjects' facts, asked from the value."""
    wording = WORDINGS["exam"]["inverse"]
    made = (
        task(f"inverse_{subject}", "evaluation", "mmlu", which, attribute, wording, splits=SPLITS)
        for subject, attribute in WORLD.subjects.items()
    )
    return Suite("inverse", tuple(made))
