"""The one exception for every failure that a user can cause and mend, and warnings as sentences."""

import re
import sys
import warnings

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


def say_warnings() -> None:
    """Makes this process print the library's warnings as sentences, as it does its errors.

    By default Python prints the place in the code and its line, too. Other libraries' warnings stay
    as they are.
    """
    usual = warnings.showwarning

    def show(message, category, filename, lineno, file=None, line=None) -> None:
        if category.__module__.partition(".")[0] == "flanrepro":
            print(f"flanrepro: {InputError(message)}", file=file or sys.stderr)
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show
