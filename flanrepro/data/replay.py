"""Pretraining text among a run's prompts, so that tuning does not forget what the text taught.

One to five per cent of it removes most forgetting (Scialom et al., 2022; Bethune et al., 2025).
"""

from dataclasses import dataclass
from fractions import Fraction

from flanrepro.data.examples import Example, Examples


@dataclass(frozen=True)
class Replayed:
    """Prompts with texts evenly spread among them; which example is the i-th follows from i alone.

    In each shard, floor(n * share) of the first n examples are texts. Leaving the texts out gives
    the prompts in the order that they have without replay.

    Attributes:
        prompts: examples of prompts by index.
        texts: examples of texts by index, see `flanrepro.data.pretraining`.
        share: share of texts, at least 0 and below 1.
        shards: number of streams that read these examples, see `flanrepro.data.packing.pack`.
    """

    prompts: Examples
    texts: Examples
    share: float
    shards: int = 1

    def texts_before(self, n: int) -> int:
        """Number of texts among the first `n` examples of a shard."""
        # As it is written: 0.29 is 29 of 100, and not the float's 28.99999999999999... of 100.
        share = Fraction(repr(self.share))
        return n * share.numerator // share.denominator

    def __getitem__(self, i: int) -> Example:
        # Per shard: otherwise every text might be dealt to the same one of, say, 20 shards.
        n, shard = divmod(i, self.shards)
        before = self.texts_before(n)
        if self.texts_before(n + 1) > before:
            return self.texts[before * self.shards + shard]
        return self.prompts[(n - before) * self.shards + shard]
