"""The playground of a notebook: widgets to put a question, and the answers as HTML."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from flanrepro.collection.question import Question, of_record, typed, typed_after_exemplars
from flanrepro.collection.task import Collection, Suite
from flanrepro.collection.templates import load_templates
from flanrepro.data.vocabulary import SPACE, Vocabulary
from flanrepro.errors import InputError
from flanrepro.experiments.ask import WORLD, answers, fitted, knows_pocket, unknown_words
from flanrepro.experiments.scores import suite_of
from flanrepro.model.model import Model
from flanrepro.report.talk import IN_POCKETS_WORDS

try:
    import ipywidgets as widgets
except ImportError:  # in the extra `notebook` alone: nothing else of the package needs it
    raise InputError(
        "the playground needs ipywidgets: install it with `pip install -c constraints.txt -e "
        "'.[notebook]'`, or ask with `flanrepro ask`"
    ) from None

SETTINGS = {"zero-shot": 0, "few-shot, 1 exemplar": 1}
SETTINGS |= {f"few-shot, {n} exemplars": n for n in (2, 3, 5)}
READ, WRITTEN, SPELLED = "#e4e4e4", "#b7e1b0", "#f3b7b0"
"""Colours of tokens without loss, with loss, and of words that the vocabulary lacks."""


@dataclass(frozen=True)
class Playground:
    """The widgets by what they choose.

    Attributes:
        collection: the tasks to choose from.
        models: the models that are asked, by name.
        talk: one of the talk's examples, which fills `text`.
        task, record, template, options: a task's record, which fills `text`; empty: typed freely.
        setting: number of exemplars of the task before the question.
        text: the question.
        choices: options to list below it, with `|` between.
        ask: the button.
        shown: the answers.
    """

    collection: Collection
    models: Mapping[str, Model]
    talk: widgets.Dropdown
    task: widgets.Combobox
    record: widgets.BoundedIntText
    template: widgets.Dropdown
    options: widgets.Checkbox
    setting: widgets.Dropdown
    text: widgets.Textarea
    choices: widgets.Text
    ask: widgets.Button
    shown: widgets.HTML
    filled: dict[str, str] = field(default_factory=dict)

    @property
    def box(self) -> widgets.VBox:
        rows = [[self.talk], [self.task, self.record], [self.template, self.setting, self.options]]
        rows += [[self.text], [self.choices, self.ask], [self.shown]]
        return widgets.VBox([widgets.HBox(row) for row in rows])


def playground(collection: Collection, models: Mapping[str, Model]) -> Playground:
    """Makes the widgets and connects them; display its `box`."""
    wide, style = {"width": "46em"}, {"description_width": "5em"}
    kinds = IN_POCKETS_WORDS.items()
    examples = {
        f"{kind}: {' '.join(text.split())}": text for kind, texts in kinds for text in texts
    }
    made = Playground(
        collection,
        models,
        widgets.Dropdown(
            options={"(none)": "", **examples}, description="talk", layout=wide, style=style
        ),
        widgets.Combobox(
            options=tuple(sorted(collection.every_task)),
            placeholder="a task's name, or nothing",
            description="task",
            continuous_update=False,
            style=style,
        ),
        widgets.BoundedIntText(description="record", style=style),
        widgets.Dropdown(options=[""], description="template", style=style),
        widgets.Checkbox(value=True, description="list the options", indent=False),
        widgets.Dropdown(options=SETTINGS, description="setting", style=style),
        widgets.Textarea(description="question", rows=6, layout=wide, style=style),
        widgets.Text(description="options", placeholder="yes|no", style=style),
        widgets.Button(description="Ask", button_style="primary"),
        widgets.HTML(),
    )
    _connect(made)
    return made


def _connect(made: Playground) -> None:
    def on_task(_) -> None:
        _guarded(made, _open_task)

    def on_record(_) -> None:
        _guarded(made, _fill)

    def on_talk(change) -> None:
        if change["new"]:
            made.task.value = ""
            made.text.value = change["new"]

    made.task.observe(on_task, "value")
    made.talk.observe(on_talk, "value")
    for one in (made.record, made.template, made.options):
        one.observe(on_record, "value")
    made.ask.on_click(lambda _: _guarded(made, _answer))


def _guarded(made: Playground, act) -> None:
    """Shows the sentence of an InputError in the place of the answers."""
    try:
        act(made)
    except InputError as error:
        style = f"background:{SPELLED};color:black;padding:0 3px"  # legible on a dark page too
        made.shown.value = f'<p style="{style}">{html.escape(str(error))}</p>'


def _open_task(made: Playground) -> None:
    """Offers the templates and the records of the chosen task, and fills in its first one."""
    if not made.task.value:
        made.template.options = [""]
        made.filled.clear()
        return
    suite = _suite(made)
    (task,) = suite.tasks
    made.template.options = [t.name for t in load_templates(task.templates) if t.asks]
    made.record.max = task.size(suite.split_of(task)) - 1
    _fill(made)


def _fill(made: Playground) -> None:
    if made.task.value:
        made.text.value = made.filled["text"] = _recorded(made, 0).prompt.inputs
        made.choices.value = ""


def _suite(made: Playground) -> Suite:
    # By the task's own name: a suite's would be all of its tasks.
    return suite_of(made.collection, made.collection.task(made.task.value).name)


def _recorded(made: Playground, shots: int) -> Question:
    listed = made.options.value
    return of_record(_suite(made), made.record.value, shots, made.template.value or "", listed)


def question(made: Playground) -> Question:
    """The question that the widgets describe; a record whose text was changed is a typed one."""
    listed = made.choices.value.split("|") if made.choices.value.strip() else []
    if not made.task.value:
        return typed(made.text.value, listed)
    if made.text.value == made.filled.get("text") and not listed:
        return _recorded(made, made.setting.value)
    template = made.template.value or ""
    return typed_after_exemplars(
        _suite(made), made.text.value, made.setting.value, listed, template
    )


def _answer(made: Playground) -> None:
    made.shown.value = page(made.models, question(made))


def page(models: Mapping[str, Model], asked: Question) -> str:
    """The prompt, its tokens with their loss weights, and the models' answers, as HTML.

    Raises:
        InputError: the question is longer than a model's input.
    """
    table = answers(models, asked)
    rows = "".join(_row(row, asked.options) for row in table.to_dict("records"))
    right = " or ".join(map(html.escape, asked.references))
    first = next(iter(models.values()))
    prompt = fitted(first, asked)
    parts = [
        f'<table style="line-height:1.5">{rows}</table>',
        f"<p>Accepted: <b>{right}</b></p>" if right else "",
        f"<p><i>{WORLD}</i></p>" if any(map(knows_pocket, models.values())) else "",
        f'<pre style="white-space:pre-wrap">{html.escape(prompt.inputs)}</pre>',
        "<p>Read, without loss:</p>",
        tokens(first.vocabulary, prompt.inputs, READ),
        "<p>To be written, with loss:</p>" if prompt.targets else "",
        tokens(first.vocabulary, prompt.targets, WRITTEN) if prompt.targets else "",
    ]
    return "\n".join(filter(None, parts))


def _row(row: Mapping[str, object], options: tuple[str, ...]) -> str:
    """A model's row: its name, its answer, and a bar per option."""
    bars = "".join(
        f'<div><span style="display:inline-block;min-width:4em">{html.escape(one)}</span>'
        f'<span style="display:inline-block;height:.7em;background:#1f77b4;'
        f'width:{8 * row[f"p({one})"]:.2f}em"></span> {row[f"p({one})"]:.1%}</div>'
        for one in options
    )
    said = html.escape(str(row["answer"])) or "<i>(nothing)</i>"
    cells = (f"<b>{html.escape(str(row['model']))}</b>", said, bars)
    style = 'style="text-align:left;vertical-align:top;padding:0 1em 0 0"'
    return f"<tr>{''.join(f'<td {style}>{cell}</td>' for cell in cells)}</tr>"


def tokens(vocabulary: Vocabulary, text: str, color: str) -> str:
    """The pieces of a text, and the end of the sequence, as marks.

    The marks of words that the vocabulary lacks, and has spelled, have a colour of their own.
    """
    marks = []
    for word in text.split():
        spelled = unknown_words(vocabulary, word)
        for piece in vocabulary.pieces(word):
            letter = piece.lstrip(SPACE).isalnum()  # a sign beside the word is itself known
            marks.append((piece, SPELLED if spelled and letter else color))
    mark = '<span style="background:{};color:black;border-radius:3px;padding:0 3px">{}</span>'
    said = [mark.format(own, html.escape(piece.replace(SPACE, "") or "_")) for piece, own in marks]
    return f'<p style="line-height:1.8">{" ".join([*said, mark.format(color, "EOS")])}</p>'
