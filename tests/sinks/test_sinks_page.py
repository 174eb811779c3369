"""The sinks' page as probes see it."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import free_port
from streamapp.sinks.page import served
from streamapp.sinks.standing import Standing


@pytest.fixture
def here(settings: Settings) -> Settings:
    return settings.model_copy(update={"sinks_web_port": free_port()})


async def test_a_loop_that_hangs_answers_no_probe(here: Settings) -> None:
    def asked(path: str) -> int:
        with httpx.Client(trust_env=False, timeout=0.5) as client:
            return client.get(f"http://127.0.0.1:{here.sinks_web_port}{path}").status_code

    async with served(here, (), Standing("csv")), httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{here.sinks_web_port}/livez")
        assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
        with ThreadPoolExecutor(1) as thread:
            for path in ("/livez", "/metrics"):
                with pytest.raises(httpx.ReadTimeout):
                    thread.submit(asked, path).result()  # nothing else runs on the loop until it has answered


async def test_where_its_port_is_taken_another_is_served(here: Settings) -> None:
    async with served(here, (), Standing("csv")) as first, served(here, (), Standing("csv")) as second:
        assert (first, first != second) == (here.sinks_web_port, True)


async def test_an_address_of_another_machine_is_told_with_its_setting(here: Settings) -> None:
    elsewhere = here.model_copy(update={"sinks_web_host": "192.0.2.1"})
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:.*STREAMAPP_SINKS_WEB_HOST .* STREAMAPP_SINKS_WEB_PORT"):
        async with served(elsewhere, (), Standing("csv")):
            pass


async def test_it_is_ready_while_every_feed_follows_its_topic(here: Settings) -> None:
    standings = csv, redis = Standing("csv"), Standing("redis_predictions")
    async with served(here, standings, redis), httpx.AsyncClient(trust_env=False) as client:

        async def asked() -> tuple[int, dict[str, bool]]:
            answer = await client.get(f"http://127.0.0.1:{here.sinks_web_port}/readyz")
            return answer.status_code, {name: check["ok"] for name, check in answer.json()["checks"].items()}

        assert await asked() == (503, {"csv": False, "redis_predictions": False})
        csv.looked({0: 0})
        redis.looked({0: 3})
        assert await asked() == (200, {"csv": True, "redis_predictions": True})
        redis.lost()
        assert await asked() == (503, {"csv": True, "redis_predictions": False})
