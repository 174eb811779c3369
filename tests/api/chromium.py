"""Headless Chromium, to see pages as people do."""

import asyncio
from pathlib import Path

import debian


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
        debian.executable("chromium", "chromium", "google-chrome"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()
