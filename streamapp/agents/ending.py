"""The end of the worker's process, in time whatever hangs."""

import logging
import os
import threading
import time
from typing import Any, Final, cast

import faust

log = logging.getLogger(__name__)

#: Seconds, beside those for the batches at hand, to leave the group, close connections and end the interpreter.
_CLOSING: Final = 8.0
#: Exit code of a process that had to be ended.
_FAILED: Final = 1


class BoundedWorker(faust.Worker):
    """Faust's worker, whose process ends in time once it stops, for whatever reason.

    Faust waits for a broker that hangs as long as a request may take, and an interpreter for its threads, also for
    one that never returns. What had not been committed is read again by whoever has the partitions next.
    """

    async def stop(self) -> None:
        """Stop; end the process where that takes 8 seconds more than `STREAMAPP_SHUTDOWN_TIMEOUT`."""
        seconds = cast("Any", self.app).settings.shutdown_timeout + _CLOSING
        threading.Thread(target=_end_after, args=(seconds,), name="last-resort", daemon=True).start()
        await super().stop()


def _end_after(seconds: float) -> None:
    time.sleep(seconds)
    log.critical(
        "Not ended within %g s (STREAMAPP_SHUTDOWN_TIMEOUT and %g s more): the broker (STREAMAPP_BROKER) or a thread "
        "hangs. Ended without them; what was not committed is read again.",
        seconds,
        _CLOSING,
    )
    logging.shutdown()
    os._exit(_FAILED)
