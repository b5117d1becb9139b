"""Answers read from generated text, and compared with the accepted ones.

An answer is compared in the form of its task's kind (`Task.answer`):

| kind | compared as | after |
| --- | --- | --- |
| `text` | words in lower case, without a sentence's punctuation | exact match of T5's tasks |
| `span` | words without articles and punctuation | the official scripts of SQuAD and NQ-open |
| `number` | value: `1,000.0` is `1000`, `-$10` is `-10` | Wei et al., 2022 |
| `option` | letter: `(B)`, `B.`, `b: the dog` | Suzgun et al., 2022 |
| `code` | syntax tree where it is Python, else the text with its indentation | |

An answer that names several options or numbers, or takes back what it said, is none.
"""

import ast
import re
import warnings
from collections.abc import Sequence
from decimal import Decimal

from flanrepro.evaluation.squad import words
from flanrepro.sources.flan2022.flan2021_records import UNANSWERABLE

# --- where a text concludes ---

_CUE = re.compile(
    r"(?:(?:(?:^|[.,;:!?\n(*]\s*|\b(?:the|so|thus|final|correct|right|my|our)\s+)answer"
    r"(?:\s*\([^()\n]{1,40}\))?(?: to (?:this|the) question)?"
    r"(?: (?:is|must be|would be|should be)\b|(?=:)))"
    r"|\b(?:Answer|ANS)(?=:)|(?:^|\n)\s*A(?=:)|####|\\boxed\{)[\s:.…*$]*",
    re.IGNORECASE,
)
"""What an answer stands behind: `So the answer is`, `Final answer:` and the other forms of the
reference's chain-of-thought templates (google-research/FLAN, flan/v2/templates.py), `the answer
(Yes or No) is` of Kojima et al. (2022), GSM8K's `####`, and LaTeX's box."""

_CLOSINGS = (
    re.compile(r"([^.!?\n]+?) is the (?:final )?answer\b[.!]?\s*$", re.IGNORECASE),
    re.compile(
        r"(?:^|[.!?…\n])\s*(?:so|thus|hence|therefore)\b[\s,.:…]*([^.!?\n]+)[.!]?\s*$", re.I
    ),
    re.compile(r"[.!?\n]\s*\[([^\[\]\n]+)\]\.?\s*$"),
    re.compile(r"\n\s*([(\[]?[A-Za-z][)\]]?)\.?\s*$"),
)
"""Endings that conclude without a cue: `(B) is the answer.`, `So (B).`, `[yes]`, a line `(B)`."""

_TAKEN_BACK = re.compile(
    r"[.,;:!?–—\n-]\s*(?:no|wait|sorry|actually|correction|i mean|(?:or )?rather)\b[\s,.:;!–—-]+"
    r"(?:it(?:'s| is)\b|that(?:'s| is)\b|(?:so )?the (?:final |correct )?answer\b"
    r"|[-−$€£]*\d|\([a-z]\)|[a-h]\b)",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\W*(?:not|neither|none)\b", re.IGNORECASE)


def _conclusions(text: str) -> list[str]:
    """Gives the lines behind the cues, the last one first; without a cue what a closing says."""
    found = [text[cue.end() :].split("\n")[0] for cue in _CUE.finditer(text)]
    return found[::-1] or [match[1] for closing in _CLOSINGS if (match := closing.search(text))][:1]


def _sentence(text: str) -> str:
    return re.split(r"(?<=[^.\s])[.!?](?=\s|$)|\n", text.strip())[0]


def extract_answer(text: str, kind: str) -> str:
    """Reads the answer of a generated text, in a form that can be compared.

    A chain of thought ends in a conclusion, and the last one is read; a text without any is read
    as a whole.

    Args:
        text: generated text.
        kind: a task's `answer`, see the module's table.

    Returns:
        the answer; the empty string if there is none.
    """
    if kind == "code":
        return _code(text)
    first = _CUE.search(text)
    if first and _TAKEN_BACK.search(text, first.end()):
        return ""
    if not first and kind == "option" and _LEADING.match(text) and not _ABOUT.match(text):
        return _option(text, concluded=False)
    if not first and kind == "number":
        # A number alone in the first line has its explanation behind it.
        line = text.strip().split("\n")[0].rstrip(" .")
        return _number(line if re.fullmatch(_NUMBER, line) else text, concluded=False)
    found = _conclusions(text)
    if not found:
        return _read(text, kind)
    if kind in ("number", "option") and _DENIED.match(found[0]):
        return ""
    # A text that was cut off behind a cue has concluded before.
    return next(filter(None, (_read(one, kind, concluded=True) for one in found)), "")


def read_answer(prediction: str, references: Sequence[str], kind: str) -> tuple[str, bool]:
    """Gives a prediction's answer, and if it is one of the references.

    Nothing matches a reference without an answer.

    Args:
        prediction: generated text.
        references: accepted answers, as a record has them.
        kind: a task's `answer`, see the module's table.
    """
    answer = extract_answer(prediction, kind)
    if kind == "text" and {_text(reference) for reference in references} <= {"yes", "no"}:
        answer = _yes_or_no(prediction, answer)
    for reference in references:
        expected, given = _read(reference, kind), {answer}
        if kind in ("text", "span"):
            # A reference with a cue of its own ends like a conclusion: all of it counts.
            last = prediction.strip().rpartition("\n")[2]  # a line behind the reasoning
            concluded = set() if _CUE.search(reference) else {answer, _read(last, kind)}
            given = concluded | {_read(prediction, kind)}
        if expected and expected in given:
            return expected, True
    return answer, False


_HEDGE = r"(?:(?:most )?(?:likely|probably|typically|technically|generally) )?"


def _yes_or_no(text: str, answer: str) -> str:
    """Gives the yes or no that a sentence begins or ends with; `answer` if that is neither."""
    found = _conclusions(text)
    said = _text(_sentence(found[0] if found else text))
    leading = re.match(rf"{_HEDGE}(yes|no)\b(?=$|[^\w\s]|\s?[–—-])", said)
    ending = re.search(r"\b(yes|no)$", said) if found else None
    if not answer or not (leading or ending):
        return answer
    both = re.search(r"\b(?:yes (?:and|or) no|no (?:and|or) yes)\b", said)
    return "" if both else (leading or ending)[1]


def _read(text: str, kind: str, concluded: bool = False) -> str:
    if kind == "number":
        return _number(text, concluded)
    if kind == "option":
        return _option(text, concluded)
    return {"text": _text, "span": _span, "code": _code}[kind](text)


# --- kinds ---

_QUOTES = "\"'“”‘’`*_ "


def _text(text: str) -> str:
    line = re.sub(r"\s+(?=%)", "", " ".join(text.lower().replace("−", "-").split()))
    # Signs and operators stay: -7, 50%, c++. What ends or encloses a sentence goes, and a bullet.
    line = re.sub(r"^(?:[-=]+>|[-–—•])\s+(?!\d)", "", line.lstrip(_QUOTES + ",;:"))
    line = line.lstrip(_QUOTES).rstrip(_QUOTES + ".,;:!?")
    if enclosed := re.fullmatch(r"[(\[](.*\w[^()\[\]]*)[)\]]", line):
        inner = enclosed[1]
        line = inner if not re.search(r"[()\[\]]", inner) else line
    return line if re.search(r"[^\W_]|[()\[\]{}<>+*/%=-]", line) else ""


def _span(text: str) -> str:
    # A text without words says that there is no answer, as in SQuAD's official script.
    return " ".join(words(text)) or UNANSWERABLE


_DIGITS = r"(?<![^\W\d_])(?:\d{1,3}(?:,\d{3})+(?![\d])|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3}(?!\w))?"
_NUMBER = rf"(?:(?<![^\W_])(?<![)\]}}%.,])-)?(?:[$€£¥]\s?-?)?(?:{_DIGITS}|(?<![\w.])\.\d+)"
_JOINT = (
    r"\s*(?:[-+*×·÷/^&]|,(?=\S)|,\s+(?=[-$\d.,]+\s*(?:$|[.;]|(?:and|or)\b))|:(?=\d)|\}\s*\{"
    r"|(?:or|and|to|x)\b)\s*"
)
_NUMBERS = re.compile(rf"{_NUMBER}(?:{_JOINT}{_NUMBER})*", re.IGNORECASE)
"""Numbers joined by an operator, a comma or a word: several, of which none is the answer."""


def _number(text: str, concluded: bool) -> str:
    # LaTeX's thin spaces and braces within a number, and other signs for minus and dollar.
    text = re.sub(r"\{,\}", ",", re.sub(r"\\[,!]", "", text)).replace("\\$", "$")
    text = re.sub(r"[−–](?=\s?[$€£¥]?\s?[\d.])", "-", text)
    opened = r"(?:^|(?<=[=(:]))\s*" if concluded else r"(?<=[=(:])\s*"
    text = re.sub(rf"{opened}-\s+(?=[$€£¥]?[\d.])", "-", text)
    if not concluded:
        # Reasoning lists numbers (`3 and 4 is 7`): only a conclusion that does so names several.
        found = _NUMBERS.findall(re.sub(r"\band\b", ";", text))
        return _single(found[-1]) if found else ""
    # "The answer is 3 + 4 = 7" and "7 = 3 + 4" say one number.
    sides = _sentence(text).split("=")
    values = [_single(found[0]) for side in sides if (found := _NUMBERS.findall(side))]
    return next((value for value in reversed(values) if value), "")


def _single(numbers: str) -> str:
    if not re.fullmatch(_NUMBER, numbers, re.IGNORECASE):
        return ""
    # Decimal and not float, which rounds long numbers.
    value = f"{Decimal(re.sub('[$€£¥, ]', '', numbers)):f}"
    value = value.rstrip("0").rstrip(".") if "." in value else value
    return "0" if value == "-0" else value


_LEADING = re.compile(
    r"[\s*\"'\[]*(?:option |choice )?\(?([A-Za-z])(?:[.:)\]](?!\w)|[*\"'\]\s.]*$|\s*[,;/&]"
    r"|\s(?:or|and|because)\b)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?<!\w)\(([A-Za-z])\)|(?<![\w'’(.])([B-H])(?![\w'’)]|\.\w)"
    r"|(?<![\w'’(.])(A)(?!\s(?!or\b|and\b)[a-z]|[\w'’)]|\.\w)"
)
"""A letter in brackets; a capital that stands alone, but for `A dog`."""
_ABOUT = re.compile(r"\W*\([A-Za-z]\)\s*(?:is|are|was|were|says|states|means|can|could|has)\b")


def _option(text: str, concluded: bool) -> str:
    leading, said = _LEADING.match(text), _sentence(text)
    # "B. the dog" is one sentence; an explanation behind it may name the other options.
    if leading and len(re.sub(r"\W", "", said)) <= 1:
        said = text.split(maxsplit=1)[0]
    labels = {(a or b or c).upper() for a, b, c in _LABEL.findall(said)}
    labels |= {leading[1].upper()} if leading else set()
    if not labels:
        return _text(text)
    # Without a conclusion only a text that is one sentence, and not one about an option, names it.
    brief = leading or said.strip(" .!?") == text.strip(" .!?\n")
    named = concluded or (brief and not _ABOUT.match(text))
    return labels.pop() if len(labels) == 1 and named else ""


_FENCE = re.compile(r"\A\s*```\w*\n(.*?)\n?```\s*\Z", re.DOTALL)


def without_fence(text: str) -> str:
    """Gives the code of a text that is one fenced block of Markdown, else the text."""
    fenced = _FENCE.match(text)
    return fenced[1] if fenced else text


def _code(text: str) -> str:
    lines = [line.rstrip() for line in without_fence(text).replace("\r\n", "\n").split("\n")]
    plain = "\n".join(lines).strip("\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.dump(ast.parse(plain)) if plain else ""
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return plain  # another language, or a function's body
