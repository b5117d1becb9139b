"""Mixtures of tasks and settings: prompt i is a pure function of (seed, i).

Levanter's `MixtureDataset` is the same idea: draws in blocks with whole counts per data set,
shuffled within a block, at random access. It mixes token sequences, and packs a data set's id and
the index into one integer. Here a draw is a prompt, a block also fixes the number of few-shot
draws, and each task passes over its own records, templates and exemplars.
"""

import functools
import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

from flanrepro.collection import rng
from flanrepro.collection.formats import (
    Format,
    layouts,
    number_of_option_styles,
    number_of_turn_styles,
    option_style,
    plain,
    plain_style,
    turn_style,
)
from flanrepro.collection.instructions import Instructions, check_form, templates_of
from flanrepro.collection.prompt import (
    FEW_SHOT,
    MIXED_SHOTS,
    SHARED_SHOTS,
    Prompt,
    check_exemplars,
    exemplar_candidates,
    render,
)
from flanrepro.collection.shares import (
    MAX_BLOCK,
    dealt,
    period_counts,
    proportional_weights,
    spread,
)
from flanrepro.collection.task import Task
from flanrepro.collection.templates import Template, by_direction, load_few_shot
from flanrepro.errors import InputError

TABLE = 256
"""Smallest number of draws or tasks of a table of draws, which holds whole blocks."""

PROMPTS = 3
"""Version of the prompts. It is raised when a change of templates, formats or draws gives other
prompts for the same seed and index, and gives every run another id."""


@dataclass(frozen=True)
class Mixture:
    """An endless stream of prompts; `mixture[i]` is its i-th, at random access.

    Draws come in shuffled blocks of `block` indices. In every block, task k is drawn its share of
    times, rounded up or down, and exactly `few_shot_fraction` of the draws (rounded) are few-shot;
    over `period` blocks, task k is drawn exactly `counts[k]` times. A task's n-th draw, counted
    over all blocks, takes its n-th record in a shuffled order that changes with each pass. So every
    record is seen once before any is seen twice, and the stream's whole state is the next index.

    Values marked "per task" are one for all tasks or a tuple with one for each.

    Attributes:
        tasks: tasks whose training splits are mixed.
        weights: one number >= 0 per task, at any scale; None: `proportional_weights`.
        seed: integer that every choice depends on.
        few_shot_fraction: share of prompts, 0 to 1, with exemplars.
        options_fraction: share of prompts, 0 to 1, that show answer options if the record has any;
            per task.
        inversion_rate: number of inverted prompts per regular one (Appendix B: 0.3), in tasks with
            inverted templates; None: all templates alike, inverted or not; per task.
        max_examples: largest number of records used of a task, drawn once; None: all; per task.
        way: `plain`: one layout and list of options, 2, 3 or 5 exemplars (A.1) below one
            instruction. `paper`: the same in varied formats (section 3.6). `reference`: as in its
            code, few-shot prompts have wordings of their own, with as many exemplars as there, in
            the question's wording, or in half of the prompts with options each in its own; lists
            of options and dialogs vary in zero-shot prompts. `formats.yaml` lists the conflicts.
        templates: number of a task's first templates that are drawn from, 1 to 10; None: all.
        instructions: form of the prompts, see `flanrepro.collection.instructions.templates_of`.
            With it or `templates`, few-shot prompts have the wordings of zero-shot ones.
        period: number of blocks in which every task is drawn in its exact share.
        counts: int64 [tasks], draws per period.

    Raises:
        InputError: no task, a task twice, a negative weight or rate, all weights zero, a fraction
            outside [0, 1], `max_examples` below 1, `templates` or `instructions` that
            `templates_of` refuses, or a task without training records or with too few to give
            exemplars.
    """

    tasks: tuple[Task, ...]
    weights: tuple[float, ...] | None = None
    seed: int = 0
    few_shot_fraction: float = 0.5
    options_fraction: float | tuple[float, ...] = 0.5
    inversion_rate: float | tuple[float | None, ...] | None = None
    max_examples: int | tuple[int | None, ...] | None = None
    way: Literal["plain", "reference", "paper"] = "plain"
    templates: int | None = None
    instructions: Instructions = ""
    period: int = field(init=False, repr=False, compare=False)
    counts: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        self._check()
        weights = self.weights
        if weights is None:
            weights = proportional_weights(self.tasks)
        names = [task.name for task in self.tasks]
        counts, period = period_counts(weights, names, [task.source for task in self.tasks])
        # A block must be long enough to hold the few-shot fraction exactly; if it would get too
        # long for that, the fraction is rounded in every block.
        parts = Fraction(self.few_shot_fraction).limit_denominator(1000).denominator
        block = int(counts.sum()) // period
        factor = parts // math.gcd(parts, block)
        if block * factor <= MAX_BLOCK:
            counts *= factor
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "period", period)
        # Where each task's draws begin among those of a period, in the tasks' order.
        object.__setattr__(self, "_ends", np.cumsum(counts))
        for k, task in enumerate(self.tasks):
            # A task of weight zero is never drawn, so it need not have records.
            if counts[k]:
                self._check_records(task)
        # When a task is first drawn: a large mixture has hundreds of template files to read.
        object.__setattr__(self, "_each", functools.cache(self._settings))
        # One task's block may be a single prompt, and a table takes 50 us to make at least.
        blocks = max(1, TABLE // max(self.block, len(self.tasks)))
        object.__setattr__(self, "_blocks", blocks)
        object.__setattr__(self, "_draws", blocks * self.block)
        # Readers stay within a table or two; that of the longest block has 3 MB.
        object.__setattr__(self, "_table", functools.lru_cache(maxsize=4)(self._make_table))

    def _check_records(self, task: Task) -> None:
        if not task.rendered and not task.size("train"):
            raise InputError(f"task '{task.name}' has no training records: leave it out")
        if self.few_shot_fraction > 0 and not task.rendered:
            check_exemplars(task, max(FEW_SHOT))

    def _settings(self, k: int) -> "_Settings":
        task = self.tasks[k]
        inversion = _of(self.inversion_rate, k)
        zero_shot = templates_of(task, self.instructions, self.templates)
        # A number of templates per data set is that of both settings together.
        own = self.way == "reference" and not (self.instructions or self.templates)
        few_shot = load_few_shot(task.templates) if own else ()
        mixed = tuple(t for t in few_shot if t.mixed and not t.shots)
        return _Settings(
            zero_shot=_Directions(zero_shot, *by_direction(zero_shot)),
            few_shot=_Directions(few_shot, *by_direction(few_shot)),
            mixed=_Directions(mixed, *by_direction(mixed)),
            options=_parts(_of(self.options_fraction, k)),
            # A rate per regular prompt, as a share of all prompts: 0.3 is 3 of 13.
            inverted=None if inversion is None else _parts(inversion / (1 + inversion)),
            max_examples=_of(self.max_examples, k),
            key=rng.mix(self.seed, rng.key_of(task.name)),
        )

    def _check(self) -> None:
        if not self.tasks:
            raise InputError("a mixture of no tasks: name at least one task")
        for name in ("options_fraction", "inversion_rate", "max_examples"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != len(self.tasks):
                raise InputError(
                    f"{name} has {len(value)} values for {len(self.tasks)} tasks: give one per "
                    f"task, or one for all"
                )
        for name in ("few_shot_fraction", "options_fraction"):
            for value in _all(getattr(self, name)):
                if not 0 <= value <= 1:
                    raise InputError(f"{name} is {value}: expected 0 to 1")
        for value in _all(self.inversion_rate):
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"inversion_rate is {value}: expected 0 or more, e.g. 0.3")
        for value in _all(self.max_examples):
            if value is not None and value < 1:
                raise InputError(f"max_examples is {value}: expected at least 1, or None for all")
        check_form(self.instructions, self.templates)
        (name, times), *_ = Counter(task.name for task in self.tasks).most_common(1)
        if times > 1:
            raise InputError(
                f"task '{name}' is in the mixture {times} times: name it once, with a larger weight"
            )

    def __reduce__(self):
        # The cache of tables stays behind when a mixture goes to another process.
        fields = (self.tasks, self.weights, self.seed, self.few_shot_fraction)
        more = (self.options_fraction, self.inversion_rate, self.max_examples, self.way)
        return Mixture, (*fields, *more, self.templates, self.instructions)

    @functools.cached_property
    def block(self) -> int:
        """Length of a block, in prompts."""
        return int(self.counts.sum()) // self.period

    def _before(self, blocks: range) -> np.ndarray:
        """int64 [blocks, tasks]: number of each task's draws in all blocks before each of these."""
        # The seed decides with which block of the period a run begins, or the same rare tasks
        # would be late in every run.
        shift = rng.mix(self.seed, rng.PERIOD) % self.period
        draws = dealt(self._ends, self.period, shift + np.array([0, *blocks]))
        return np.diff(draws[1:] - draws[0], prepend=0)

    def drawn(self, draws: int) -> np.ndarray:
        """int64 [tasks]: the exact number of each task's draws among the first `draws` prompts."""
        number, rest = divmod(draws, self._draws)
        first = number * self._blocks
        which = self._table(number)[0][:rest]
        return self._before(range(first, first + 1))[0] + np.bincount(
            which, minlength=len(self.tasks)
        )

    def __getitem__(self, i: int) -> Prompt:
        """The i-th prompt, i >= 0."""
        if i < 0:
            raise IndexError(f"a mixture has no index {i}: it starts at 0 and has no end")
        number, position = divmod(i, self._draws)
        return self._prompt(*(column.item(position) for column in self._table(number)))

    def _prompt(self, k: int, draw: int, few_shot: bool) -> Prompt:
        task, each = self.tasks[k], self._each(k)
        keys, options = _streams(each.key), _happens(draw, each.options, each.key)
        split = _setting_split(task, few_shot, options) if task.rendered else "train"
        total = task.size(split)
        size = total if each.max_examples is None else min(total, each.max_examples)
        epoch, n = divmod(draw, size)
        record = rng.permute(n, size, rng.extend(keys[rng.RECORD], epoch))
        # The same `size` records in every pass: this key has no epoch.
        if size < total:
            record = rng.permute(record, total, keys[rng.CAP])
        few_shot = few_shot and not task.rendered
        inverted, mixed = self._inverted(each, draw), ()
        if few_shot and options and each.mixed.every and rng.extend(keys[rng.MIXED], draw) % 2:
            mixed = each.mixed.of(inverted)
        own = each.few_shot if few_shot and each.few_shot.every else each.zero_shot
        # Not every list has inverted templates.
        templates = mixed or own.of(inverted) or own.of(False)
        template = templates[rng.extend(keys[rng.TEMPLATE], draw) % len(templates)]
        candidates, shots, beside = (), None, ()
        if few_shot:
            chance = rng.extend(keys[rng.SHOTS], draw)
            number = MIXED_SHOTS if mixed else template.shots
            if own is each.few_shot and not number:
                number = _shared_shots(len(templates), chance)
            shots = self._shots(task, number, chance)
            # Exemplars come from all of the split, so that a cap leaves enough of them.
            same = record if task.exemplar_split == split else None
            candidates = exemplar_candidates(task, rng.extend(keys[rng.EXEMPLARS], draw), same)
        if mixed:
            chances = (rng.extend(rng.extend(keys[rng.BESIDE], draw), n) for n in range(shots))
            beside = tuple(mixed[chance % len(mixed)] for chance in chances)
        return render(
            task,
            record,
            split=split,
            template=template,
            format=self._format(keys, draw, few_shot, options),
            exemplars=candidates,
            shots=shots,
            beside=beside,
        )

    def _shots(self, task: Task, number: int | None, key: int) -> int:
        """The number of exemplars, as far as the task has them; None: one of `FEW_SHOT`."""
        # Super-Natural Instructions publishes a few examples per task, often fewer than five.
        pool = task.size(task.exemplar_split)
        if number:
            return min(number, pool)
        possible = [n for n in FEW_SHOT if n <= pool] or [pool]
        return possible[key % len(possible)]

    def _inverted(self, each: "_Settings", draw: int) -> bool | None:
        """True for the task's share of inverted draws, evenly spread; None: it has no share."""
        if each.inverted is None:
            return None
        # Shuffled within windows of one period: otherwise the inverted half and the half with
        # options would always be the same draws.
        window, place = divmod(draw, each.inverted[1])
        key = rng.extend(_streams(each.key)[rng.INVERSION], window)
        shuffled = rng.permute(place, each.inverted[1], key)
        return _happens(shuffled, each.inverted, 0)

    def _format(self, keys: tuple[int, ...], draw: int, few_shot: bool, options: bool) -> Format:
        where = "prompt" if options else "nowhere"
        # The reference's few-shot prompts have plain lists.
        if self.way == "plain" or (self.way == "reference" and few_shot):
            return plain(where)
        some = layouts() if few_shot else layouts()[:1]
        layout = some[rng.extend(keys[rng.LAYOUT], draw) % len(some)]
        style = plain_style()
        if options:
            chosen = rng.extend(keys[rng.OPTION_STYLE], draw) % number_of_option_styles()
            style = option_style(chosen)
        turns = turn_style(rng.extend(keys[rng.TURNS], draw) % number_of_turn_styles())
        return Format(layout, style, where, "label" if style.labels else "text", turns)

    def _make_table(self, number: int) -> tuple[np.ndarray, ...]:
        """The number-th table of draws, of `_blocks` blocks one after the other.

        Returns:
            three arrays [draws]: task, number of the task's draw, and whether it is few-shot.
        """
        blocks = range(number * self._blocks, (number + 1) * self._blocks)
        of_blocks = rng.mix(self.seed, rng.BLOCK)
        keys = [rng.extend(of_blocks, block) for block in blocks]
        starts = np.arange(len(blocks))[:, None] * self.block
        order = (starts + rng.shuffled(self.block, np.array(keys, np.uint64)[:, None])).ravel()
        before = self._before(range(blocks.start, blocks.stop + 1))
        counts = np.diff(before, axis=0).ravel()
        # A group is a task within a block. uint16 sorts fast and holds 65,536 of them; the paper
        # has 1,836 tasks.
        groups = np.repeat(np.arange(len(counts), dtype=np.uint16), counts)[order]
        first = before[:-1].ravel() - (np.cumsum(counts) - counts)
        by_group = np.argsort(groups, kind="stable")
        draw = np.empty(len(order), np.int64)
        draw[by_group] = np.arange(len(order)) + first[groups[by_group]]
        # Slots are sorted by task before the shuffle, so an even spread over slots gives every task
        # its few-shot share; the phase moves with the block, so that rounding favours no task.
        phases = [rng.mix(key, rng.FEW_SHOT_SLOTS) % self.block for key in keys]
        few_shot = spread(self.block, self.few_shot_fraction, np.array(phases)[:, None])
        return groups % np.uint16(len(self.tasks)), draw, few_shot.ravel()[order]


@dataclass(frozen=True, slots=True)
class _Settings:
    """A task's own settings, its shares as (numerator, denominator).

    Attributes:
        options: share of prompts with options.
        inverted: share of inverted prompts; None: all templates alike.
        max_examples: largest number of records; None: all.
        key: 64-bit key of the task's random streams.
        zero_shot, few_shot: templates; few_shot without any: few-shot prompts have the zero-shot
            ones.
        mixed: those of few_shot that may stand beside each other in one prompt.
    """

    options: tuple[int, int]
    inverted: tuple[int, int] | None
    max_examples: int | None
    key: int
    zero_shot: "_Directions"
    few_shot: "_Directions"
    mixed: "_Directions"


class _Directions(NamedTuple):
    """Templates: all, and the regular and the inverted ones apart."""

    every: tuple[Template, ...]
    regular: tuple[Template, ...]
    inverted: tuple[Template, ...]

    def of(self, inverted: bool | None) -> tuple[Template, ...]:
        """Returns the templates of a direction; None: all."""
        return self.every if inverted is None else self.inverted if inverted else self.regular


@functools.lru_cache(maxsize=1 << 13)
def _streams(key: int) -> tuple[int, ...]:
    """The keys of a task's random streams, by their numbers in `flanrepro.collection.rng`."""
    return tuple(rng.mix(key, stream) for stream in range(rng.STREAMS))


def _of(value, k: int):
    return value[k] if isinstance(value, tuple) else value


def _all(value) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def _parts(share: float) -> tuple[int, int]:
    """A share as (numerator, denominator), the denominator at most 1,000."""
    fraction = Fraction(share).limit_denominator(1000)
    return fraction.numerator, fraction.denominator


def _happens(draw: int, share: tuple[int, int], key: int) -> bool:
    """True for `share` of all draws, evenly spread; `key` shifts which ones."""
    top, parts = share
    shifted = draw + key % parts
    return (shifted + 1) * top // parts > shifted * top // parts


def _setting_split(task: Task, few_shot: bool, options: bool) -> str:
    """Name of a rendered task's split for a setting, or the nearest one that it has."""
    shots, other = ("fs", "zs") if few_shot else ("zs", "fs")
    shown, hidden = ("opt", "noopt") if options else ("noopt", "opt")
    wanted = [f"{s}_{o}" for s in (shots, other) for o in (shown, hidden)]
    here = [split for split in wanted if split in task.splits and not task.missing(split)]
    return next(split for split in here if task.size(split))


@functools.cache
def _shot_thresholds(templates: int) -> tuple[float, ...]:
    """Cumulative chances of 1, 2, ... of `SHARED_SHOTS` draws in one of the templates."""
    p, n = 1 / templates, SHARED_SHOTS
    chances = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(1, n + 1)]
    total = sum(chances)  # the reference leaves out what draws none
    return tuple(sum(chances[: k + 1]) / total for k in range(n))


def _shared_shots(templates: int, key: int) -> int:
    """Number of exemplars in the question's template, distributed as in the reference."""
    return 1 + sum(threshold <= key / 2**64 for threshold in _shot_thresholds(templates)[:-1])
