"""The pure parts: which offset may be committed, and what counts as done."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from streamapp.transport.batch import Batch, BatchMessage
from streamapp.transport.ledger import Ledger, Place, Progress

TP0 = TP("topic", 0)


def record(offset: int) -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord("topic", 0, offset, 1_700_000_000_000, 0, None, b"v", None, 0, 1, ())


def message(*offsets: int, tracked: bool = True) -> BatchMessage:
    """A batch as the consumer hands it out; tracked: an agent has seen it."""
    made = BatchMessage(Batch(TP0, [record(offset) for offset in offsets]), generation_id=1, on_done=lambda _: None)
    made.tracked = tracked
    return made


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def add(ledger: Ledger, *batches: tuple[int, ...]) -> list[BatchMessage]:
    messages = [message(*offsets) for offsets in batches]
    for one in messages:
        ledger.arrive(one.batch.records)
        ledger.take(len(one.batch))
        ledger.add(one)
    return messages


def test_nothing_is_to_commit_before_something_is_done(ledger: Ledger) -> None:
    add(ledger, (0, 1, 2))
    assert ledger.to_commit() is None


def test_the_end_of_the_finished_prefix_is_committed_and_nothing_behind_a_hole(ledger: Ledger) -> None:
    first, second, third = add(ledger, (0, 1), (2, 3), (4, 5))
    third.acked = True
    assert ledger.to_commit() is None
    first.acked = True
    assert ledger.to_commit() == 2
    second.acked = True
    assert ledger.to_commit() == 6


def test_a_far_batch_that_is_done_commits_nothing_while_the_first_is_in_flight(ledger: Ledger) -> None:
    # Stock Faust commits here: it looks for a hole only where the last commit is more than one below.
    _, second = add(ledger, (0,), (1,))
    ledger.committed = 0
    second.acked = True
    assert ledger.to_commit() is None


def test_gaps_that_compaction_and_transaction_markers_leave_are_stepped_over(ledger: Ledger) -> None:
    first, second = add(ledger, (0, 5, 9), (40, 41))
    first.acked = True
    assert ledger.to_commit() == 10
    second.acked = True
    assert ledger.to_commit() == 42


def test_what_was_committed_is_not_committed_again(ledger: Ledger) -> None:
    (first,) = add(ledger, (0, 1))
    first.acked = True
    ledger.committed = ledger.to_commit()
    assert ledger.to_commit() is None


def test_a_commit_that_failed_is_tried_again(ledger: Ledger) -> None:
    (first,) = add(ledger, (0, 1))
    first.acked = True
    assert [ledger.to_commit(), ledger.to_commit()] == [2, 2]


def test_what_arrives_while_batches_are_under_way_goes_together_up_to_the_bound(ledger: Ledger) -> None:
    for offset in range(5):
        ledger.arrive([record(offset)])
    taken = [[one.offset for one in ledger.take(3)] for _ in range(2)]
    assert (taken, ledger.waiting) == ([[0, 1, 2], [3, 4]], 0)


def test_a_fetch_that_begins_before_what_arrived_is_told_from_the_next_one(ledger: Ledger) -> None:
    add(ledger, (3, 4, 5))
    assert ledger.precedes([record(6)])
    assert ledger.precedes([record(9)])
    assert not ledger.precedes([record(5), record(6)])
    ledger.arrive([record(6)])
    assert not ledger.precedes([record(6)])


def test_batches_that_are_given_up_are_marked_lost(ledger: Ledger) -> None:
    first, second = add(ledger, (0,), (1,))
    first.acked = True
    ledger.settle()
    ledger.arrive([record(2)])
    ledger.abandon()
    assert (first.batch.lost, second.batch.lost, len(ledger), ledger.waiting) == (False, True, 0, 0)


def test_a_message_that_no_agent_has_seen_cannot_be_acknowledged() -> None:
    skipped = message(0, tracked=False)
    skipped.acked = True
    assert not skipped.acked


def acknowledging(one: BatchMessage) -> Iterator[None]:
    """Acknowledge at the end of a loop's turn, however it ends, as Faust's streams do."""
    try:
        yield
    finally:
        one.acked = True


@pytest.mark.parametrize(
    ("error", "done"), [(GeneratorExit, False), (asyncio.CancelledError, False), (ValueError, True)]
)
def test_a_loop_that_is_torn_down_does_not_acknowledge(error: type[BaseException], done: bool) -> None:  # noqa: FBT001
    torn = message(0)
    loop = acknowledging(torn)
    next(loop)
    with contextlib.suppress(error, StopIteration):
        loop.throw(error())
    assert torn.acked is done


def test_done_is_told_once() -> None:
    told: list[Any] = []
    made = BatchMessage(Batch(TP0, [record(0)]), generation_id=1, on_done=told.append)
    made.tracked = True
    made.acked = True
    made.acked = True
    assert told == [made]


def test_a_batch_is_a_sequence_of_records() -> None:
    batch = message(3, 4, 9).batch
    assert ([one.offset for one in batch], len(batch), batch[1].offset) == ([3, 4, 9], 3, 4)
    assert (batch.offset, batch.next_offset, repr(batch)) == (3, 10, "<Batch topic-0 3..9>")


def test_the_lag_begins_at_the_first_record_that_is_not_finished(ledger: Ledger) -> None:
    assert ledger.progress(Place(None, None, None)).lag is None
    assert ledger.progress(Place(7, 9, None)).lag is None
    assert ledger.progress(Place(0, 9, 9)) == Progress(waiting=True, settled=None, lag=9)
    first, second = add(ledger, (0, 1), (2, 3))
    ledger.arrive([record(4), record(6)])
    at = Place(7, 9, 9)
    assert ledger.progress(at).lag == 9
    second.acked = True
    assert ledger.progress(at).lag == 9
    first.acked = True
    assert ledger.progress(at).lag == 5
    ledger.take(2)
    # Those at the end are markers of a transaction that the consumer has stepped over.
    assert ledger.progress(Place(9, 9, 9)).lag == 0
    ledger.settle()
    assert ledger.progress(Place(9, 9, 9)) == Progress(waiting=False, settled=4, lag=0)
