"""Bytes that come in pieces, taken apart into lines. No more than the line that has begun is kept."""

from typing import Final

import msgspec

#: White space of JSON that may stand around a value, but for the line feed that ends the line.
_BLANK: Final = b" \t\r"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line that is not blank.

    Attributes:
        number: Its number, from 1 on; blank lines count.
        text: Its bytes without white space around them; None where they are too many, and were dropped.
    """

    number: int
    text: bytes | None


class Lines:
    r"""Splits a stream at each `\n`. A byte order mark at its beginning is dropped.

    Args:
        longest: Most bytes of a line.

    Attributes:
        count: Lines that have ended, blank ones too.
    """

    def __init__(self, longest: int) -> None:
        self.count = 0
        self._longest = longest
        self._begun = bytearray()
        self._too_long = False

    @property
    def kept(self) -> int:
        """Bytes of the line that has begun."""
        return len(self._begun)

    def feed(self, piece: bytes) -> list[Line]:
        """Return the lines that end in the next piece."""
        first, *others = piece.split(b"\n")
        self._extend(first)
        if not others:
            return []
        texts = [self._end(), *(self._kept(text) for text in others[:-1])]
        self._extend(others[-1])
        return self._numbered(texts)

    def finish(self) -> list[Line]:
        """Return the last line, where the stream did not end with a line feed."""
        return self._numbered([self._end()]) if self._begun or self._too_long else []

    def _extend(self, part: bytes) -> None:
        if self._too_long or len(self._begun) + len(part) > self._longest:
            self._too_long = True
            self._begun.clear()
        else:
            self._begun += part

    def _end(self) -> bytes | None:
        text = None if self._too_long else bytes(self._begun)
        self._begun.clear()
        self._too_long = False
        if text is not None and self.count == 0:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        return None if text is None else text.strip(_BLANK)

    def _kept(self, text: bytes) -> bytes | None:
        return text.strip(_BLANK) if len(text) <= self._longest else None

    def _numbered(self, texts: list[bytes | None]) -> list[Line]:
        first, self.count = self.count + 1, self.count + len(texts)
        return [Line(number, text) for number, text in enumerate(texts, first) if text != b""]
