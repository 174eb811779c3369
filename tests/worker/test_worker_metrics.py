"""What the worker's page says, beside what is on the topics."""

from exposed import OPEN_METRICS, Exposed, scrape
from waiting import eventually
from worker_support import Stack

from streamapp.contracts.errors import Code
from streamapp.embedded.processes import free_port
from streamapp.metrics import worker as metrics

STAGES = {"decode", "queue", "predict", "order", "produce"}


async def test_the_page_says_what_is_on_the_topics(kafka_stack: Stack) -> None:
    stack, port = kafka_stack, free_port()
    page = f"http://127.0.0.1:{port}/metrics"
    await stack.ask(400)
    await stack.put(
        b"no request", None, b'{"payload":{"data":[{}]},"model":"nobody"}', b'{"payload":{"data":[]},"model":"large"}'
    )
    stack.worker(STREAMAPP_WORKER_WEB_PORT=str(port))
    await stack.predictions(400)
    letters = await stack.read(stack.settings.dead_letters_topic, lambda found: len(found) >= 4)
    await eventually(lambda: lag(page, stack.settings.input_topic), expected=dict.fromkeys("0123", 0.0))
    read = {(topic, partition) for topic in stack.settings.input_topics for partition in "0123"}
    await eventually(lambda: standing(page), expected=dict.fromkeys(read, 0.0))
    now = await scrape(page)

    assert now.by("streamapp_records_total", "result") == {"predicted": 400, "dead": 4}
    assert now.by("streamapp_records_total", "model") == {"large": 401, "other": 3}
    assert (now.value("streamapp_rows_total", model="large"), now.value("streamapp_model_rows_total")) == (400, 400)
    codes = {dict(letter.headers)["dl_code"].decode() for letter in letters}
    by_code = now.by("streamapp_dead_letters_total", "code")
    assert {code for code, count in by_code.items() if count} == codes
    assert by_code.keys() == set(Code)
    assert now.value("streamapp_dead_letters_total") == 4
    assert now.value("streamapp_batch_records_sum") == 404
    assert now.value("streamapp_end_to_end_seconds_count", model="large") == 400
    assert 0 < now.value("streamapp_end_to_end_seconds_sum", model="large") < 400 * 300
    batches = now.value("streamapp_batch_records_count")
    assert 4 <= batches == now.value("streamapp_transactions_total", result="committed")
    stages = now.by("streamapp_stage_seconds_count", "stage")
    assert stages.keys() == STAGES
    assert {stages[stage] for stage in ("decode", "produce")} == {batches}
    assert stages["predict"] == stages["queue"] == now.value("streamapp_batches_total")
    info = now.families["streamapp_model_info"].samples
    assert [(one.labels["alias"], one.labels["version"], one.value) for one in info] == [("large", "1", 1.0)]
    assert now.by("streamapp_model_refused", "alias") == {"large": 0, "absent": 1}
    assert now.value("streamapp_model_refusals_total", alias="absent") == 1
    assert now.by("streamapp_model_swaps_total", "alias") == {"large": 0}
    assert now.value("streamapp_last_progress_timestamp_seconds") > now.value("process_start_time_seconds")
    assert_described(now)
    assert (await scrape(page, OPEN_METRICS)).value("streamapp_records_total") == 404


async def lag(page: str, topic: str) -> dict[str, float]:
    now = await scrape(page)
    found = [one for one in now.families["streamapp_lag_records"].samples if one.labels["topic"] == topic]
    return {one.labels["partition"]: one.value for one in found}


async def standing(page: str) -> dict[tuple[str, str], float]:
    found = (await scrape(page)).families["streamapp_partition_standing_seconds"].samples
    return {(one.labels["topic"], one.labels["partition"]): one.value for one in found}


def assert_described(now: Exposed) -> None:
    """The page has the metrics that the documentation has, and no others of ours."""
    ours = {family.name for family in now.families.values() if family.name.startswith("streamapp_")}
    assert ours == {one.name.removesuffix("_total") for one in metrics.PART.described}
