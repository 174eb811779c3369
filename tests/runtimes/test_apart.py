"""Models in processes of their own: what they cost nobody, whatever they do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from apart_models import ANSWER, DIE, EXIT, HANG, RAISE, Told
from scoring_support import ask, card, scorer
from waiting import until

from streamapp.contracts.card import Feature
from streamapp.contracts.errors import ModelLoadError, PredictionError, PredictionTimeout, ProcessFailed
from streamapp.runtimes.apart import Apart
from streamapp.scoring.call import Caller
from streamapp.scoring.model import Table

CARD = card("told", registered_name="Told", features=(Feature("what"),))


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def model() -> Apart:
    return Apart(Told, CARD, Path("loads"))


def rows(*what: float) -> Table:
    return np.array(what, dtype=float).reshape(-1, 1)


def processes(model: Apart) -> tuple[int, int]:
    """Return the process of the model's calls, and the one that has it loaded."""
    called, loaded = model.predict(rows(ANSWER)).labels[0].split()
    return int(called), int(loaded)


def gone(pid: int) -> None:
    until(lambda: psutil.pid_exists(pid), f"the end of process {pid}", expected=False)


def test_it_answers_from_a_process_that_comes_after_ours(model: Apart) -> None:
    called, loaded = processes(model)
    assert os.getpid() not in {called, loaded}
    assert psutil.Process(called).nice() > psutil.Process().nice()
    assert len(model.predict(rows(*[ANSWER] * 7)).labels) == 7
    assert processes(model) == (called, loaded)


def test_what_it_raises_is_told_and_the_process_goes_on(model: Apart) -> None:
    before = processes(model)
    with pytest.raises(PredictionError, match="ValueError: the rows do not please it"):
        model.predict(rows(RAISE))
    with pytest.raises(PredictionError, match="SystemExit: 4"):
        model.predict(rows(EXIT))
    assert processes(model) == before


def test_a_call_that_hangs_ends_with_its_process_and_the_next_gets_another(model: Apart) -> None:
    called, loaded = processes(model)
    caller = Caller(model)
    with pytest.raises(PredictionTimeout):
        caller.predict(rows(HANG), timeout=0.2)
    gone(called)
    until(lambda: len(caller._hanging) if caller.available else None, "no thread that waits", expected=0)
    after, same = processes(model)
    assert (after != called, same) == (True, loaded)


def test_a_call_that_takes_its_process_down_costs_only_itself(model: Apart) -> None:
    requests = [ask([{"what": DIE if offset == 3 else ANSWER}], "told", offset) for offset in range(8)]
    outcome = scorer(model).score(requests)
    assert [letter.offset for letter in outcome.dead_letters] == [3]
    assert outcome.dead_letters[0].message == "The model's process ended without an answer."
    assert len(outcome.predictions) == 7


def test_without_the_process_that_has_it_loaded_no_record_is_refused(model: Apart) -> None:
    called, loaded = processes(model)
    os.kill(loaded, signal.SIGKILL)
    os.kill(called, signal.SIGKILL)
    with pytest.raises(ProcessFailed, match="The process of model told ended"):
        scorer(model).score([ask([{"what": ANSWER}], "told")])


def test_signals_to_the_whole_group_leave_it_to_the_worker(model: Apart) -> None:
    before = processes(model)
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert processes(model) == before


def test_its_processes_end_with_it(model: Apart) -> None:
    called, loaded = processes(model)
    model._end()
    gone(called)
    gone(loaded)


@pytest.mark.parametrize("call", [ANSWER, HANG])
def test_its_processes_end_with_a_worker_that_is_killed(call: int) -> None:
    program = f"""
import test_apart, pathlib
model = test_apart.Apart(test_apart.Told, test_apart.CARD, pathlib.Path("loads"))
print(*test_apart.processes(model), flush=True)
model.predict(test_apart.rows({call}))
input()
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1])))}
    with subprocess.Popen(
        (sys.executable, "-c", program), stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=env, text=True
    ) as worker:
        assert worker.stdout is not None
        called, loaded = map(int, worker.stdout.readline().split())
        worker.kill()
    gone(called)
    gone(loaded)


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("refuses", ModelLoadError, "This model cannot be served."),
        ("lacks", ModuleNotFoundError, "torch"),
        ("raises", ModelLoadError, "Told 3 cannot be loaded: KeyError"),
        ("exits", ModelLoadError, "Told 3 cannot be loaded: that ends its process"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why(what: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Apart(Told, CARD, Path(what))
