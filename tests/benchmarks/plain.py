"""`python -m benchmarks.plain URL NAME CORE`: a model alone, without a broker, measured once for each line it reads.

It first writes what the library answers to the distinct requests. Each line that it reads is a number of rows to be
predicted at a time, at most that of the distinct requests; for each it writes a `Round`. Both as JSON lines.
"""

import os
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import mlflow
import msgspec
import numpy as np
import pandas as pd
from scoring_support import In

from benchmarks.pinning import CAN_PIN
from benchmarks.traffic import ALIAS, datas
from producer.employees import FEATURES
from producer.marketplace import item_rows
from streamapp.contracts import codec
from streamapp.contracts.rows import RowDecoder
from streamapp.runtimes.load import load_model
from streamapp.runtimes.registry import Registry
from streamapp.scoring.model import Model, to_table
from streamapp.scoring.score import Limits, Scorer

#: Seconds that each thing is repeated for.
_TIME: Final = 0.5
#: Rows of a batch of AutoGluon's.
ITEMS: Final = 1000


class Round(msgspec.Struct, frozen=True):
    """What one line of input brings, in rows a second.

    Attributes:
        alone: The library's quickest call for labels and probabilities; AutoGluon's `predict` for labels.
        twice: The library's `predict` and `predict_proba`, one after the other; 0 where that is not measured.
        ours: Our model's `predict`, for both.
        memory: Our decoding, predicting and encoding, in memory; 0 where that is not measured.
    """

    alone: float
    twice: float = 0.0
    ours: float = 0.0
    memory: float = 0.0


def rate(call: Callable[[], Any], rows: int) -> float:
    """Return the rows a second of a call of so many."""
    count, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < _TIME:
        call()
        count += 1
    return count * rows / taken


def employees(model: Model, library: Any) -> Generator[Any, int, None]:
    """Yield what the library answers, and from then on a round for each batch size that is sent."""
    requests = datas(len(FEATURES), 1)
    rows = np.array([[row[name] for name in FEATURES] for data in requests for row in msgspec.json.decode(data)])
    frame = pd.DataFrame(rows, columns=list(FEATURES))
    records = [In(codec.encode_request(data, None, ALIAS), place) for place, data in enumerate(requests)]
    in_memory = Scorer({ALIAS: model}, Limits()).score
    size = yield [([label], [shares]) for label, shares in zip(*_both(library, frame), strict=True)]
    while True:
        some = frame.head(size)
        size = yield Round(
            alone=rate(partial(_both, library, some), size),
            twice=rate(partial(_one_by_one, library, some), size),
            ours=rate(partial(model.predict, rows[:size]), size),
            memory=rate(partial(in_memory, records[:size]), size),
        )


def _both(library: Any, frame: pd.DataFrame) -> tuple[list[Any], list[list[float]]]:
    """Return labels and probabilities by one call: of these models the most probable class is the label."""
    probabilities = np.asarray(library.predict_proba(frame))
    return library.classes_[probabilities.argmax(axis=1)].tolist(), probabilities.tolist()


def _one_by_one(library: Any, frame: pd.DataFrame) -> None:
    library.predict(frame)
    library.predict_proba(frame)


def marketplace(model: Model, predictor: Any) -> Generator[Any, int, None]:
    """Yield nothing, and from then on a round for each batch size that is sent."""
    items = msgspec.json.encode(list(islice(item_rows(seed=5), ITEMS)))
    table = to_table(model.card, RowDecoder(model.card).decode(items))
    size = yield []
    while True:
        some = table[:size]
        alone = rate(partial(predictor.predict, some), size)
        size = yield Round(alone=alone, ours=rate(partial(model.predict, some), size))


def main() -> None:
    """Load the model, then answer each line."""
    url, name, core = sys.argv[1:]
    if CAN_PIN:
        os.sched_setaffinity(0, {int(core)})
    registry = Registry(url, "champion")
    version = registry.resolve(name)
    model = load_model(registry, ALIAS, version)
    with TemporaryDirectory() as folder:
        path = str(registry.download(version, Path(folder)))
        if model.card.flavor == "autogluon":
            predictor = mlflow.pyfunc.load_model(path).unwrap_python_model().predictor
            predictor.persist()
            rounds = marketplace(model, predictor)
        else:
            rounds = employees(model, mlflow.sklearn.load_model(path))
        found = next(rounds)
        while True:
            sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
            sys.stdout.buffer.flush()
            if not (line := sys.stdin.readline()):
                return
            found = rounds.send(int(line))


if __name__ == "__main__":
    main()
