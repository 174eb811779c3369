"""What the page of the sinks worker says, while all is well and while Redis is away."""

from pathlib import Path

import httpx
from exposed import OPEN_METRICS, Exposed, scrape
from pydantic import SecretStr
from sinks_support import csv_ids, ids, predict, valkey, working
from waiting import eventually

from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes, free_port

FOUR = dict.fromkeys("0123", 0.0)


async def test_the_page_says_what_is_kept_and_what_is_missing(
    settings: Settings, own_processes: Processes, tmp_path: Path
) -> None:
    redis, url = await valkey(own_processes, tmp_path)
    settings = settings.model_copy(update={"redis_url": SecretStr(url), "sinks_web_port": free_port()})
    page = f"http://127.0.0.1:{settings.sinks_web_port}/metrics"

    def said(now: Exposed) -> tuple[float, ...]:
        names = ("streamapp_mirrored_records_total", "streamapp_audit_rows_total", "streamapp_mirror_delay_seconds")
        return tuple(now.value(name) for name in names)

    async with working(settings):
        await eventually(lambda: scraped(page))
        begun = said(await scrape(page))  # other tests count in this process, too
        await predict(settings, range(300))
        await eventually(lambda: lag(page, "redis_predictions"), expected=FOUR)
        await eventually(lambda: csv_ids(settings), expected=ids(range(300)))
        await eventually(lambda: mirrored(page, begun[0]), expected=300)
        now = await scrape(page, OPEN_METRICS)
        assert said(now) == (begun[0] + 300, begun[1] + 300, 0)
        assert now.value("process_resident_memory_bytes") > 0

        await own_processes.stop(redis)
        await predict(settings, range(300, 310))
        await eventually(lambda: delayed(page), "the mirror is behind")
        away = {"redis_requests": False, "redis_predictions": False, "csv": True}
        await eventually(lambda: ready(page), "the sinks of Redis not to be ready", expected=(503, away))
        await eventually(lambda: audited(page), "the CSV to go on", expected=begun[1] + 310)
        assert await mirrored(page, begun[0]) == 300

        await valkey(own_processes, tmp_path, int(url.rpartition(":")[2].partition("/")[0]))
        await eventually(lambda: delayed(page), "the mirror caught up", expected=False)
        await eventually(lambda: ready(page), "to be ready again", expected=(200, dict.fromkeys(away, True)))


async def scraped(page: str) -> bool:
    return (await lag(page, "csv")) == FOUR


async def lag(page: str, sink: str) -> dict[str, float]:
    now = await scrape(page)
    found = [one for one in now.families["streamapp_sink_lag_records"].samples if one.labels["sink"] == sink]
    return {one.labels["partition"]: one.value for one in found}


async def audited(page: str) -> float:
    return (await scrape(page)).value("streamapp_audit_rows_total")


async def mirrored(page: str, before: float) -> float:
    return (await scrape(page)).value("streamapp_mirrored_records_total") - before


async def delayed(page: str) -> bool:
    return (await scrape(page)).value("streamapp_mirror_delay_seconds") > 0


async def ready(page: str) -> tuple[int, dict[str, bool]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(page.replace("/metrics", "/readyz"))
    return answer.status_code, {name: check["ok"] for name, check in answer.json()["checks"].items()}
