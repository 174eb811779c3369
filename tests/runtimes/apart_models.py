"""Models for the tests of models that run apart: a process of its own imports them by this module's name."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError
from streamapp.scoring.model import Predicted, Table


class Told:
    """Does what the largest value of its rows says: it answers with its process and that one's parent, or it fails.

    Args:
        card: Its card.
        files: Is what its load does, by its name.
    """

    def __init__(self, card: ModelCard, files: Path) -> None:
        self.card = card
        if files.name == "refuses":
            raise ModelLoadError("This model cannot be served.")
        if files.name == "lacks":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        if files.name == "raises":
            raise KeyError("weights")
        if files.name == "exits":
            os._exit(3)

    def predict(self, table: Table) -> Predicted:
        what = np.max(np.asarray(table))
        if what == RAISE:
            raise ValueError("the rows do not please it")
        if what == HANG:
            time.sleep(3600)
        if what == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        if what == EXIT:
            raise SystemExit(4)
        return Predicted([f"{os.getpid()} {os.getppid()}"] * len(table))


ANSWER, RAISE, HANG, DIE, EXIT = range(5)
