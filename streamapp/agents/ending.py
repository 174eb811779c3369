"""The end of the worker's process, in time where the broker or a thread hangs."""

import logging
import os
import threading
import time
from typing import Any, Final, NoReturn, cast

import faust

log = logging.getLogger(__name__)

#: Seconds, beside those for the batches at hand, to leave the group, close connections and end the interpreter.
_CLOSING: Final = 8.0
#: Seconds for a log that does not take its last line.
_TELLING: Final = 1.0
#: Exit code of a process that had to be ended.
_FAILED: Final = 1


class BoundedWorker(faust.Worker):
    """Faust's worker, whose process ends in time once it stops.

    Faust waits for a broker that hangs as long as a request may take, and an interpreter for its threads, also for
    one that never returns. What had not been committed is read again by whoever has the partitions next. What holds
    the interpreter's lock, or the event loop, holds this up as well.
    """

    _ends_process = False

    def execute_from_commandline(self) -> NoReturn:
        """Run until a signal comes, and end the process then."""
        self._ends_process = True
        super().execute_from_commandline()

    async def stop(self) -> None:
        """Stop, and end a process that does nothing else 8 s after `STREAMAPP_SHUTDOWN_TIMEOUT` at the latest."""
        if self._ends_process:
            self._ends_process = False
            seconds = cast("Any", self.app).settings.shutdown_timeout + _CLOSING
            threading.Thread(target=_end_after, args=(seconds,), name="last-resort", daemon=True).start()
        await super().stop()


def _end_after(seconds: float) -> None:
    time.sleep(seconds)
    telling = threading.Thread(target=_tell, args=(seconds,), daemon=True)
    telling.start()
    telling.join(_TELLING)
    os._exit(_FAILED)


def _tell(seconds: float) -> None:
    log.critical(
        "Not ended within %g s (STREAMAPP_SHUTDOWN_TIMEOUT and %g s more): the broker (STREAMAPP_BROKER) or a thread "
        "hangs. Ended without them; what was not committed is read again.",
        seconds,
        _CLOSING,
    )
    logging.shutdown()
