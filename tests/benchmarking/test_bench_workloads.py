"""What `make bench` asks, and what it takes from a run before."""

from pathlib import Path

import pytest
from benchmarks import registries
from benchmarks.mix import in_turns
from benchmarks.registries import MODELS, clear_unless_current
from benchmarks.traffic import DISTINCT, PARTITIONS, Request, columns_of, kind, single


def test_all_models_are_asked_in_turns_in_each_partition() -> None:
    requests = in_turns([[Request(alias, data) for data in single(alias)] for alias in MODELS])
    assert len(requests) == DISTINCT
    for partition in range(PARTITIONS):
        asked = [requests[kind(partition, offset, len(requests))].alias for offset in range(2 * DISTINCT)]
        assert asked == [*MODELS] * (len(asked) // len(MODELS))


@pytest.mark.parametrize("alias", MODELS)
def test_there_are_as_many_requests_of_one_row_for_each_model(alias: str) -> None:
    assert len(single(alias)) == DISTINCT
    assert columns_of(alias) == {"marketplace": 19}.get(alias, 13)


def test_models_that_other_code_has_trained_are_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mlflow"
    clear_unless_current(folder)
    trained = folder / "employees.trained"
    trained.touch()
    clear_unless_current(folder)
    assert trained.exists()
    monkeypatch.setattr(registries, "source", lambda: "of other code")
    clear_unless_current(folder)
    assert not trained.exists()
