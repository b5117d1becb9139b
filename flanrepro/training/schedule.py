"""What a spec says of an optimizer; no JAX import here."""

from dataclasses import dataclass

OPTIMIZERS = ("adafactor", "adamw", "muon")


@dataclass(frozen=True)
class Falling:
    """A learning rate that falls linearly to 0 over the last steps of a run.

    It is given in the place of a number. A compiled step then depends on the run's length only
    where the rate falls, and all other runs of a sweep share one.

    Attributes:
        rate: learning rate before the fall.
        steps: number of steps of the run.
        decay_steps: number of steps of the fall; the last step's rate is `rate / decay_steps`.
    """

    rate: float
    steps: int
    decay_steps: int
