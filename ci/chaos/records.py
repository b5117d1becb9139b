"""Broken files of data sets: every layout, read by its own reader.

A trial breaks one row, or the file. Either there is one sentence that names the file and the place,
or the records account for every row: those that are whole give what they gave before, and what is
read of the broken one has no other text than it has.
"""

import contextlib
import json
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from ci.chaos.breaking import Broken, faults
from ci.chaos.common import Trial, sentence
from ci.chaos.layouts import ROWS, Layout, layouts

NUMBER = 10_000

PLACE = r"(line|record|row|example|article|instance|problem|turn|id) \S|lines|no record"


def trials(number: int, seed: int, folder: Path) -> Iterator[Trial]:
    """Yields a trial per broken file, see `ci.chaos.common.Part`."""
    every = layouts()
    sound: dict[int, list] = {}
    with _mirror(folder):
        for i in range(number):
            rng, at = random.Random(f"{seed}/{i}"), i % len(every)
            layout = every[at]
            if at not in sound:
                text = layout.text(layout.written()).encode()
                layout.write(folder, layout.packed(text))
                sound[at] = list(layout.read())
            broken = rng.choice(faults(layout))(layout, rng)
            path = layout.write(folder, broken.data)
            fell = judged(layout, broken, sound[at], folder)
            path.unlink()
            yield Trial(
                f"broken {layout.kind}", f"{layout.task} {path.name} {i}: {broken.what}", fell
            )


@contextlib.contextmanager
def _mirror(folder: Path) -> Iterator[None]:
    # The manifest knows some of the names, with other content.
    with (
        mock.patch.dict(os.environ, FLANREPRO_MIRROR=str(folder)),
        mock.patch("flanrepro.raw.files.manifest", dict),
    ):
        yield


def judged(layout: Layout, broken: Broken, sound: Sequence, folder: Path) -> str:
    """What fell when the broken file was read; empty: it held."""
    got: list = []
    said: list[str] = []

    def read() -> None:
        try:
            got.extend(layout.read())
        except ValueError as error:
            said.append(str(error))
            raise

    fell = sentence(read, str(folder))
    if fell:
        return fell
    if said:
        whole = broken.row < 0 or broken.verdict == "cut" or re.search(PLACE, said[0])
        return "" if whole and broken.verdict != "same" else f"{broken.verdict}: {said[0][:200]}"
    return _accounted(layout, broken, sound, got)


def _accounted(layout: Layout, broken: Broken, sound: Sequence, got: Sequence) -> str:
    if any(re.search("[\0\ufeff\ud800-\udfff]", text) for r in got for text in r.values()):
        return f"a character that no text has: {got}"[:200]
    if broken.verdict in ("same", "either", "refused"):
        held = broken.verdict != "refused" and list(map(_spaced, got)) == list(map(_spaced, sound))
        return "" if held else f"{broken.verdict}, but it was read as {got}"[:400]
    if layout.shared:
        return ""
    size = len(sound) // ROWS
    before = sound[: size * broken.row]
    after = [] if broken.verdict == "cut" else sound[size * (broken.row + 1) :]
    whole = got[: len(before)] + got[len(got) - len(after) :] == before + after
    if not whole or len(got) < len(before) + len(after):
        return f"other rows are not as they were: {got}"[:400]
    middle = got[len(before) : len(got) - len(after)]
    was = sound[size * broken.row : size * (broken.row + 1)]
    if broken.verdict == "intact" and not layout.ruled and not _intact(was, middle, broken.sign):
        return f"the row is not what it was but for {broken.sign!r}: {middle}"[:400]
    return ""


def _spaced(record: Mapping[str, str]) -> dict[str, str]:
    # Blank lines and line ends within a text are the text's.
    return {name: " ".join(text.split()) for name, text in record.items()}


def _intact(was: Sequence, made: Sequence, sign: str) -> bool:
    def bare(record: Mapping[str, str]) -> dict[str, Any]:
        sides = dict(record)
        if "references" in record:
            sides["references"] = " ".join(json.loads(record["references"]))
        # Letters and digits that are none of the sign's: readers join lines and mend punctuation.
        for name, text in sides.items():
            sides[name] = "".join(
                c for c in re.sub(r"\W", "", text.lower()) if c not in sign.lower()
            )
        return {**sides, "lines": len(record.get("options", "").split("\n"))}

    return list(map(bare, was)) == list(map(bare, made))
