"""Sentiment: is a review positive or negative?"""

from collections.abc import Sequence

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice, several
from flanrepro.sources.pocket.flan2021.twin import Twin
from flanrepro.sources.pocket.world import BAD, FOODS, GOOD, NAMES, PLACES, WORKS


def review(dice: Dice, verb: str, things: Sequence[str], n: int = 2, against: int = 0) -> Record:
    """Reviews something.

    Args:
        dice: the record's dice.
        verb: what the reviewer did.
        things: words for what is reviewed.
        n: number of words that agree with the review's sentiment.
        against: number of words that do not, smaller than `n`.
    """
    good = dice.coin()
    words = dice.some(GOOD if good else BAD, n) + dice.some(BAD if good else GOOD, against)
    said = several(dice.mixed(words))
    return dict(
        review=f"{dice.one(NAMES)} {verb} the {dice.one(things)}. it was {said}.",
        answer="positive" if good else "negative",
        options="positive\nnegative",
    )


TASKS = {
    "imdb_reviews": Twin(review, ("saw", WORKS, 3)),
    "sentiment140": Twin(review, ("got", FOODS, 1)),
    "sst2": Twin(review, ("saw", WORKS, 1)),
    "yelp_polarity_reviews": Twin(review, ("went to", PLACES, 2, 1)),
}
