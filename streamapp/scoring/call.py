"""Calls of a model, in a thread that is left behind where a call hangs.

Each model is called in a daemon thread of its own. A call that takes too long is given up together with its thread,
and the next call gets a new one. The thread that was given up is interrupted, which ends a loop in Python at once;
one that waits in a system call or computes in C ends when that returns. Its answer nobody reads, and it keeps neither
the process nor other models waiting.
"""

import contextlib
import ctypes
import logging
import threading
import weakref
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final

from streamapp.contracts.errors import PredictionError, PredictionTimeout
from streamapp.scoring.model import Interruptible, Model, Predicted, Table

log = logging.getLogger(__name__)

#: Calls of one model that may hang at a time: room for six requests that hang for good, each in a full batch (see
#: `isolate`). A thread that waits costs 25 kB and the rows of its call.
MAX_HANGING: Final = 20


class Caller:
    """Calls one model, one call at a time unless one was given up. Not thread-safe.

    Its thread starts with the first call, and ends with this object.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._thread: CallThread | None = None
        self._hanging: list[CallThread] = []

    @property
    def available(self) -> bool:
        """Whether a call may be made: not while `MAX_HANGING` of them hang."""
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        return len(self._hanging) < MAX_HANGING

    def predict(self, table: Table, timeout: float) -> Predicted:
        """Predict all rows of a table.

        Args:
            table: The rows; they are the model's from now on, also after a time-out.
            timeout: Seconds to wait.

        Raises:
            PredictionTimeout: There was no answer in time. The call is given up, and may go on in its thread.
            PredictionError: The model raised what is no `Exception`, such as `SystemExit`: raised in a model, it
                concerns the model and not the process.
            Exception: Whatever else the model raised.
        """
        call = self._submit(table)
        try:
            failure = call.exception(timeout)
        except TimeoutError:
            self._give_up()
            raise PredictionTimeout(f"The model gave no answer for {len(table)} rows in {timeout:.3g} s.") from None
        if failure is None:
            return call.result()
        if isinstance(failure, Exception):
            raise failure
        raise PredictionError(f"The model raised {type(failure).__name__}.") from failure

    def _submit(self, table: Table) -> "Future[Predicted]":
        if self._thread is None:
            self._thread = CallThread(self, self._model)
        return self._thread.submit(table)

    def _give_up(self) -> None:
        if self._thread is not None:
            if isinstance(self._model, Interruptible):
                self._model.interrupt()
            else:
                self._thread.interrupt()
            self._thread.end()
            self._hanging.append(self._thread)
            self._thread = None
        if not self.available:
            alias = self._model.card.alias
            log.error("Model %s: %d calls hang; it is not called again until one returns.", alias, MAX_HANGING)


class CallThread(threading.Thread):
    """A daemon thread that calls a model once for each submitted table.

    Args:
        owner: The thread ends with it.
        model: The model.

    Attributes:
        end: Ends the thread after the calls that were submitted. Does not wait.
    """

    def __init__(self, owner: object, model: Model) -> None:
        super().__init__(name=f"model-{model.card.alias}", daemon=True)
        self._model = model
        self._calls: SimpleQueue[tuple[Future[Predicted], Table] | None] = SimpleQueue()
        self.end = weakref.finalize(owner, self._calls.put, None)
        self.start()

    def submit(self, table: Table) -> "Future[Predicted]":
        """Call the model after the calls before; the future has its answer, or whatever it raised."""
        call: Future[Predicted] = Future()
        self._calls.put((call, table))
        return call

    def interrupt(self) -> None:
        """Raise `SystemExit` in the thread, where it next runs Python. It must not have been told to end yet."""
        if self.ident is not None:
            _raise_in(self.ident, SystemExit)

    def run(self) -> None:
        """Call until told to end."""
        with contextlib.suppress(SystemExit):  # an interrupt may come just after the call that it is meant for
            self._run()

    def _run(self) -> None:
        while (submitted := self._calls.get()) is not None:
            call, table = submitted
            try:
                answer = self._model.predict(table)
            except BaseException as exc:  # noqa: BLE001  # whoever submitted it decides
                call.set_exception(exc)
            else:
                call.set_result(answer)
                del answer
            # An idle thread would keep the last batch in memory.
            del submitted, call, table


class _Taken(Exception):
    """What a thread raises in itself."""


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    """Raise an exception in another thread: https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc.

    Until a thread has taken what was raised in it, CPython before 3.13 has every thread look whether it was meant,
    and 3.11 lets a traced one (coverage, a debugger) enter no function meanwhile. One that hangs may never take it.
    So this thread raises something in itself: taking that ends the search, which starts again when it is the other
    thread's turn to run Python. No function may be entered in between.
    """
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    with contextlib.suppress(_Taken):
        raise_in(ctypes.c_ulong(thread), ctypes.py_object(exception))
        raise_in(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(_Taken))
