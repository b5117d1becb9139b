"""Pocket's `t0_sf`: other askings of data like FLAN 2021's, as in the Public Pool of Prompts.

`t0_sf.yaml` has the data sets and the askings; a task is one of each, its records finished prompts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flanrepro.collection import rng
from flanrepro.collection.task import Record, Task
from flanrepro.errors import InputError
from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket import flan2021
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.closed_book_qa import things, wordings_of
from flanrepro.sources.pocket.flan2021.twin import in_order
from flanrepro.sources.pocket.knowledge import STATEMENTS, say
from flanrepro.sources.pocket.world import (
    FOODS,
    KINDS,
    NAMES,
    PACKAGE,
    PLACES,
    TUNED,
    WORKS,
    fact,
    task,
)

RECORDS = 200
"""Number of a task's training records, where its family states none; a tenth more validate."""

OPEN_STATEMENTS = tuple(wording for wording in STATEMENTS if wording.endswith("{v}."))
"""Wordings of a fact that end in its value."""


@dataclass(frozen=True)
class Asking:
    """A way to ask, a row of `askings` in `t0_sf.yaml`, which says what its fields mean."""

    inputs: str
    target: str
    labels: str = ""
    item: str = "{option}"
    between: str = ", "


def asked(dice: Dice, make: Callable[..., Record], args: tuple, asking: Asking) -> Record:
    """Makes a finished prompt of a record of `make`."""
    record = dict(make(dice, *args))
    if "{choices}" in asking.inputs:
        record |= _choices(dice, record, asking)
    finished = dict(
        inputs=asking.inputs.removesuffix("{options}").format_map(record),
        answer=asking.target.format_map(record),
    )
    shown = asking.inputs.endswith("{options}")
    return finished | ({"options": record["options"]} if shown else {})


def _choices(dice: Dice, record: Record, asking: Asking) -> dict[str, str]:
    """Lists a record's options inside the wording; the answer's label, where there are labels."""
    options, labels = record["options"].split("\n"), asking.labels.split()
    if not labels:
        said = [asking.item.format(option=option) for option in options]
        return dict(choices=asking.between.join(said))
    if len(labels) < len(options):
        raise InputError(
            f"t0_sf.yaml: the asking '{asking.inputs}' has the labels {asking.labels} for "
            f"{len(options)} options ({', '.join(options)}): give it as many"
        )
    # Fixed options, such as yes and no, would else have fixed labels.
    options = dice.mixed(options)
    pairs = zip(labels, options, strict=False)  # labels are for the longest list of a family
    said = [asking.item.format(label=label, option=option) for label, option in pairs]
    label = labels[options.index(record["answer"])]
    return dict(choices=asking.between.join(said), label=label)


# --- makers that FLAN 2021's twins have no use for ---


def completed(
    dice: Dice, attributes: Sequence[str], statements: Sequence[str], choices: int
) -> Record:
    """Asks for the last word of a statement of a fact."""
    attribute = dice.one(attributes)
    thing = dice.one(things(attribute, False))
    answer = fact(attribute, thing)
    start = say(dice.one(statements), attribute, thing).removesuffix(f" {answer}.")
    options = dice.options(answer, KINDS[TUNED[attribute]], choices)
    return dict(start=start, answer=answer, options=options)


def compared(dice: Dice) -> Record:
    """Asks who of two persons has more of a food, or less."""
    names, amounts, food = dice.some(NAMES, 2), dice.some(range(1, 20), 2), dice.one(FOODS)
    more = dice.coin()
    said = " ".join(f"{name} has {n} {food}." for name, n in zip(names, amounts, strict=True))
    most = amounts.index(max(amounts))
    return dict(
        passage=said,
        question=f"who has {'more' if more else 'less'}?",
        answer=names[most if more else 1 - most],
        options=in_order(names),
    )


def of_words(dice: Dice) -> Record:
    """Asks for the kind of three words."""
    kind = dice.one(("animal", "food", "place", "tool"))
    return dict(
        text=f"{', '.join(dice.some(KINDS[kind], 3))}.",
        answer=kind,
        options="animal\nfood\nplace\ntool",
    )


MAKERS = flan2021.MAKERS | {make.__name__: make for make in (completed, compared, of_words)}
# By kind, so that every part has all kinds.
_BY_KIND = sorted(TUNED, key=TUNED.get)
_LISTS: dict[str, tuple[str, ...]] = {
    "works": WORKS,
    "tools": KINDS["tool"],
    "places": PLACES,
    **{f"facts_{i + 1}_of_{n}": tuple(_BY_KIND[i::n]) for n in (3, 4) for i in range(n)},
}


def _argument(arg: Any, name: str) -> Any:
    """Turns an argument of YAML into a maker's, a hashable one, for the task of that name."""
    if arg == "wordings":
        return wordings_of(name)
    if arg == "statements":
        return tuple(
            OPEN_STATEMENTS[i] for i in rng.sample(len(OPEN_STATEMENTS), 2, rng.key_of(name))
        )
    if isinstance(arg, list):
        return tuple(arg)
    return _LISTS.get(arg, arg) if isinstance(arg, str) else arg


def read_tasks(families: Mapping[str, Any], where: str = "t0_sf.yaml") -> tuple[Task, ...]:
    """Makes a task of every data set with every asking of its family.

    Raises:
        InputError: a data set names a maker that does not exist, or two tasks have one name.
    """
    made: dict[str, Task] = {}
    for family, row in families.items():
        records = row.get("records", RECORDS)
        for data, (make, *args) in row["data"].items():
            if make not in MAKERS:
                raise InputError(
                    f"{where}: {data} of {family} names the maker '{make}', which does not exist: "
                    f"there is {', '.join(MAKERS)}"
                )
            for asking, patterns in row["askings"].items():
                name = f"{data}_{asking}"
                if name in made:
                    raise InputError(
                        f"{where}: {family} has {name}, the name of another family's task: give "
                        "the asking another name"
                    )
                made[name] = task(
                    name,
                    "t0_sf",
                    family,
                    asked,
                    MAKERS[make],
                    tuple(_argument(arg, name) for arg in args),
                    Asking(**patterns),
                    templates="rendered",
                    splits={"train": records, "validation": records // 10},
                )
    return tuple(made.values())


def tasks() -> tuple[Task, ...]:
    """Makes the tasks of `t0_sf.yaml`."""
    return read_tasks(read_yaml(PACKAGE, "t0_sf")["families"])
