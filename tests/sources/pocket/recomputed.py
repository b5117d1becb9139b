"""Operations on lists by another rule than the package's: on text, by what is said."""

import re

from flanrepro.sources.pocket.steps import GRAMMAR
from flanrepro.sources.pocket.world import KINDS, TRANSLATED

NAMES = {
    said.rstrip("."): name
    for section in ("steps", "answers")
    for name, row in GRAMMAR[section].items()
    for said in (*row["say"], row["bbh"].rstrip("?"))
}
"""Name of a part by each of its wordings."""
_SAID = re.compile("|".join(sorted(map(re.escape, NAMES), key=len, reverse=True)))


def parts(text: str) -> list[str]:
    """The parts that a definition or a question says, in its order."""
    return [NAMES[said] for said in _SAID.findall(text)]


def kind(word: str) -> str:
    return next(name for name, words in KINDS.items() if word in words)


def step(name: str, words: str) -> str:
    """A list after one step, both with spaces between the words."""
    listed = words.split()
    verb, _, what = name.partition("_")
    if what.removesuffix("s") in KINDS:
        kept = [w for w in listed if (verb == "keep") is (kind(w) == what.removesuffix("s"))]
        return " ".join(kept)
    if name in ("keep_big", "keep_small"):
        return " ".join(w for w in listed if (int(w) > 10) is (name == "keep_big") and w != "10")
    if name in ("add_one", "add_ten"):
        return re.sub(r"\d+", lambda m: str(int(m[0]) + {"one": 1, "ten": 10}[what]), words)
    if name == "opposite":
        return words.replace("yes", "?").replace("no", "yes").replace("?", "no")
    if name == "pocketish":
        return re.sub(r"\w+", lambda m: TRANSLATED[m[0]], words)
    if name == "sort":
        return " ".join(sorted(listed))
    if name == "reverse":
        return " ".join(reversed(listed))
    pattern, put = {
        "drop_first": (r"^(\w+) (.*)$", r"\2"),
        "drop_last": (r"^(.*) (\w+)$", r"\1"),
        "drop_second": (r"^(\w+) \w+ (.*)$", r"\1 \2"),
        "last_to_front": (r"^(.*) (\w+)$", r"\2 \1"),
        "first_to_end": (r"^(\w+) (.*)$", r"\2 \1"),
        "first_again": (r"^(\w+)( .*)$", r"\1\2 \1"),
        "swap_ends": (r"^(\w+)( .* | )(\w+)$", r"\3\2\1"),
    }[name]
    return re.sub(pattern, put, words)


def answer(name: str, words: str) -> str:
    """What is written of a list with spaces between the words."""
    listed = words.split()
    return {
        "all": lambda: words,
        "first": lambda: re.match(r"\w+", words)[0],
        "second": lambda: re.match(r"\w+ (\w+)", words)[1],
        "last": lambda: re.search(r"\w+$", words)[0],
        "ends": lambda: re.sub(r"^(\w+) .*?(\w+)$", r"\1 \2", words),
        "count": lambda: str(words.count(" ") + 1),
        "largest": lambda: str(sorted(map(int, listed))[-1]),
        "smallest": lambda: str(sorted(map(int, listed))[0]),
        "kind_first": lambda: kind(listed[0]),
        "kind_last": lambda: kind(listed[-1]),
        "any_yes": lambda: "no" if set(listed) == {"no"} else "yes",
        "all_yes": lambda: "yes" if set(listed) == {"yes"} else "no",
    }[name]()


def result(names: list[str], words: str) -> str:
    """The answer after all steps."""
    *steps, written = names
    for name in steps:
        words = step(name, words)
    return answer(written, words)
