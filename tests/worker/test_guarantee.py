"""The guarantee that a worker gives is the one asked for, or it does not start."""

from worker_support import Stack


async def test_exactly_once_from_a_broker_that_cannot_ends_the_worker_with_a_clear_error(stack: Stack) -> None:
    worker = stack.worker(STREAMAPP_PROCESSING_GUARANTEE="exactly_once")
    assert await worker.wait(30) == 1
    log = worker.log.read_text()
    assert f"STREAMAPP_PROCESSING_GUARANTEE is exactly_once, but the broker at {stack.settings.broker}" in log


async def test_on_kafka_a_killed_worker_repeats_nothing(kafka_stack: Stack) -> None:
    worker = kafka_stack.worker(STREAMAPP_MAX_BATCH_RECORDS="20")
    ids = await kafka_stack.ask(4000)
    await kafka_stack.predictions(1)
    kafka_stack.kill(worker)
    assert 0 < await kafka_stack.committed() < 4000, "killed in the middle"
    kafka_stack.worker()
    found = [prediction.id for prediction in await kafka_stack.predictions(4000)]
    assert sorted(found) == sorted(ids)
    assert "Guarantee: exactly_once" in worker.log.read_text()


async def test_an_input_topic_that_is_made_anew_is_read_from_its_beginning(kafka_stack: Stack) -> None:
    kafka_stack.worker()
    await kafka_stack.ask(200)
    await kafka_stack.predictions(200)
    await kafka_stack.remake_input_topic()
    await kafka_stack.ask(100, start=200)
    found = {prediction.id for prediction in await kafka_stack.predictions(300)}
    assert found == {f"request-{i}" for i in range(300)}
