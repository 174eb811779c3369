"""Files that are replaced as a whole, so that nobody ever reads a part of one."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file in one step, and to the disk: who reads it sees the old or the new one, also after a power cut.

    Args:
        path: The file; its folder has to be there.
        content: All that it is to have.
        mode: Its permissions, where there is none yet; by default it is its owner's alone. One that is there keeps
            its owner and its permissions: who reads it is often not who changes it.

    Raises:
        OSError: It cannot be written, or not be given to its owner. What was there is as it was, and nothing lies
            beside it.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                before = path.stat()
                os.fchown(descriptor, before.st_uid, before.st_gid)
                mode = stat.S_IMODE(before.st_mode)
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
