"""MLflow: whether it answers, and is as new as its client here."""

from importlib import metadata

import httpx

from streamapp.contracts.shown import masked
from streamapp.doctor.findings import Fault, Finding, Seen, error, warning
from streamapp.doctor.visit import Looks, Visit
from streamapp.doctor.web import get_mlflow, nobody


async def look(visit: Visit) -> Looks:
    """Ask MLflow for its version, with the credentials that its client has: a gateway may want them."""
    given = visit.settings.mlflow_tracking_uri
    uri = masked(given)
    if not given.startswith(("http://", "https://")):
        yield Seen(f"{uri}, which is no server")
        return
    try:
        answer = await get_mlflow(f"{given.rstrip('/')}/version", visit.patience)
    except (httpx.HTTPError, OSError) as exc:
        yield error(
            Fault.MLFLOW_UNREACHABLE,
            f"MLFLOW_TRACKING_URI={uri}",
            nobody(given, exc) if isinstance(exc, httpx.HTTPError) else str(exc),
            "Start it (docker compose up --wait; streamapp demo has one of its own), or correct MLFLOW_TRACKING_URI. "
            "Meanwhile workers go on with the models that they have.",
        )
        return
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        yield refused(uri, answer)
    elif not (answer.is_success and answer.text[:1].isdigit()):
        yield error(
            Fault.MLFLOW_UNREACHABLE,
            f"MLFLOW_TRACKING_URI={uri}",
            f"What answers there is no MLflow: it says {answer.status_code} to /version.",
            "Correct MLFLOW_TRACKING_URI; MLflow's own default port, 5000, is often that of another program.",
        )
    else:
        yield Seen(f"{uri}: MLflow {answer.text.strip()}")
        for finding in older(uri, answer.text.strip(), _installed()):
            yield finding


def refused(uri: str, answer: httpx.Response) -> Finding:
    """Return the error of an MLflow that does not let us in."""
    return error(
        Fault.MLFLOW_REFUSES,
        f"MLFLOW_TRACKING_URI={uri}",
        f"It says {answer.status_code}: {answer.text[:100]}",
        "Give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; where it speaks of "
        "the host, add that to its --allowed-hosts.",
    )


def older(uri: str, server: str, client: str) -> list[Finding]:
    """Return a warning where a server is older than the client that speaks with it.

    Args:
        uri: Where it is.
        server: Its version.
        client: Version of the client; "" where there is none.
    """
    if not client or _minor(server) >= _minor(client):
        return []
    return [
        warning(
            Fault.MLFLOW_VERSION,
            f"MLFLOW_TRACKING_URI={uri}",
            f"The server is MLflow {server}, the client here {client}: it may ask for what the server does not know.",
            f"Upgrade the server to {client}.",
        )
    ]


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _installed() -> str:
    try:
        return metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        return ""
