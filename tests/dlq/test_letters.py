"""What is asked for, times as they are typed, and what becomes of a letter: without a broker."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from dlq_support import NOW, dead, letter

from streamapp.contracts.errors import Code
from streamapp.contracts.settings import Settings, load_settings
from streamapp.delivery.records import fitting
from streamapp.dlq.letters import Letter, Wanted
from streamapp.dlq.plan import Back, back
from streamapp.dlq.stats import count
from streamapp.dlq.times import hour, iso, parse

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def plain() -> Settings:
    return load_settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", "2026-01-31T10:00:00.000Z"),
        ("1.5 d", "2026-01-30T00:00:00.000Z"),
        ("90s", "2026-01-31T11:58:30.000Z"),
        ("1w", "2026-01-24T12:00:00.000Z"),
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31T12:00:00.250Z", "2026-01-31T12:00:00.250Z"),
    ],
)
def test_times_are_spans_or_iso(text: str, expected: str) -> None:
    assert iso(parse(text, AT)) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2 parsecs", "9e9h", "99999999999w", "2026-13-01", "-2h"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="2026-01-31T12:00:00Z"):
        parse(text, AT)


def test_the_hour_is_utc() -> None:
    assert hour(parse("2026-01-31T23:59:59Z", AT)) == "2026-01-31T23:00Z"


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (-1, "1970-01-01T00:00:00.000Z"),  # Kafka's word for no timestamp
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (1_000_000_000_000_000, "9999-12-31T23:59:59.999Z"),
        (2**63 - 1, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_beyond_the_calendar_are_its_ends(milliseconds: int, expected: str) -> None:
    assert iso(milliseconds) == expected


async def test_letters_of_all_times_are_counted(plain: Settings) -> None:
    async def letters() -> AsyncIterator[Letter]:
        for number, timestamp in enumerate([2**60, 2**61, NOW, -1]):
            yield msgspec.structs.replace(letter(plain, number), timestamp=timestamp)

    hours = (await count(letters())).hours
    assert list(hours) == ["1970-01-01T00:00Z", hour(NOW), "9999-12-31T23:00Z"]
    assert list(hours.values()) == [1, 1, 2]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), True),
        (Wanted(codes={"model_failed"}, models={"svm"}, ids={"id-7"}), True),
        (Wanted(codes={"model_timeout"}), False),
        (Wanted(models={"knn"}), False),
        (Wanted(ids={"id-8"}), False),
        (Wanted(since=NOW), True),
        (Wanted(since=NOW + 1), False),
        (Wanted(until=NOW), False),
    ],
)
def test_each_filter_restricts(plain: Settings, wanted: Wanted, *, found: bool) -> None:
    assert wanted.has(letter(plain, 7)) is found


def test_only_a_missing_value_that_was_none_before_is_left_out(plain: Settings) -> None:
    assert letter(plain, 7, value=None).left_out
    assert not letter(plain, 7, value=None, code=Code.NULL_RECORD).left_out
    assert not letter(plain, 7, value=b"").left_out


def test_a_letter_without_its_bytes_keeps_its_id_and_its_trace(plain: Settings) -> None:
    parent = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    headers = (
        ("ce_id", b"id-7"),
        ("bulk", b"x" * 9_000),
        parent,
        ("tracestate", b"x" * 9_000),
    )
    fitted = fitting(dead(plain, 7, headers=headers), 9_000)
    assert (fitted.key, fitted.value) == (None, None)
    assert fitted.headers == (("ce_id", b"id-7"), parent)


def test_a_letter_without_its_bytes_whose_id_cannot_be_used_keeps_the_one_it_is_known_by(plain: Settings) -> None:
    one = dead(plain, 7, headers=(("ce_id", b"\xff"), ("bulk", b"x" * 9_000)))
    assert fitting(one, 9_000).headers == (("ce_id", f"{plain.input_topic}-0-7".encode()),)


def test_a_record_that_is_no_dead_letter_has_an_unknown_code(plain: Settings) -> None:
    assert letter(plain, 7, code="", value=None).code == "unknown"


@pytest.mark.parametrize(("partitions", "expected"), [([0, 1, 2, 3], 3), ([0, 1], 1), ([0], 0)])
def test_a_record_goes_to_its_partition_where_that_exists(
    plain: Settings, partitions: list[int], expected: int
) -> None:
    one = letter(plain, 7, partition=3)
    record = back(one, one.dead, partitions, 1_000_000)
    assert isinstance(record, Back)
    assert record.partition == expected


def test_what_compresses_well_enough_goes_back(plain: Settings) -> None:
    one = dead(plain, 7, value=b"x" * 2_000_000)
    assert isinstance(back(letter(plain, 7), one, [0], 1_000_000), Back)
