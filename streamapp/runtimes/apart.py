"""Models in processes of their own, for those that would hold up the others where all share an interpreter.

AutoGluon computes tens of milliseconds in Python for each call. In the worker's own process the event loop and the
fast models would wait for the interpreter's lock all that time; here they share nothing but the processors, of which
the slow model gets what the others leave (`host.NICENESS`).
"""

import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Final

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError, PredictionError, ProcessFailed
from streamapp.scoring.model import Model, Predicted, Table

#: Seconds that a model may take to load.
_LOAD_TIMEOUT: Final = 120.0
#: Seconds that the host may take to fork.
_FORK_TIMEOUT: Final = 10.0
#: Seconds that the host may take to end.
_END_TIMEOUT: Final = 5.0


class Apart:
    """A model that is loaded and called in another process. Ends it with itself.

    Args:
        make: Makes the model from its card and its files; importable by name.
        card: The model's card.
        files: What `make` reads; no longer needed afterwards.

    Raises:
        ModelLoadError: The model cannot be loaded, or its process ended over it.
        ModuleNotFoundError: A library of it is not installed.
        ModelError: Whatever else `make` raised of the kind.
    """

    def __init__(self, make: Callable[[ModelCard, Path], Model], card: ModelCard, files: Path) -> None:
        self._card = card
        self._lock = threading.Lock()
        control, theirs = socket.socketpair()
        with theirs:
            host = subprocess.Popen(  # noqa: S603  # our own program
                (sys.executable, "-m", "streamapp.runtimes.host", str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        self._control: Connection = Connection(control.detach())
        self._end = weakref.finalize(self, _end, self._control, host)
        self._load(make, files)
        self._calls = self._forked()

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    def predict(self, table: Table) -> Predicted:
        """Predict the rows.

        Raises:
            PredictionError: The model raised, or the process of its calls ended; the next call gets another.
            ProcessFailed: The process that has the model loaded is gone, and no other can be had without its files.
        """
        calls = self._calls
        try:
            calls.send(table)
            answer: Predicted | PredictionError = calls.recv()
        except (EOFError, OSError) as exc:
            self._renew(calls)
            raise PredictionError("The model's process ended without an answer.") from exc
        if isinstance(answer, PredictionError):
            raise answer
        return answer

    def interrupt(self) -> None:
        """End the call under way, by ending its process; the next call gets another.

        Raises:
            ProcessFailed: As `predict` does.
        """
        self._renew(self._calls)

    def _load(self, make: Callable[[ModelCard, Path], Model], files: Path) -> None:
        refusal: Exception | None
        try:
            self._control.send((make, self._card, files))
            refusal = self._control.recv() if self._control.poll(_LOAD_TIMEOUT) else self._refused("takes too long")
        except (EOFError, OSError):
            refusal = self._refused("ends its process")
        if refusal is not None:
            self._end()
            raise refusal

    def _refused(self, what: str) -> ModelLoadError:
        return ModelLoadError(f"{self._card.registered_name} {self._card.version} cannot be loaded: that {what}.")

    def _renew(self, calls: Connection) -> None:
        """Replace the process of the calls, unless somebody has."""
        with self._lock:
            if self._calls is calls:
                self._calls = self._forked()

    def _forked(self) -> Connection:
        ours, theirs = socket.socketpair()
        calls: Connection = Connection(ours.detach())
        try:
            with theirs:
                send_handle(self._control, theirs.fileno(), None)
            if calls.poll(_FORK_TIMEOUT):
                calls.recv()
                return calls
        except (EOFError, OSError) as exc:
            raise ProcessFailed(f"The process of model {self._card.alias} ended (out of memory?).") from exc
        raise ProcessFailed(f"The process of model {self._card.alias} does not answer.")


def _end(control: Connection, host: "subprocess.Popen[bytes]") -> None:
    control.close()
    try:
        host.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        host.kill()
        host.wait()
