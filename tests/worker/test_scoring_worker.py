"""The scoring worker end to end: real broker, real registry, workers as processes."""

import json

from draining import longest
from waiting import eventually
from worker_support import Stack, assigned, request

from streamapp.contracts import codec


async def test_every_request_is_predicted_once_in_order_and_committed(stack: Stack) -> None:
    ids = await stack.ask(400)
    stack.worker()
    found = await stack.predictions(400)
    assert sorted(prediction.id for prediction in found) == sorted(ids)
    assert all(prediction.predictions == [int(prediction.id[8:]) % 2] for prediction in found)
    assert {(p.model, p.registered_name, p.version) for p in found} == {("large", "Large_Team", "1")}
    records = await stack.read(stack.settings.predictions_topic, lambda records: len(records) >= 400)
    for partition in range(stack.settings.partitions):
        offsets = [int(dict(r.headers)["input_offset"]) for r in records if r.partition == partition]
        assert offsets == list(range(100))

    async def all_committed() -> bool:
        return await stack.committed() == 400

    await eventually(all_committed, "the commit of all", timeout=60)


async def test_bad_records_are_dead_letters_and_stop_nothing(stack: Stack) -> None:
    stack.worker()
    await stack.put(b"not json", None, b"[]", request(1, 15), b'{"payload": {"data": [{"x": 1}]}, "model": "large"}')
    await stack.put(codec.encode_request(b'[{"Team_Size": 1}]', None, "nosuch"), request(2, 5))
    assert [prediction.predictions for prediction in await stack.predictions(2)] == [[1], [0]]
    records = await stack.read(stack.settings.dead_letters_topic, lambda records: len(records) >= 5)
    letters = [codec.decode_dead_letter(record.key, record.value, record.headers) for record in records]
    assert [(letter.code, letter.offset) for letter in letters] == [
        ("malformed_json", 0),
        ("null_record", 1),
        ("malformed_request", 2),
        ("unknown_field", 4),
        ("unknown_model", 5),
    ]
    assert [letter.value for letter in letters[:3]] == [b"not json", None, b"[]"]


async def test_the_card_of_a_served_model_is_published_and_a_missing_model_named(stack: Stack) -> None:
    worker = stack.worker("streamapp", "worker")
    one = stack.settings.model_copy(update={"partitions": 1})
    records = await Stack(one, stack._processes).read(one.models_topic, bool)
    card = codec.decode_card(records[0].value)
    assert (records[0].key, card.alias, card.registered_name, card.version) == (b"large", "large", "Large_Team", "1")
    assert [feature.name for feature in card.features] == ["Sleep_Hours", "Team_Size"]
    assert set(card.example) == {"Sleep_Hours", "Team_Size"}
    assert "Not_Registered" in worker.log.read_text()


async def test_a_second_worker_needs_no_flag_and_shares_the_partitions(stack: Stack) -> None:
    first = stack.worker()
    await stack.ask(40)
    await stack.predictions(40)
    second = stack.worker("streamapp", "worker")

    async def joined() -> bool:
        return "Worker ready" in second.log.read_text()

    await eventually(joined, "the second worker to join", timeout=60)
    await stack.ask(400, start=40)
    found = await stack.predictions(440)
    assert len(found) == 440
    shares = [assigned(worker.log.read_text(), stack.settings.input_topic) for worker in (first, second)]
    assert sorted(map(sorted, shares)) in ([[0, 1], [2, 3]], [[0, 2], [1, 3]]), shares
    stack.kill(first)
    await stack.ask(40, start=440)
    assert {prediction.id for prediction in await stack.predictions(480)} == {f"request-{i}" for i in range(480)}


async def test_a_killed_worker_loses_nothing_and_repeats_are_identified_by_their_input_offset(stack: Stack) -> None:
    await stack.ask(3000)
    first = stack.worker(STREAMAPP_MAX_BATCH_RECORDS="50", STREAMAPP_COMMIT_INTERVAL="5")
    await stack.predictions(200)
    stack.kill(first)
    stack.worker()
    await stack.predictions(3000)
    records = await stack.read(stack.settings.predictions_topic, lambda records: len(records) >= 3000)
    places = {(record.partition, dict(record.headers)["input_offset"]) for record in records}
    assert len(places) == 3000
    assert {json.loads(record.value)["id"] for record in records} == {f"request-{i}" for i in range(3000)}


async def test_sigterm_drains_and_repeats_nothing(stack: Stack) -> None:
    await stack.ask(2000)
    first = stack.worker(STREAMAPP_MAX_BATCH_RECORDS="20", STREAMAPP_COMMIT_INTERVAL="60")
    await stack.predictions(100)
    first.process.terminate()
    assert await first.wait(longest("worker", stack.settings.shutdown_timeout)) == 0
    stack.worker()
    found = await stack.predictions(2000)
    assert len(found) == 2000


async def test_a_worker_without_a_registry_says_so_waits_and_stops_when_told(stack: Stack) -> None:
    worker = stack.worker(MLFLOW_TRACKING_URI="http://127.0.0.1:1")

    async def told() -> bool:
        return "MLFLOW_TRACKING_URI" in worker.log.read_text()

    await eventually(told, "the name of the setting", timeout=60)
    worker.process.terminate()
    assert await worker.wait(20) == 0
