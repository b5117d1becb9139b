"""From a prompt to an example: token ids, and what became of it on the way.

No Grain and no SentencePiece is imported here, so that a machine without them can train from files.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flanrepro.collection.prompt import Prompt
from flanrepro.data.vocabulary import EOS, Vocabulary

KEPT, TRUNCATED, DROPPED = 1, 2, 3
"""What a batch's `fate` says of an example; 0 is padding."""


def count_fates(fate: np.ndarray) -> dict[str, int]:
    """`examples` read for a batch and, of these, `truncated` and `dropped` ones."""
    return {
        "examples": int((fate > 0).sum()),
        "truncated": int((fate == TRUNCATED).sum()),
        "dropped": int((fate == DROPPED).sum()),
    }


WORTH_A_WARNING = 0.01
"""Share of examples that were cut or left out; fewer are in the run's counts alone."""

Example = dict[str, np.ndarray]
"""`inputs` int32 [<= inputs_length] and `targets` int32 [<= targets_length], both with EOS, or both
empty if it was dropped; `fate` int32 [1] with what became of it."""


class Examples(Protocol):
    """Examples at random access, without end."""

    def __getitem__(self, i: int) -> Example: ...


class PromptTooLong(UserWarning):
    """Many training prompts had to be cut or left out."""


@dataclass
class Encode:
    """From a prompt to token ids, as SeqIO does it: cut to the length less one, then EOS.

    An example whose targets would be cut is dropped instead, since a cut answer teaches a wrong
    one: it comes out empty. Every example says in `fate` what became of it, so that the counts
    belong to the batches that were trained on, not to those that were read ahead.

    Attributes:
        vocabulary: gives the ids.
        inputs_length, targets_length: in tokens, EOS included.
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
        # Of the first few examples, a share says nothing.
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
