"""Headless Chromium, to see pages as people do."""

import asyncio
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest


@cache
def executable() -> str:
    """Return the path of Chromium.

    Where there is none it skips; on a machine that checks changes it installs Debian's, and fails where it cannot.
    """
    if found := _found():
        return found
    if os.environ.get("CI", "").lower() not in {"1", "true"}:
        pytest.skip("there is no Chromium on the PATH: apt-get install chromium")
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in ("update", "install --yes --no-install-recommends chromium"):
            subprocess.run(["apt-get", "-qq", *command.split()], check=False, stdout=subprocess.DEVNULL, timeout=400)
    return _found() or pytest.fail("there is no Chromium on the PATH, and it could not be installed")


def _found() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


async def show(url: str, profile: Path) -> str:
    """Return a page as it is once its scripts have run, in a browser that reaches nothing but this machine."""
    arguments = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-sync",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        url,
    )
    process = await asyncio.create_subprocess_exec(
        executable(), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()
