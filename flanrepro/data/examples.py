"""From a prompt to an example: its token ids and its fate.

Neither Grain nor SentencePiece is imported here: a machine without them can train from files.
"""

import functools
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from flanrepro.collection.prompt import Prompt
from flanrepro.collection.task import Task, by_name
from flanrepro.data.fates import DROPPED, KEPT, count_fates, say_losses
from flanrepro.data.fit import Fitted, fit
from flanrepro.data.vocabulary import EOS, Vocabulary

WORTH_A_WARNING = 0.01
"""Share of prompts that did not fit above which a warning says so."""

_END = np.array([EOS], np.int32)

Example = dict[str, np.ndarray]
"""Arrays int32 of one example: `inputs` [<= inputs_length] and `targets` [<= targets_length], both
with EOS, or both empty if it was left out; `fate` [1]."""


class Examples(Protocol):
    """Examples at random access, without end."""

    def __getitem__(self, i: int) -> Example: ...


class Prompts(Protocol):
    """Prompts by index, and the tasks that they are of, as `flanrepro.collection.Mixture` is."""

    tasks: Sequence[Task]

    def __getitem__(self, i: int) -> Prompt: ...


class PromptTooLong(UserWarning):
    """Many training prompts did not fit."""


@dataclass
class Encode:
    """Turns prompts into token ids, at most as many as the lengths, see `flanrepro.data.fit`.

    Attributes:
        vocabulary: vocabulary that gives the ids.
        inputs_length, targets_length: number of tokens at most, EOS included.
    """

    vocabulary: Vocabulary
    inputs_length: int
    targets_length: int
    _seen: Counter = field(default_factory=Counter, repr=False)
    _warned: bool = field(default=False, repr=False)

    def fit(self, prompt: Prompt, task: Task) -> Fitted:
        """Makes a prompt of `task` fit, and warns once if many did not."""
        fitted = fit(prompt, task, self.vocabulary, self.inputs_length, self.targets_length)
        self._seen[fitted.fate] += 1
        if fitted.fate != KEPT and not self._warned:
            seen = self._seen.total()
            # Against 1,000 prompts at least: a share of the first few says nothing.
            if seen - self._seen[KEPT] > WORTH_A_WARNING * max(seen, 1000):
                self._warned = True
                self._warn(prompt, *fitted.tokens)
        return fitted

    def __call__(self, prompt: Prompt, task: Task) -> Example:
        fitted = self.fit(prompt, task)
        end = _END[:0] if fitted.fate == DROPPED else _END
        return {
            "inputs": np.concatenate((fitted.inputs, end)),
            "targets": np.concatenate((fitted.targets, end)),
            "fate": np.array([fitted.fate], np.int32),
        }

    def _warn(self, prompt: Prompt, inputs: int, targets: int) -> None:
        lost = say_losses(count_fates(np.repeat(list(self._seen), list(self._seen.values()))))
        warnings.warn(
            f"training prompts are longer than the model's {self.inputs_length} input and "
            f"{self.targets_length} target tokens, e.g. that of task '{prompt.task}', "
            f"{prompt.split} record {prompt.record} ({prompt.setting}), which has {inputs} and "
            f"{targets}; so far {lost}; all are counted with the run: raise inputs_length or "
            "targets_length if the counts are too high",
            PromptTooLong,
            stacklevel=2,
        )


@dataclass(frozen=True)
class EncodedPrompts:
    """A mixture's prompts as examples."""

    prompts: Prompts
    encode: Encode

    @functools.cached_property
    def _tasks(self) -> Mapping[str, Task]:
        return by_name(self.prompts.tasks)

    def fitted(self, i: int) -> Fitted:
        """The i-th prompt, made to fit."""
        prompt = self.prompts[i]
        return self.encode.fit(prompt, self._tasks[prompt.task])

    def __getitem__(self, i: int) -> Example:
        prompt = self.prompts[i]
        return self.encode(prompt, self._tasks[prompt.task])


@dataclass(frozen=True)
class SoftPrompted:
    """Examples behind a soft prompt's virtual tokens, see `flanrepro.model.soft_prompt`.

    Attributes:
        examples: examples by index, whose inputs leave room for them.
        length: number of virtual tokens.
        first: id of the first, behind the vocabulary's.
    """

    examples: Examples
    length: int
    first: int

    def __getitem__(self, i: int) -> Example:
        example = self.examples[i]
        if not len(example["inputs"]):  # it was left out
            return example
        virtual = np.arange(self.first, self.first + self.length, dtype=np.int32)
        return {**example, "inputs": np.concatenate([virtual, example["inputs"]])}
