"""Instruction tuning as a picture: prompts of the collection, from tuning to tasks that are new."""

import re
import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt

from flanrepro.collection import Prompt, render
from flanrepro.collection.task import Collection
from flanrepro.collection.templates import load_by_direction
from flanrepro.report.figures import COLORS, STYLE, new_figure
from flanrepro.report.listing import CHARACTER, LINE, PAD, POINTS
from flanrepro.sources import load_collection

WIDTH, GAP, ARROW = 3.7, 0.12, 1.5
"""Inches: width of a box, distance between two boxes, and between the columns."""

TOP = 0.5

HEADS = (
    ("1. Tune on many tasks, each put as an instruction", COLORS[2]),
    ("2. Ask for a task that is new", COLORS[1]),
)


def draw() -> plt.Figure:
    """Draws prompts of pocket that a model is tuned on, and those of a task that is held out."""
    pocket = load_collection("pocket")
    columns = [[_lines(*box) for box in of] for of in (_tuned_on(pocket), _asked_of(pocket))]
    tall = [sum(len(lines) * LINE + 2 * PAD + GAP for lines in of) for of in columns]
    middle, width = TOP + max(tall) / 2, 2 * WIDTH + ARROW
    fig, (ax,) = new_figure(1, size=(width + 0.1, TOP + max(tall)))
    fig.get_layout_engine().set(w_pad=0, h_pad=0)
    with mpl.rc_context(STYLE):
        ax.set(xlim=(-0.05, width + 0.05), ylim=(TOP + max(tall), 0))
        ax.axis("off")
        for of, high, (head, color), x in zip(
            columns, tall, HEADS, (0, WIDTH + ARROW), strict=True
        ):
            ax.text(x, 0.2, head, fontsize=POINTS + 2, weight="bold", va="center")
            _draw_column(ax, of, x, middle - high / 2, color)
        _draw_model(ax, WIDTH + ARROW / 2, middle)
    return fig


def _tuned_on(pocket: Collection) -> list[tuple[str, Prompt]]:
    """Prompts of training tasks, one per way of asking, each with its title."""
    review, pair, sums = (pocket.task(name) for name in ("sst2", "rte", "cot_gsm8k"))
    inverted = load_by_direction(sums.templates)[1]
    turned = next(one for one in inverted if not re.search("{(answer|rationale)}", one.targets))
    return [
        ("sentiment, zero-shot", render(review, 0)),
        ("inference, few-shot: a solved exemplar first", render(pair, 0, exemplars=(1,))),
        ("arithmetic, chain of thought", render(sums, 0)),
        ("the same, input inverted: predict the question", render(sums, 0, template=turned)),
    ]


def _asked_of(pocket: Collection) -> list[tuple[str, Prompt]]:
    """Prompts of a task that no training task resembles, zero-shot and few-shot."""
    task = pocket.task("mmlu_astronomy")
    how = {"split": "validation", "exemplars": ()}
    return [
        ("held-out task, zero-shot", render(task, 0, **how)),
        ("the same, few-shot", render(task, 0, **how | {"exemplars": (0, 1)})),
    ]


def _lines(title: str, prompt: Prompt) -> list[tuple[str, bool]]:
    """The lines of a box, true for those of the answer."""
    characters = int((WIDTH - 2 * PAD) / CHARACTER)

    def wrapped(text: str, most: int) -> list[str]:
        parts = [textwrap.wrap(line, most) for line in text.strip().split("\n")]
        return [line for part in parts for line in part]

    asked = [(line, False) for line in (title, *wrapped(prompt.inputs, characters))]
    # Bold characters are wider.
    return asked + [(line, True) for line in wrapped(f"→ {prompt.targets}", characters * 7 // 8)]


def _draw_column(ax: plt.Axes, boxes: list, x: float, top: float, color: str) -> None:
    for lines in boxes:
        high = len(lines) * LINE + 2 * PAD
        edge = {"facecolor": "white", "edgecolor": color, "linewidth": 1.2}
        ax.add_patch(
            mpl.patches.FancyBboxPatch(
                (x, top), WIDTH, high, "round,pad=0,rounding_size=0.05", **edge
            )
        )
        for n, (line, answer) in enumerate(lines):
            bold = answer or n == 0
            style = {"color": color if bold else "black", "weight": "bold" if bold else "normal"}
            at = x + PAD, top + PAD + (n + 0.5) * LINE
            ax.text(*at, line, fontsize=POINTS, va="center_baseline", parse_math=False, **style)
        top += high + GAP


def _draw_model(ax: plt.Axes, x: float, y: float) -> None:
    box = {"boxstyle": "round,pad=0.5", "facecolor": "0.92", "edgecolor": "0.4"}
    ax.text(x, y, "language\nmodel", fontsize=POINTS + 2, ha="center", va="center", bbox=box)
    for begin in (x - ARROW / 2 + 0.05, x + 0.45):
        ends = (begin + 0.27, y), (begin, y)
        ax.annotate("", *ends, arrowprops={"arrowstyle": "-|>", "color": "0.3", "linewidth": 1.5})
