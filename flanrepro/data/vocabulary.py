"""SentencePiece vocabularies: the shipped one, T5's, or one trained from a collection's text."""

import functools
import hashlib
import io
import itertools
import re
import string
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from flanrepro.collection.mixture import PROMPTS
from flanrepro.collection.prompt import render
from flanrepro.collection.task import Collection
from flanrepro.collection.templates import load_templates
from flanrepro.data.tokenizer_files import FILES as TOKENIZER_FILES
from flanrepro.data.tokenizer_files import check_files, sentencepiece_of
from flanrepro.data.words import SPACE, Words, apart
from flanrepro.errors import InputError
from flanrepro.raw import hub
from flanrepro.raw.files import cache_folder, mark, mirror, status_of
from flanrepro.raw.reading import read_json_object
from flanrepro.sources import load_collection
from flanrepro.whole import write_whole

PAD, EOS, UNK = 0, 1, 2
"""Ids of padding, end of sequence and unknown text, as in T5."""

EXTRA_IDS = 100
"""Number of span corruption's sentinels, whose ids follow the pieces' (Raffel et al., 2020)."""

POCKET_EXTRA_IDS = 16
"""Pocket's number: its texts are short, and each unused sentinel costs a row of the embedding."""


class Vocabulary:
    """A SentencePiece model and the sentinels behind it.

    Attributes:
        path: file of the model.
        sha256: checksum of the file as it was read, in hexadecimal digits.
        size: number of pieces and sentinels, rounded up to a multiple of 128 as in T5 (32,000 + 100
            gives 32,128): the first dimension of the model's embedding.

    Raises:
        InputError: the file is missing, is no SentencePiece model, or has other special ids.
    """

    def __init__(self, path: Path, extra_ids: int = EXTRA_IDS):
        # Here, so that a machine without it can train from files.
        import sentencepiece

        self.path, self.extra_ids = Path(path), extra_ids
        if not self.path.is_file():
            raise InputError(f"no vocabulary at {self.path}: give a SentencePiece .model file")
        self._pieces = sentencepiece.SentencePieceProcessor()
        try:
            # Not by its path, which SentencePiece takes in UTF-8 alone.
            content = self.path.read_bytes()
            self._pieces.LoadFromSerializedProto(content)
        except (OSError, RuntimeError) as error:
            raise InputError(f"{self.path} is no SentencePiece model ({error})") from None
        ids = (self._pieces.pad_id(), self._pieces.eos_id(), self._pieces.unk_id())
        if ids != (PAD, EOS, UNK):
            raise InputError(
                f"{self.path}: pad, eos and unk have the ids {ids}; expected T5's {PAD, EOS, UNK}"
            )
        self._words = Words(self._pieces) if apart(content, self._pieces) else None
        self.sha256 = hashlib.sha256(content).hexdigest()

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that change with the file's content or the number of sentinels."""
        return hashlib.sha256(f"{self.sha256} {self.extra_ids}".encode()).hexdigest()[:12]

    @property
    def size(self) -> int:
        return -(-(self._pieces.vocab_size() + self.extra_ids) // 128) * 128

    @property
    def first_sentinel(self) -> int:
        """Id of span corruption's first sentinel; the others count down from it, as in SeqIO."""
        return self._pieces.vocab_size() + self.extra_ids - 1

    def ids(self, text: str) -> np.ndarray:
        """Gives the ids of the pieces as int32 [pieces], without EOS."""
        if self._words is None:
            return self._pieces.encode_as_numpy(text)
        return self._words.ids(text)

    def encode(self, text: str) -> list[int]:
        """Gives the ids of the pieces as a list, see `ids`."""
        return self.ids(text).tolist()

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Encodes many texts at once, see `encode`."""
        return self._pieces.encode(list(texts))

    def pieces(self, text: str) -> list[str]:
        """Gives the pieces themselves, see `encode`; `SPACE` stands for the space before a word."""
        return self._pieces.encode(text, out_type=str)

    def has(self, word: str, whole: bool = True) -> bool:
        """True if the word is one piece (`whole`), or if no part of it is unknown."""
        if not whole:
            return UNK not in self.encode(word)
        return any(self._pieces.piece_to_id(one) != UNK for one in (word, SPACE + word))

    def decode(self, ids: Iterable[int]) -> str:
        """Gives the text up to the first EOS; padding, and ids that are no piece, are left out."""
        kept = []
        for i in ids:
            if i == EOS:
                break
            if i != PAD and i < self._pieces.vocab_size():
                kept.append(int(i))
        return self._pieces.decode(kept)


VOCABULARY_FILES = ("spiece.model", *TOKENIZER_FILES)
"""Names of the files in a model's repository on the Hub that say how it splits text."""

REAL_TEXT_COVERAGE = 0.9995
"""Share of characters that get a piece; SentencePiece recommends it for many characters."""


_WHITE_SPACE = {
    # SentencePiece's normalization makes every other character of white space a space.
    "user_defined_symbols": ["\n", "\t"],
    "remove_extra_whitespaces": False,
    "allow_whitespace_only_pieces": True,  # a piece for four spaces, and for eight
}
_ASCII = "".join(map(chr, range(33, 127)))


def train_vocabulary(
    texts: Iterable[str],
    path: Path,
    size: int,
    model_type: str = "unigram",
    character_coverage: float = 1.0,
) -> Path:
    """Trains a SentencePiece model and writes it, whole or not at all.

    Unlike T5's vocabulary it keeps white space as it is: line ends, tabs and runs of spaces, so
    that code stays code.

    Args:
        texts: texts to learn from.
        path: file to write.
        size: number of pieces at most.
        model_type: `unigram`, as T5; or `bpe`, which gives whole words on a text of few words.
        character_coverage: share of characters that get a piece; below 1 for text in many scripts,
            so that rare characters leave room for words. ASCII's signs get one even so: code needs
            all of them.

    Raises:
        InputError: the texts are empty, or have more characters than `size` has room for.
    """
    model = io.BytesIO()
    more: dict[str, Any] = dict(_WHITE_SPACE)
    if character_coverage < 1:
        # In the text too: SentencePiece ends the process where a character never occurs.
        texts, more["required_chars"] = itertools.chain(texts, [_ASCII]), _ASCII
    try:
        _train(iter(texts), model, size, model_type, character_coverage, **more)
    except RuntimeError as error:
        # SentencePiece's message begins with a file and a line of its own source, in brackets.
        reason = str(error).rpartition("]")[2].strip() or "there is no text"
        raise InputError(
            f"no vocabulary of {size} pieces can be trained ({reason}): ask for more pieces, and "
            f"for a collection whose tasks are available"
        ) from None
    write_whole(path, model.getvalue())
    return path


def _train(
    texts: Iterator[str],
    model: io.BytesIO,
    size: int,
    model_type: str,
    coverage: float,
    **more: Any,
) -> None:
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=texts,
        model_writer=model,
        vocab_size=size,
        # A small text has fewer pieces than asked for, which is no error.
        hard_vocab_limit=False,
        model_type=model_type,
        character_coverage=coverage,
        pad_id=PAD,
        eos_id=EOS,
        unk_id=UNK,
        bos_id=-1,  # T5 has none
        # The same text gives the same pieces: sums over threads come in any order.
        num_threads=1,
        shuffle_input_sentence=False,
        minloglevel=2,  # errors alone: its progress is hundreds of lines
        **more,
    )


_PARTS = re.compile(r"[^\W_]+|[\W_]")


_BULLETS = "-+*"


def write_word_vocabulary(texts: Iterable[str], path: Path) -> Path:
    """Writes a SentencePiece model whose pieces are the words and signs of `texts`, lower-cased.

    They are in alphabetical order, and the characters follow, for words that are missing. A model
    as small as `nano` learns nothing from parts of words, and every row of the embedding costs it
    as much as a row that is used. `-`, `+` and `*` are words of their own, so that `-cat` in a list
    of options has the word `cat`. Only ASCII's letters are lower-cased.

    Args:
        texts: texts with every word and sign.
        path: file to write.
    """
    from sentencepiece import sentencepiece_model_pb2 as proto

    pieces: set[str] = set()
    for text in texts:
        for chunk in text.lower().split():
            first, *rest = _PARTS.findall(chunk)
            pieces |= {f"{SPACE}{first}", *rest}
    characters = {c for piece in pieces for c in piece} | {SPACE}
    model = proto.ModelProto()
    # The trainer's own head and normalization, with our pieces in the place of its own. The first
    # three are padding, EOS and unknown.
    model.ParseFromString(_smallest_model())
    model.normalizer_spec.ClearField("normalization_rule_tsv")  # the path of a file that is gone
    del model.pieces[3:]
    for score, group in ((-1.0, sorted(pieces)), (-20.0, sorted(characters - pieces))):
        for piece in group:
            # Fewest pieces win, and whole words over characters.
            model.pieces.add(piece=piece, score=score, type=proto.ModelProto.SentencePiece.NORMAL)
    model.trainer_spec.vocab_size = len(model.pieces)
    write_whole(path, model.SerializeToString())
    return path


def _smallest_model() -> bytes:
    model = io.BytesIO()
    rules = {letter: letter.lower() for letter in string.ascii_uppercase}
    rules |= {sign: " " for sign in "\n\t"} | {sign: f"{sign} " for sign in _BULLETS}
    code_points = lambda text: " ".join(f"{ord(c):X}" for c in text)  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        tsv = Path(folder) / "rules.tsv"
        rows = (f"{code_points(sign)}\t{code_points(other)}\n" for sign, other in rules.items())
        tsv.write_text("".join(rows))
        _train(iter(["a"]), model, 5, "unigram", 1.0, normalization_rule_tsv=str(tsv))
    return model.getvalue()


def collection_text(collection: Collection, records: int = 30_000) -> Iterator[str]:
    """Yields about `records` training records as prompts.

    Every available task gives the same number, its first ones, with its templates in turn.
    """
    tasks = [task for task in collection.tasks.values() if not task.missing("train")]
    for task in tasks:
        templates = load_templates(task.templates)
        for i in range(min(-(-records // len(tasks)), task.size("train"))):
            prompt = render(task, i, template=templates[i % len(templates)])
            yield f"{prompt.inputs}{templates[i % len(templates)].answer}{prompt.targets}"


def load_vocabulary(name: str, digest: str = "") -> Vocabulary:
    """Loads a vocabulary by name; a file that changes is read again.

    Args:
        name: `pocket` (shipped), `t5` (from the Hugging Face Hub, needs the extra `hub`),
            `flan2022-SIZE` (trained once from that collection's text, e.g. `flan2022-4096`; other
            data gives another one), the path of a SentencePiece model, or a repository on the Hub
            that has one (`google/t5-small-lm-adapt`).
        digest: the `Vocabulary.digest` that it must have; empty: any.

    Raises:
        InputError: the name is none of these, the file cannot be had or used, or the digest is
            another one.
    """
    found = (_kept(name, digest) if digest else None) or _load(name)
    if digest not in ("", found.digest):
        raise InputError(
            f"vocabulary '{name}' is another one here ({found.path}, digest {found.digest}) than "
            f"the one asked for ({digest}), whose ids mean other words: put that one in its place, "
            f"or make a new spec"
        )
    return found


SHIPPED = ("pocket",)
"""Names of the vocabularies that ship with the package."""
T5_DIGEST = "3cc5ef13374d"
"""Digest of T5's own vocabulary, which all checkpoints of T5 v1.1, T5-LM and Flan-T5 share."""


def own_digest(name: str) -> str:
    """The digest by which a run's spec tells the vocabulary `name` from others of that name.

    It is empty for the vocabularies that everybody has, pocket's and T5's own, and for one that
    cannot be had here: nothing can be trained with it, and the name may stand for T5's own.
    """
    try:
        found = "" if name in SHIPPED else load_vocabulary(name).digest
    except InputError:
        return ""
    return "" if found == T5_DIGEST else found


def _load(name: str) -> Vocabulary:
    if name in SHIPPED:
        path = Path(str(resources.files(__name__.rpartition(".")[0]) / f"{name}.model"))
        return _read(path, POCKET_EXTRA_IDS, _mark(path))
    if name == "t5":
        path = _downloaded("google/t5-v1_1-small", ("spiece.model",), mirror()) / "spiece.model"
        return _read(path, EXTRA_IDS, _mark(path))
    if size := _size(name):
        path = _trained(name, size)
        return _read(path, EXTRA_IDS, _mark(path))
    if Path(name).suffix == ".model":
        return _read(Path(name), EXTRA_IDS, _mark(Path(name)))
    if name.count("/") == 1:
        folder = _downloaded(name, VOCABULARY_FILES, mirror())
        return _read_folder(folder, tuple(_mark(folder / file) for file in VOCABULARY_FILES))
    raise InputError(
        f"unknown vocabulary '{name}': choose pocket, t5, flan2022-SIZE, a .model file's path or a "
        "repository on the Hugging Face Hub"
    )


def _size(name: str) -> int:
    """The number in a name such as `flan2022-4096`; 0: it is no such name."""
    found = re.fullmatch("flan2022-([1-9][0-9]{0,6})", name)
    return int(found[1]) if found else 0


TRAINING = 2
"""Version of training a vocabulary. Raised when the same text gives another one."""


def _trained(name: str, size: int) -> Path:
    """The file of a vocabulary that is trained from the text that is available here."""
    collection = load_collection("flan2022")
    made_of = hashlib.sha256(repr((collection.content, PROMPTS, TRAINING)).encode()).hexdigest()
    path = _trained_folder() / f"{name}-{made_of[:12]}.model"
    if not path.is_file():
        # On this text `unigram` takes minutes and `bpe` a second or two.
        texts = collection_text(collection)
        train_vocabulary(texts, path, size, "bpe", REAL_TEXT_COVERAGE)
    return path


def _trained_folder() -> Path:
    return cache_folder() / "vocabularies"


def _kept(name: str, digest: str) -> Vocabulary | None:
    """A vocabulary that was trained under this name, perhaps from text that is no longer here."""
    paths = sorted(_trained_folder().glob(f"{name}-*.model")) if _size(name) else []
    every = (_read(path, EXTRA_IDS, _mark(path)) for path in paths)
    return next((found for found in every if found.digest == digest), None)


def _mark(path: Path) -> str:
    status = status_of(path)
    return mark(path, status) if status else ""


# With the files' marks in the key: one that changes is read again, others only once.
@functools.cache
def _read(path: Path, extra_ids: int, mark: str) -> Vocabulary:
    return Vocabulary(path, extra_ids)


@functools.cache
def _read_folder(folder: Path, marks: tuple[str, ...]) -> Vocabulary:
    return vocabulary_of(folder)


@functools.cache  # the Hub is asked once
def _downloaded(name: str, files: tuple[str, ...], mirror: Path | None) -> Path:
    return hub.download(name, files)


def vocabulary_of(folder: Path) -> Vocabulary:
    """Loads the vocabulary in a folder of the Hub's layout.

    It is `spiece.model`, or made from `tokenizer.json` where that is missing.

    Raises:
        InputError: the folder has neither, they contradict each other, or tokens were added that
            SentencePiece does not know.
    """
    path = folder / "spiece.model"
    if not status_of(path):
        if not status_of(folder / "tokenizer.json"):
            raise InputError(
                f"{folder} has neither spiece.model nor tokenizer.json: put the model's "
                f"SentencePiece file there, or give vocabulary='t5' or the path of one"
            )
        path = sentencepiece_of(folder / "tokenizer.json")
    options = folder / "tokenizer_config.json"
    stated = read_json_object(options).get("extra_ids") if status_of(options) else None
    # A file made by hand may hold anything; T5's number then.
    extra_ids = stated if type(stated) is int and stated >= 0 else EXTRA_IDS
    vocabulary = Vocabulary(path, extra_ids)
    check_files(folder, vocabulary._pieces, extra_ids)
    return vocabulary
