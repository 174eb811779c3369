"""Lines out of bytes that come in pieces."""

import random

import pytest

from api.bulk.lines import Line, Lines


def split(body: bytes, cuts: list[int], longest: int = 10) -> list[Line]:
    """Feed a body in pieces that end at the cuts."""
    lines, found = Lines(longest), []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        found += lines.feed(body[start:end])
    return found + lines.finish()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"\n", []),
        (b"\n\r\n \t\n", []),
        (b"a", [Line(1, b"a")]),
        (b"a\n", [Line(1, b"a")]),
        (b"a\nb", [Line(1, b"a"), Line(2, b"b")]),
        (b"a\r\n\r\n b\t\r\n", [Line(1, b"a"), Line(3, b"b")]),
        (b"a\rb\n", [Line(1, b"a\rb")]),
        (b"a\x0b\n\x00\n", [Line(1, b"a\x0b"), Line(2, b"\x00")]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", [Line(1, b"a"), Line(2, b"\xef\xbb\xbfb")]),
        (b"a\xe2\x80\xa8b\n", [Line(1, b"a\xe2\x80\xa8b")]),
        (b"1234567890\n12345678901\nb\n", [Line(1, b"1234567890"), Line(2, None), Line(3, b"b")]),
        (b"a\n12345678901", [Line(1, b"a"), Line(2, None)]),
    ],
)
def test_lines_are_the_same_wherever_the_pieces_end(body: bytes, expected: list[Line]) -> None:
    rng = random.Random(7)  # noqa: S311  # repeatable, not secret
    assert split(body, []) == expected
    assert split(body, list(range(1, len(body)))) == expected
    for _ in range(20):
        assert split(body, sorted(rng.choices(range(len(body) + 1), k=3))) == expected


def test_of_a_line_that_is_too_long_nothing_is_kept() -> None:
    lines = Lines(longest=100)
    for _ in range(1000):
        assert lines.feed(b"x" * 1000) == []
        assert len(lines._begun) <= 100
    assert lines.feed(b"\na\n") == [Line(1, None), Line(2, b"a")]
    assert lines.count == 2
