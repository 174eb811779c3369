"""The batch transport against the real embedded broker, with workers as real processes."""

import time
from pathlib import Path

import pytest
from stage import Stage, every, in_order
from waiting import eventually


async def test_every_record_arrives_once_and_in_order_and_all_is_committed(stage: Stage) -> None:
    await stage.create(partitions=2)
    await stage.produce(300)
    worker = stage.worker()
    await eventually(lambda: len(worker.offsets()) >= 600, "600 records")
    assert set(worker.offsets()) == every(2, 300)
    assert in_order(worker.offsets())
    assert max(line.count for line in worker.lines()) <= 50

    async def all_committed() -> bool:
        return await stage.committed() == {0: 300, 1: 300}

    await eventually(all_committed, "the commit of all")


async def test_after_a_sigkill_the_next_worker_goes_on_from_the_commit(stage: Stage) -> None:
    await stage.create(partitions=1)
    await stage.produce(500)
    first = stage.worker(PROBE_HANG_AT="320")
    await eventually(
        lambda: bool(first.offsets("begin")) and first.offsets("begin")[-1][1] >= 320, "the hanging batch"
    )
    hanging = first.lines("begin")[-1].first

    async def prefix_committed() -> bool:
        return await stage.committed() == {0: hanging}

    await eventually(prefix_committed, "the commit of all before the hanging batch")
    first.kill()
    second = stage.worker()
    await eventually(lambda: second.offsets()[-1:] == [(0, 499)], "the rest")
    assert second.offsets() == [(0, offset) for offset in range(hanging, 500)]


@pytest.mark.parametrize("acks", ["explicit", "implicit", "take"])
async def test_a_batch_whose_agent_raised_is_not_committed_and_the_worker_crashes(stage: Stage, acks: str) -> None:
    await stage.create(partitions=1)
    await stage.produce(300)
    first = stage.worker(PROBE_RAISE_AT="120", PROBE_ACKS=acks)
    assert await first.child.wait(60) not in {None, 0}
    assert "the agent fails here" in first.text()
    failed = first.lines("begin")[-1].first
    assert (await stage.committed())[0] <= failed
    second = stage.worker(PROBE_ACKS=acks)
    await eventually(lambda: second.offsets()[-1:] == [(0, 299)], "the rest")
    assert {*first.offsets(), *second.offsets()} == every(1, 300)


async def test_two_workers_share_the_partitions_and_a_join_repeats_nothing(stage: Stage) -> None:
    await stage.create(partitions=4)
    await stage.produce(200)
    first = stage.worker()
    await eventually(lambda: len(first.offsets()) >= 800, "the first worker to have read all")
    second = stage.worker()
    await eventually(lambda: "Worker ready" in second.text(), "the second worker to join")
    await stage.produce(200, start=200)
    await eventually(lambda: len(first.offsets()) + len(second.offsets()) >= 1600, "the rest")
    assert sorted(first.offsets() + second.offsets()) == sorted(every(4, 400))
    shares = [{partition for partition, offset in worker.offsets() if offset >= 200} for worker in (first, second)]
    assert [len(share) for share in shares] == [2, 2]


async def test_a_batch_under_way_when_a_rebalance_begins_is_finished_and_committed_once(
    stage: Stage, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    await stage.create(partitions=2)
    await stage.produce(100)
    first = stage.worker(PROBE_HOLD=str(hold))
    await eventually(lambda: bool(first.lines("begin")), "a batch under way")
    second = stage.worker()
    await eventually(lambda: "because it is rebalancing" in first.text(), "the rebalance")
    hold.unlink()
    await eventually(lambda: len({*first.offsets(), *second.offsets()}) == 200, "all records")
    assert sorted(first.offsets() + second.offsets()) == sorted(every(2, 100))
    assert in_order(first.offsets())
    assert in_order(second.offsets())


async def test_a_batch_slower_than_the_rebalance_is_given_up_to_the_next_owner(stage: Stage, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    await stage.create(partitions=2)
    await stage.produce(100)
    first = stage.worker(PROBE_HOLD=str(hold))
    await eventually(lambda: bool(first.lines("begin")), "a batch under way")
    second = stage.worker()
    await eventually(lambda: "Gave up batches" in first.text(), "the deadline")
    hold.unlink()
    await eventually(lambda: len({*first.offsets(), *second.offsets()}) == 200, "all records")
    given_up = {(line.partition, line.first) for line in first.lines("lost")}
    assert given_up == {(line.partition, line.first) for line in first.lines("begin")[:1]}
    assert sorted(first.offsets() + second.offsets()) == sorted(every(2, 100))


async def test_nothing_is_committed_past_a_batch_that_is_still_processed(stage: Stage) -> None:
    await stage.create(partitions=1)
    await stage.produce(400)
    first = stage.worker(PROBE_HANG_AT="0", PROBE_CONCURRENCY="3")
    await eventually(lambda: len(first.lines("end")) >= 1, "the batch behind the one that hangs")
    first.kill()
    assert await stage.committed() == {0: 0}
    second = stage.worker()
    await eventually(lambda: second.offsets()[-1:] == [(0, 399)], "all records")
    assert second.offsets() == sorted(every(1, 400))


async def test_under_pressure_fetching_stops_and_goes_on_when_there_is_room(stage: Stage, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    await stage.create(partitions=4)
    await stage.produce(500)
    worker = stage.worker(PROBE_HOLD=str(hold))
    await eventually(lambda: bool(worker.lines("begin")), "a batch under way")
    await stage.produce(500, start=500)
    hold.unlink()
    await eventually(lambda: len(worker.offsets()) >= 4000, "all records")
    assert sorted(worker.offsets()) == sorted(every(4, 1000))
    assert max(line.in_flight for line in worker.lines()) == 8
    assert in_order(worker.offsets())


async def test_a_partition_that_is_held_up_leaves_the_others_their_room(stage: Stage) -> None:
    await stage.create(partitions=3)
    await stage.produce(400)
    worker = stage.worker(PROBE_HANG_AT="0", PROBE_CONCURRENCY="4")
    others = {(partition, offset) for partition, offset in every(3, 400) if partition != 0}
    await eventually(lambda: others <= set(worker.offsets()), "all records of the other partitions")


async def test_an_agent_that_is_held_up_for_long_costs_the_worker_nothing(stage: Stage, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    await stage.create(partitions=1)
    await stage.produce(300)
    # aiokafka would take a consumer that fetches nothing for this long for dead, and leave the group.
    worker = stage.worker(PROBE_HOLD=str(hold), BROKER_MAX_POLL_INTERVAL="1")
    await eventually(lambda: bool(worker.lines("begin")), "a batch under way")
    began = time.monotonic()
    await eventually(lambda: time.monotonic() - began > 4, "several intervals")
    hold.unlink()
    await eventually(lambda: worker.offsets() == sorted(every(1, 300)), "all records, once each and in order")
    assert "Gave up" not in worker.text()


async def test_sigterm_finishes_the_batch_at_hand_and_commits_it(stage: Stage, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    await stage.create(partitions=1)
    await stage.produce(200)
    first = stage.worker(PROBE_HOLD=str(hold))
    await eventually(lambda: bool(first.lines("begin")), "a batch under way")
    first.child.process.terminate()
    await eventually(lambda: "Wait for streams" in first.text(), "the shutdown")
    hold.unlink()
    assert await first.child.wait(20) == 0
    done = first.offsets()
    assert await stage.committed() == {0: done[-1][1] + 1}
    second = stage.worker()
    await eventually(lambda: second.offsets()[-1:] == [(0, 199)], "the rest")
    assert done + second.offsets() == sorted(every(1, 200))
