"""`python -m benchmarks.export URL NAME FOLDER`: a LightGBM model of a registry as plain files, for the peers.

A program of its own: it needs MLflow, which the benchmark is not to hold in memory.
"""

import sys
import tempfile
from pathlib import Path

import mlflow
import msgspec
from mlflow.models import Model

from benchmarks.peers.served import Card
from benchmarks.traffic import ALIAS
from streamapp.runtimes.load import make_card
from streamapp.runtimes.registry import Registry


def export(url: str, name: str, folder: Path) -> None:
    """Write `model.txt`, the booster, and `model.json`, what predictions say of it."""
    registry = Registry(url, "champion")
    version = registry.resolve(name)
    with tempfile.TemporaryDirectory() as scratch:
        path = registry.download(version, Path(scratch))
        card = make_card(ALIAS, version, "lightgbm", Model.load(str(path)), path)
        booster = mlflow.lightgbm.load_model(str(path))
    folder.mkdir(parents=True, exist_ok=True)
    booster.save_model(folder / "model.txt")
    features = tuple(feature.name for feature in card.features)
    classes = card.classes or tuple(range(booster.num_model_per_iteration()))  # as the worker takes them
    named = Card(ALIAS, card.registered_name, card.version, card.run_id, features, classes)
    (folder / "model.json").write_bytes(msgspec.json.encode(named))


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
