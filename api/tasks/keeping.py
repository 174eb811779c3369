"""Parts of the edge that run for as long as it does, whatever happens to them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import KafkaError

from streamapp.contracts.errors import StreamappError

#: Seconds until a part that failed is started again.
_PAUSE: Final = 1.0

log = logging.getLogger(__name__)


async def keep(run: Callable[[], Awaitable[None]], what: str) -> None:
    """Run a part until cancelled, starting it again where it fails or ends."""
    while True:
        await attempt(run, what)
        await asyncio.sleep(_PAUSE)


async def attempt(run: Callable[[], Awaitable[None]], what: str) -> bool:
    """Run a part once; log why it failed where it did. Returns whether it came to its end."""
    try:
        await run()
    except (StreamappError, KafkaError, OSError) as exc:
        log.warning("Trying again with %s: %s", what, str(exc) or type(exc).__name__)
    except Exception:
        log.exception("Trying again with %s", what)
    else:
        return True
    return False


def after(event: asyncio.Event, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return a part that begins once an event has come."""

    async def wait_and_run() -> None:
        await event.wait()
        await run()

    return wait_and_run
