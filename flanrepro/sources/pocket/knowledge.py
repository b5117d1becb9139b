"""Facts said and asked in the wordings of `wordings.yaml`."""

from flanrepro.packaged import read_yaml
from flanrepro.sources.pocket.world import ATTRIBUTES, PACKAGE, fact

WORDINGS = read_yaml(PACKAGE, "wordings")
STATEMENTS: tuple[str, ...] = tuple(WORDINGS["statements"])
QUESTIONS: tuple[str, ...] = tuple(WORDINGS["questions"])


def say(wording: str, attribute: str, thing: str, value: str = "") -> str:
    """Fills a statement's or a question's wording with a fact, or with another value."""
    relation, _, kind = attribute.partition(" ")
    if not value and attribute in ATTRIBUTES:
        value = fact(attribute, thing)
    return wording.format(a=attribute, r=relation, k=kind, t=thing, v=value)


def state(attribute: str, thing: str) -> str:
    """States a fact in the plain wording."""
    return say(STATEMENTS[0], attribute, thing)


def question(attribute: str, thing: str) -> str:
    """Asks for a fact in the plain wording."""
    return say(QUESTIONS[0], attribute, thing)
