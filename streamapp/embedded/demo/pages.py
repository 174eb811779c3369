"""Keeps what the parts of a run said at the end on their pages of metrics."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx


async def keep(pages: Mapping[str, str], folder: Path) -> None:
    """Write the page of each part to a file, `NAME.prom`; none of a part that does not answer.

    Args:
        pages: URL of each page, by the name of the part.
        folder: Where the files go.
    """
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        answers = await asyncio.gather(*map(client.get, pages.values()), return_exceptions=True)
    given = zip(pages, answers, strict=True)
    _write(folder, {name: one.content for name, one in given if isinstance(one, httpx.Response) and one.is_success})


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.prom").write_bytes(content)
