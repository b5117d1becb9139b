"""Ids of words that are kept, for models that split each word by itself.

Byte-pair encoding looks for the best pair among all of a text's, which takes some three times as
long as T5's unigram model. None of our own models has a pair across the space before a word, so a
text's ids are its words' ids one after the other, and most words were seen before.

T5's own model is none of them. It adds up scores in single precision along the text: where two ways
to split a word score alike (`Hmmm`: `m mm`, `mm m`), rounding decides, by all the text before. To
know which words are safe from that takes longer than T5's model itself.
"""

import numpy as np

SPACE = "\u2581"
"""The sign that SentencePiece's pieces have for the space before a word."""

KEPT = 1 << 17
"""Number of words that are kept, about 30 MB; then the memory begins anew."""

LONGEST = 64
"""Number of characters of a word that is kept; what is longer is a line without spaces."""


def apart(content: bytes, pieces) -> bool:
    """True if a model splits each word of a text, and a line end, as it splits the word alone.

    Args:
        content: the model's file.
        pieces: the model as a `SentencePieceProcessor`.
    """
    model = _fields(content)
    trainer, normalizer = (_fields(model.get(part, b"")) for part in (_TRAINER, _NORMALIZER))
    return (
        trainer.get(_MODEL_TYPE) == _BPE
        and not trainer.get(_WHITE_SPACE_AS_SUFFIX)
        # Its rules have no space and no line end beside other characters.
        and normalizer.get(_NAME) == b"nmt_nfkc"
        and normalizer.get(_DUMMY_PREFIX, 1) == 1
        and normalizer.get(_ESCAPE_WHITE_SPACE, 1) == 1
        # Else a word may lose the white space at its end.
        and not normalizer.get(_REMOVE_WHITE_SPACE, 1)
        and pieces.encode("\n", out_type=str) == [SPACE, "\n"]
        and pieces.unk_id() not in pieces.encode("\n")
        and not any(
            SPACE in piece.lstrip(SPACE) or " " in piece or ("\n" in piece and piece != "\n")
            for piece in pieces.id_to_piece(list(range(pieces.vocab_size())))
        )
    )


# Numbers of fields in sentencepiece_model.proto, whose Python module needs one version of protobuf.
_TRAINER, _NORMALIZER = 2, 3
_MODEL_TYPE, _WHITE_SPACE_AS_SUFFIX, _BPE = 3, 24, 2
_NAME, _DUMMY_PREFIX, _REMOVE_WHITE_SPACE, _ESCAPE_WHITE_SPACE = 1, 3, 4, 5


def _fields(message: bytes) -> dict[int, int | bytes]:
    """Reads the fields of a protobuf message by number, the last one of those that repeat."""
    found, at = {}, 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value

    while at < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            found[number] = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            found[number] = message[at : at + size]
            at += size
    return found


class Words(dict[str, bytes | None]):
    """Ids of words, int32 as bytes, for a model that `apart` is true of.

    A word with a line end before it stands for itself, every other one for itself with the space
    before it. None: the white space at the word's end goes with that of the next.
    """

    def __init__(self, pieces):
        super().__init__()
        self._pieces = pieces

    def __missing__(self, word: str) -> bytes | None:
        ids = self._pieces.encode_as_numpy(word)
        spaced = not len(ids) or self._pieces.id_to_piece(int(ids[-1])).endswith(SPACE)
        # The first piece is the space that SentencePiece puts before every text.
        found = None if spaced else ids[word.startswith("\n") :].tobytes()
        if len(word) <= LONGEST:
            if len(self) >= KEPT:
                self.clear()
            self[word] = found
        return found

    def ids(self, text: str) -> np.ndarray:
        """Gives the text's ids, int32 [pieces]."""
        words = map(self.__getitem__, text.replace("\n", " \n").split(" "))
        try:
            return np.frombuffer(b"".join(words), np.int32)
        except TypeError:  # there is a None
            return self._pieces.encode_as_numpy(text)
