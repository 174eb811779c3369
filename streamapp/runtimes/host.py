"""The process of one model that runs apart: `python -m streamapp.runtimes.host FD`, started by `apart.Apart`.

It loads the model once, and forks a process for its calls. A call that hangs or takes its process down with it costs
that process: the next one is forked in milliseconds, from a model that is loaded already. So that forking is safe,
nothing is predicted here, and no library may start threads while the model is loaded (`OMP_NUM_THREADS=1`).

FD is a socket to the worker. It brings what to load, once, and then a socket for calls for each process that is to
be forked; the process before is ended. When it is closed, which the worker's end does as well, all ends.
"""

import contextlib
import gc
import os
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Final, NoReturn

from streamapp.contracts.errors import ModelError, ModelLoadError, PredictionError
from streamapp.scoring.letters import message_of
from streamapp.scoring.model import Model

#: What a slow model's calls take of a processor is what the rest of the worker leaves.
NICENESS: Final = 10


def main() -> None:
    """Load a model and fork for its calls, until the worker hangs up."""
    os.nice(NICENESS)
    for number in (signal.SIGINT, signal.SIGTERM):  # the worker has them too, and says when it is done
        signal.signal(number, signal.SIG_IGN)
    control: Connection = Connection(int(sys.argv[1]))
    with contextlib.suppress(EOFError, OSError):
        model = _load(control)
        gc.freeze()  # so that the forked processes leave its memory shared
        _fork_for_each(control, model)
    os._exit(0)  # nothing here has anything to tidy up


def _load(control: Connection) -> Model:
    make, card, source = control.recv()
    try:
        model: Model = make(card, source)
    except (ModelError, ModuleNotFoundError) as exc:
        control.send(exc)
        raise EOFError from exc
    except Exception as exc:  # a model's library may raise anything
        control.send(ModelLoadError(f"{card.registered_name} {card.version} cannot be loaded: {exc!r}"))
        raise EOFError from exc
    control.send(None)
    return model


def _fork_for_each(control: Connection, model: Model) -> NoReturn:
    caller: int | None = None
    try:
        while True:
            calls = recv_handle(control)
            _end(caller)
            caller = os.fork()
            if caller == 0:
                control.close()
                _serve(Connection(calls), model)
            os.close(calls)
    finally:
        _end(caller)


def _end(caller: int | None) -> None:
    if caller:
        os.kill(caller, signal.SIGKILL)
        os.waitpid(caller, 0)


def _serve(calls: Connection, model: Model) -> NoReturn:
    """Say that it is there; then answer each table with what the model says of it, or with the error."""
    with contextlib.suppress(EOFError, OSError):
        calls.send(None)
        while True:
            table = calls.recv()
            try:
                answer = model.predict(table)
            except BaseException as exc:  # noqa: BLE001  # whatever it is, it concerns the model
                calls.send(PredictionError(f"{type(exc).__name__}: {message_of(exc)}"))
            else:
                calls.send(answer)
    os._exit(0)


if __name__ == "__main__":
    main()
