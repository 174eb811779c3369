"""The sinks worker: every feed in one process, each on its own."""

import asyncio
import logging
import signal
from functools import partial
from typing import Any

from streamapp import logs
from streamapp.contracts.settings import Settings
from streamapp.sinks import page, translate
from streamapp.sinks.audit import CsvAudit
from streamapp.sinks.feed import Feed
from streamapp.sinks.mirror import PredictionsMirror, RequestsMirror
from streamapp.sinks.source import open_source
from streamapp.sinks.standing import Standing

_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, finish what is at hand, and return.

    Raises:
        SettingsError: `STREAMAPP_CSV_PATH` names a file that is not ours, or the page cannot be served.
    """
    logs.configure(settings)
    asyncio.run(_serve(settings))


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run every feed, and their page, until `stop` is set, or until one ends with an error; it ends the others.

    A broker, a Redis or a disk that fails is no such error: the feed concerned retries, the others go on.

    Args:
        settings: The settings in force.
        stop: Once set, each feed finishes its batch, within `STREAMAPP_SHUTDOWN_TIMEOUT`.

    Raises:
        SettingsError: `STREAMAPP_CSV_PATH` names a file that is not ours, or the page cannot be served.
    """
    all_feeds = feeds(settings)
    _, mirror, _ = standings = [feed.standing for feed in all_feeds]
    async with page.served(settings, standings, mirror):
        tasks = [asyncio.create_task(feed.run(stop), name=feed.name) for feed in all_feeds]
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await _finish([*tasks, stopped], settings.shutdown_timeout)


def feeds(settings: Settings) -> tuple[Feed[Any], ...]:
    """Return the feeds: requests to Redis, predictions to Redis, predictions to the CSV.

    Of the requests only those on the shared input topic are mirrored: the programs that read that stream know the
    older system's models and no others.
    """
    read_requests = partial(open_source, settings, settings.input_topic)
    read_predictions = partial(open_source, settings, settings.predictions_topic)
    predictions = partial(translate.predictions, settings.input_topic)
    return (
        Feed(
            "requests to Redis",
            read_requests,
            translate.requests,
            RequestsMirror(settings),
            Standing("redis_requests"),
        ),
        Feed(
            "predictions to Redis",
            read_predictions,
            predictions,
            PredictionsMirror(settings),
            Standing("redis_predictions"),
        ),
        Feed("predictions to CSV", read_predictions, predictions, CsvAudit(settings), Standing("csv")),
    )


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(settings, stop)


async def _finish(tasks: list[asyncio.Task[Any]], timeout: float) -> None:
    """Wait for the tasks; cancel those that take too long, raise what one of them raised."""
    _, late = await asyncio.wait(tasks, timeout=timeout)
    for task in late:
        _log.warning("%s: not finished after %g s, left to the next start", task.get_name(), timeout)
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
