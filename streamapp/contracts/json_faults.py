"""What is wrong with JSON text. Asked where a quick decoder has refused it, or leaves room for doubt. Pure."""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, NoReturn

import msgspec

from streamapp.contracts.errors import Code, InvalidRows, MalformedRecord, RecordError

#: Possessive quantifiers: nothing is tried twice, however long a string is.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
#: Bytes of a text that are looked at before the rest of it is.
_BEGINNING: Final = 64 * 1024
#: A string, with a colon where it is a key. It has to match every string whole: where one failed to, the search would
#: begin again at each quotation mark in it.
_KEY: Final = re.compile(_STRING.pattern + rb"(?:[ \t\r\n]*+(:))?", re.DOTALL)
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
#: The name, and no value of the same letters.
_COLUMNS: Final = re.compile(rb'"columns"[ \t\r\n]*+:')
_OTHERS: Final = bytes(set(range(256)) - set(b"{}[]"))


def fault(text: bytes, reason: Exception, where: str = "") -> RecordError:
    """Return why a decoder has refused text as JSON, without repeating its content.

    The standard library reads some of what JSON forbids, and numbers that no float can hold, so it tells these apart.

    Args:
        text: What was refused.
        reason: What the decoder raised.
        where: JSON pointer to the text.
    """
    try:
        json.loads(text.decode(), parse_constant=_not_finite)
    except InvalidRows as exc:
        exc.pointer = where
        return exc
    except (ValueError, RecursionError):
        told = str(reason) if isinstance(reason, msgspec.DecodeError) else type(reason).__name__
        return MalformedRecord(Code.MALFORMED_JSON, f"Not JSON: {told.rstrip('.')}.", where)
    if isinstance(reason, msgspec.ValidationError):
        return InvalidRows(Code.NOT_FINITE, "A number is out of range.", where)
    return InvalidRows(Code.WRONG_TYPE, "A string holds half of a surrogate pair, which is no Unicode text.", where)


def require_each_key_once(text: bytes) -> None:
    """Check that no object has a key twice; JSON leaves open which of the values would count.

    Args:
        text: JSON that a decoder takes.

    Raises:
        RecordError: One has, or it is no JSON in a part that the decoder has passed over.
    """
    try:
        # Numbers are left as they are: their values are of no interest here.
        json.loads(text, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=str)
    except (UnicodeDecodeError, RecursionError) as exc:  # in a part that no decoder has looked into
        raise fault(text, exc) from None


def require_names_once(text: bytes, data: bytes, columns: Sequence[str] | None, strings: int) -> None:
    """Check the text around a request's rows as `require_each_key_once` does, quickly where it is what most send.

    A name that is there twice brings more quotation marks than the names and values that were decoded.

    Args:
        text: JSON that was decoded.
        data: The rows in it.
        columns: Its `columns`.
        strings: How many strings it has beside the rows, `columns` and what is in them.

    Raises:
        MalformedRecord: An object has a key twice.
    """
    if columns is not None:
        strings += 1 + len(columns)
    outside = quotes(text) - quotes(data)
    if columns is None and outside > 2 * strings and _times(_COLUMNS, text) - _times(_COLUMNS, data) == 1:  # as null
        strings += 1
    if outside != 2 * strings:
        require_each_key_once(text)


def quotes(text: bytes) -> int:
    """Return the quotation marks in JSON text. Each string has two; what is escaped in strings counts as well."""
    return text.count(b'"')


def has_more_keys(text: bytes, most: int) -> bool:
    """Say whether JSON text has more keys than that, those of all objects together; no more of them are looked at."""
    keys = (match for match in _KEY.finditer(text) if match[1])
    # The beginning tells of most that have.
    may = text.count(b'"', 0, _BEGINNING) > 2 * most or quotes(text) > 2 * most
    return may and next(islice(keys, most, None), None) is not None


def is_deeper(text: bytes, most: int) -> bool:
    """Say whether JSON text that a decoder takes is nested deeper than so many arrays and objects."""
    if text.count(b"[") + text.count(b"{") <= most:
        return False
    brackets = _STRING.sub(b"", text).translate(_BRACKETS, _OTHERS)
    for _ in range(most):
        brackets = brackets.replace(b"[]", b"")  # the innermost level
    return bool(brackets)


def _times(pattern: re.Pattern[bytes], text: bytes) -> int:
    return len(pattern.findall(text))


def _object(pairs: Iterable[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise MalformedRecord(Code.DUPLICATE_KEY, "An object has a key twice; send each key once.")


def _not_finite(_: str) -> NoReturn:
    raise InvalidRows(Code.NOT_FINITE, "NaN and Infinity are no JSON; leave the field out, or send null.")
