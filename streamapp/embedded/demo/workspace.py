"""The folder of a run: kept where asked for, and where something went wrong."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from streamapp.embedded.demo.stop import Interrupted


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
