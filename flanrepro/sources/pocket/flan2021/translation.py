"""Translation between the world's two languages."""

from flanrepro.collection.task import Record
from flanrepro.sources.pocket.dice import Dice
from flanrepro.sources.pocket.flan2021.twin import Twin
from flanrepro.sources.pocket.stories import LANGUAGES, in_two_languages


def translation(dice: Dice, pattern: str, back: bool) -> Record:
    """Asks for a sentence of a pattern in the other language; `back`: in English."""
    pair = in_two_languages(dice, pattern)
    source, target = (1, 0) if back else (0, 1)
    return dict(
        text=pair[source],
        answer=pair[target],
        source_language=LANGUAGES[source],
        language=LANGUAGES[target],
    )


TASKS = {
    "wmt14_enfr": Twin(translation, ("in", False)),
    "para_crawl_enes": Twin(translation, ("has", False)),
    "wmt16_translate_csen": Twin(translation, ("is", True)),
    "wmt16_translate_deen": Twin(translation, ("in", True)),
    "wmt16_translate_fien": Twin(translation, ("noun", True)),
    "wmt16_translate_roen": Twin(translation, ("has", True)),
    "wmt16_translate_ruen": Twin(translation, ("and", False)),
    "wmt16_translate_tren": Twin(translation, ("and", True)),
}
