"""The folder of a run: cleared before it, kept after it where asked for or where something went wrong."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from streamapp.embedded.demo.plan import Place
from streamapp.embedded.demo.stop import Interrupted

#: Logs of the demo's programs. The folder may hold other files of its owner.
_LOGS: Final = (
    *("broker.log", "valkey.log", "mlflow.log", "training.log"),
    *("edge.log", "sinks.log", "worker.log", "worker-[0-9]*.log", "producer.log"),
    *("marketplace-training.log", "marketplace-producer.log"),
)


@contextmanager
def workspace(keep: Path | None, console: Console) -> Iterator[Path]:
    """Make the folder for logs and CSV, and tell where it is if it stays.

    Args:
        keep: The folder to use and to keep; None: a temporary one, which stays only if the block fails.
        console: Where to tell it.
    """
    work = keep or Path(tempfile.mkdtemp(prefix="streamapp-demo-"))
    work.mkdir(parents=True, exist_ok=True)
    stays = True
    try:
        yield work.resolve()
        stays = keep is not None
    except Interrupted:
        stays = keep is not None
        raise
    finally:
        if stays:
            console.print(f"Logs and CSV are in {work}", soft_wrap=True)
        else:
            shutil.rmtree(work)


def clear(place: Place) -> None:
    """Clear away what an earlier run left: its CSV gets a name of its own; its logs, pages and counts go.

    No other file is touched. The embedded broker forgets its topics, so that an earlier run's rows would never add up
    with this one's.
    """
    _set_aside(place.settings.csv_path)
    for summary in place.producer_summaries:
        summary.unlink(missing_ok=True)
    told = (*(path for pattern in _LOGS for path in place.logs.glob(pattern)), *place.pages.glob("*.prom"))
    for file in told:
        file.unlink()


def _set_aside(path: Path) -> None:
    """Rename a file to a name that carries a number that is free."""
    number = 1
    while (target := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        number += 1
    if path.exists():
        path.rename(target)
