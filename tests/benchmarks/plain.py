"""`python -m benchmarks.plain URL ALIAS`: a model without a broker, measured once for each line it reads.

It first writes what the library answers to the distinct requests. Each line that it reads is a number of rows to be
predicted at a time, at most that of the distinct requests; for each it writes a `library.Round`. Both as JSON lines.
"""

import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import mlflow
import msgspec
import numpy as np
import pandas as pd
from scoring_support import In

from benchmarks.library import Answer, Round
from benchmarks.registries import MODELS
from benchmarks.traffic import single
from streamapp.contracts import codec
from streamapp.contracts.rows import RowDecoder
from streamapp.runtimes.load import load_model
from streamapp.runtimes.registry import Registry
from streamapp.scoring.model import Model, to_table
from streamapp.scoring.score import Scorer

#: Seconds that each thing is repeated for.
_TIME: Final = 0.4


class Library(NamedTuple):
    """What one has of a model without us; each takes a frame.

    Attributes:
        quickest: Its quickest call.
        labels: Returns the label of each row.
        probabilities: Returns those of each row, in the order of the card's classes.
    """

    quickest: Callable[[pd.DataFrame], Any]
    labels: Callable[[pd.DataFrame], Any]
    probabilities: Callable[[pd.DataFrame], Any]


def scikit_learn(path: str) -> Library:
    """Return a pipeline: of ours the most probable class is the label, so one call is enough for both."""
    pipeline = mlflow.sklearn.load_model(path)

    def both(rows: pd.DataFrame) -> tuple[list[Any], list[list[float]]]:
        probabilities = np.asarray(pipeline.predict_proba(rows))
        return pipeline.classes_[probabilities.argmax(axis=1)].tolist(), probabilities.tolist()

    return Library(both, pipeline.predict, pipeline.predict_proba)


def autogluon(path: str, classes: Sequence[Any]) -> Library:
    """Return a predictor with its models in memory; its `predict` is what it is compared by."""
    predictor = mlflow.pyfunc.load_model(path).unwrap_python_model().predictor
    predictor.persist()
    return Library(predictor.predict, predictor.predict, lambda rows: predictor.predict_proba(rows)[list(classes)])


def rate(call: Callable[[], Any], rows: int) -> float:
    """Return the rows a second of a call of so many."""
    count, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < _TIME:
        call()
        count += 1
    return count * rows / taken


def answers(library: Library, frame: pd.DataFrame) -> Iterator[Answer]:
    """Yield what the library says of each row."""
    labels = np.asarray(library.labels(frame)).tolist()
    for label, probabilities in zip(labels, np.asarray(library.probabilities(frame)).tolist(), strict=True):
        yield [label], [probabilities]


def measured(model: Model, library: Library, requests: Sequence[bytes]) -> Generator[Any, int, None]:
    """Yield what the library answers, and from then on a round for each batch size that is sent."""
    table = to_table(model.card, [row for data in requests for row in RowDecoder(model.card).decode(data)])
    frame = pd.DataFrame(table, columns=[feature.name for feature in model.card.features])
    records = [In(codec.encode_request(data, None, model.card.alias), place) for place, data in enumerate(requests)]
    in_memory = Scorer({model.card.alias: model}).score
    size = yield list(answers(library, frame))
    while True:
        some = frame.head(size)
        size = yield Round(
            alone=rate(partial(library.quickest, some), size),
            twice=rate(lambda: (library.labels(some), library.probabilities(some)), size),  # noqa: B023  # called here
            ours=rate(partial(model.predict, table[:size]), size),
            memory=rate(partial(in_memory, records[:size]), size),
        )


def main() -> None:
    """Load the model, then answer each line."""
    url, alias = sys.argv[1:]
    registry = Registry(url, "champion")
    version = registry.resolve(MODELS[alias])
    model = load_model(registry, alias, version)
    with TemporaryDirectory() as folder:
        path = str(registry.download(version, Path(folder)))
        of_autogluon = model.card.flavor == "autogluon"
        library = autogluon(path, model.card.classes) if of_autogluon else scikit_learn(path)
        rounds = measured(model, library, single(alias))
        found = next(rounds)
        while True:
            sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
            sys.stdout.buffer.flush()
            if not (line := sys.stdin.readline()):
                return
            found = rounds.send(int(line))


if __name__ == "__main__":
    main()
