"""From a prompt to an example: its token ids, and its fate (kept, truncated or dropped).

Neither Grain nor SentencePiece is imported here: a machine without them can train from files.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flanrepro.collection.prompt import Prompt
from flanrepro.data.vocabulary import EOS, Vocabulary

KEPT, TRUNCATED, DROPPED = 1, 2, 3
"""Values of `fate`; 0 is padding."""


def count_fates(fate: np.ndarray) -> dict[str, int]:
    """Counts the `examples` read for a batch, and the `truncated` and `dropped` ones among them."""
    return {
        "examples": int((fate > 0).sum()),
        "truncated": int((fate == TRUNCATED).sum()),
        "dropped": int((fate == DROPPED).sum()),
    }


WORTH_A_WARNING = 0.01
"""Share of truncated and dropped examples above which a warning says so."""

Example = dict[str, np.ndarray]
"""Arrays int32 of one example: `inputs` [<= inputs_length] and `targets` [<= targets_length], both
with EOS, or both empty if it was dropped; `fate` [1]."""


class Examples(Protocol):
    """Examples at random access, without end."""

    def __getitem__(self, i: int) -> Example: ...


class PromptTooLong(UserWarning):
    """Many training prompts had to be cut or left out."""


@dataclass
class Encode:
    """Turns a prompt into token ids, as SeqIO does: cut to the length less one, then EOS.

    An example whose targets would be cut is dropped instead, since a cut answer teaches a wrong
    one: it comes out empty. Every example carries its fate, so that the counts are of the batches
    that were trained on, not of those that were read ahead.

    Attributes:
        vocabulary: vocabulary that gives the ids.
        inputs_length, targets_length: number of tokens at most, EOS included.
    """

    vocabulary: Vocabulary
    inputs_length: int
    targets_length: int
    _seen: int = 0
    _too_long: int = 0
    _warned: bool = False

    def __call__(self, prompt: Prompt) -> Example:
        inputs = self.vocabulary.encode(prompt.inputs)
        targets = self.vocabulary.encode(prompt.targets)
        fate = KEPT
        if len(targets) >= self.targets_length:
            fate = DROPPED
        elif len(inputs) >= self.inputs_length:
            fate = TRUNCATED
        self._seen += 1
        self._too_long += fate != KEPT
        # Measured against 1,000 examples at least: a share of the first few says nothing.
        if self._too_long > WORTH_A_WARNING * max(self._seen, 1000) and not self._warned:
            self._warned = True
            self._warn(prompt, len(inputs) + 1, len(targets) + 1)
        if fate == DROPPED:
            inputs, targets = [], []
        else:
            inputs = [*inputs[: self.inputs_length - 1], EOS]
            targets = [*targets, EOS]
        as_ids = lambda ids: np.array(ids, np.int32)  # noqa: E731
        return {"inputs": as_ids(inputs), "targets": as_ids(targets), "fate": as_ids([fate])}

    def _warn(self, prompt: Prompt, inputs: int, targets: int) -> None:
        warnings.warn(
            f"{self._too_long} of the first {self._seen} training prompts are too long, e.g. task "
            f"'{prompt.task}', {prompt.split} record {prompt.record} ({prompt.setting}): it has "
            f"{inputs} input and {targets} target tokens, the model's lengths are "
            f"{self.inputs_length} and {self.targets_length}; inputs are cut, examples with longer "
            "targets left out, and both are counted with the run: raise inputs_length or "
            "targets_length if the counts are too high",
            PromptTooLong,
            stacklevel=2,
        )


@dataclass(frozen=True)
class EncodedPrompts:
    """A mixture's prompts as examples."""

    prompts: Sequence[Prompt]
    encode: Encode

    def __getitem__(self, i: int) -> Example:
        return self.encode(self.prompts[i])
