"""The edge and a worker's page: whether they answer, and what they say of themselves."""

import asyncio
from typing import Any, Final

import httpx

from streamapp.contracts.shown import masked
from streamapp.doctor.findings import Fault, Finding, Said, Seen, error, note, warning
from streamapp.doctor.visit import Looks, Visit
from streamapp.doctor.web import fields, get, nobody

_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # where one listens is not where one asks


def address(visit: Visit) -> str:
    """Return where the edge is looked for."""
    settings = visit.settings
    return (visit.edge or f"http://{_asked(settings.api_host)}:{settings.api_port}").rstrip("/")


def _asked(host: str) -> str:
    """Return the host at which one asks who listens on a host, as a URL has it."""
    asked = _ANYWHERE.get(host, host)
    return f"[{asked}]" if ":" in asked else asked


async def look(visit: Visit) -> Looks:
    """Ask the edge whether it is ready, and what listens on the other ports of ours on this machine."""
    settings = visit.settings
    looks = [_edge(visit), _worker(visit)]
    if visit.edge is None and settings.api_also_port:
        looks.append(_also(visit, settings.api_also_port))
    for said in await asyncio.gather(*looks):
        for one in said:
            yield one


async def _edge(visit: Visit) -> list[Said]:
    url = address(visit)
    try:
        answer = await get(f"{url}/readyz", visit.patience, direct=visit.edge is None)
    except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
        return [_absent(visit, masked(url), nobody(url, exc))]
    except httpx.HTTPError as exc:
        return [_stranger(visit, masked(url), nobody(url, exc))]
    checks = fields(answer).get("checks")
    if not isinstance(checks, dict):
        return [_stranger(visit, masked(url), f"It says {answer.status_code} to /readyz, as no edge of ours does.")]
    return [*ready(masked(url), checks, is_ready=answer.is_success)]


def ready(url: str, checks: dict[str, Any], *, is_ready: bool) -> list[Said]:
    """Return what an edge says of itself.

    Args:
        url: Where it is, as it may be shown.
        checks: What it looks at, by name: `ok` and `detail`.
        is_ready: Whether it takes requests.
    """
    wrong = {name: check.get("detail", "") for name, check in checks.items() if not check.get("ok")}
    say = warning if is_ready else error
    found: list[Said] = [
        say(Fault.EDGE_NOT_READY, f"edge {url}", f"{name}: {detail}.".replace("..", "."), _MENDS.get(name, _LOG))
        for name, detail in wrong.items()
    ]
    return [*found, *([Seen(f"{url} is ready")] if is_ready else [])]


_LOG: Final = "See the edge's log."
_MENDS: Final = {
    "broker": "See what is said of the broker here; where that is well, the edge has another STREAMAPP_BROKER.",
    "models": "See what is said of workers and models here; a worker has to serve one.",
    "lag": "See what is said of workers and lag here.",
    "replies": "See whether the replies topic has a partition for each edge (STREAMAPP_REPLY_PARTITIONS).",
}


def _absent(visit: Visit, url: str, why: str) -> Finding:
    if visit.edge is None:
        return note(
            Fault.EDGE_UNREACHABLE,
            f"edge {url}",
            "No edge listens here.",
            "Where one runs elsewhere, say so with --edge URL; to start one here:",
            "streamapp api",
        )
    return error(
        Fault.EDGE_UNREACHABLE,
        f"edge {url}",
        why,
        "Start it (streamapp api), or correct --edge.",
    )


def _stranger(visit: Visit, url: str, what: str) -> Finding:
    if visit.edge is None:
        return _taken("STREAMAPP_API_PORT", visit.settings.api_port, what)
    return error(
        Fault.EDGE_UNREACHABLE,
        f"edge {url}",
        f"Something answers there, and it is no edge. {what}",
        "Correct --edge.",
    )


async def _also(visit: Visit, port: int) -> list[Said]:
    """Look at the edge's second port."""
    url = f"http://{_asked(visit.settings.api_host)}:{port}"
    try:
        answer = await get(f"{url}/livez", visit.patience, direct=True)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return []
    except httpx.HTTPError as exc:
        return [_taken("STREAMAPP_API_ALSO_PORT", port, nobody(url, exc))]
    if fields(answer).get("status") == "alive":
        return [Seen(f"port {port} too")]
    return [
        _taken("STREAMAPP_API_ALSO_PORT", port, f"It says {answer.status_code} to /livez, as no edge of ours does.")
    ]


def _taken(setting: str, port: int, what: str) -> Finding:
    return error(
        Fault.PORT_TAKEN,
        f"{setting}={port}",
        f"Another program listens on port {port}, so that the edge cannot. {what}",
        f"End that program, or set {setting} to another port.",
        f"ss -ltnp 'sport = :{port}'",
    )


async def _worker(visit: Visit) -> list[Said]:
    """Look at the page of a worker on this machine; where something else has the port, it has taken another."""
    port = visit.settings.worker_web_port
    try:
        url = f"http://{_asked(visit.settings.worker_web_host)}:{port}"
        answer = await get(f"{url}/livez", visit.patience, direct=True)
    except httpx.HTTPError:
        return []
    said = fields(answer)
    if said.get("status") != "hung":
        return []
    return [
        error(
            Fault.WORKER_HUNG,
            f"worker at port {port} (STREAMAPP_WORKER_WEB_PORT)",
            f"It hangs: {said.get('detail')}.",
            "Start it again: what it has begun is done again, and nothing is lost. Its log says what it did last.",
        )
    ]
