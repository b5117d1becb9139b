"""The one exception for every failure that a user can cause and mend."""

import re

LONGEST = 4000
"""Number of characters of the longest sentence; of a longer one the middle is left out."""

# Control characters, what else ends a line (U+0085, U+2028, U+2029), halves of surrogate pairs,
# which cannot be printed, and signs that turn the direction of writing around.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class InputError(ValueError):
    """Bad input: one sentence that says what is wrong, where, what was expected and what to do.

    Names and texts of files are part of it, so whatever they hold, it stays on one line: characters
    that no line has are written as escapes, such as `\\n`.
    """

    def __init__(self, sentence: object):
        text = _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(sentence))
        # The end stays, which says what to do.
        text = text if len(text) <= LONGEST else f"{text[:3000]} [...] {text[-990:]}"
        super().__init__(text)
