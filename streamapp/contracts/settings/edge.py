"""How the edge listens, whom it admits, and what it takes."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr
from pydantic.functional_validators import BeforeValidator

from streamapp.contracts.rates import PATTERN as RATE


class EdgeSettings(BaseModel):
    """The edge."""

    api_host: str = Field("127.0.0.1", description="Address that the edge listens on.")
    api_port: int = Field(8800, ge=0, le=65535, description="Port that the edge listens on.")
    api_also_port: int | None = Field(
        None, ge=0, le=65535, description="A second port that the edge listens on, e.g. 5000. (default: none)"
    )
    predict_deadline: float = Field(
        9.0,
        gt=0,
        description="Seconds from its arrival that `POST /predict` waits for the prediction, unless the request asks "
        "for others with `Prefer: wait=SECONDS`; the older system's client gives up after 10.",
    )
    publish_timeout: float = Field(
        1.5,
        gt=0,
        description="Seconds that the edge waits for the broker's acknowledgement before it answers 503.",
    )
    max_body_bytes: int = Field(900_000, ge=1, description="Largest request body at the edge, in bytes.")
    request_timeout: float = Field(
        30.0,
        gt=0,
        description="Seconds within which a request has to arrive at the edge, from its first byte to its last; of a "
        "body of lines, each line. As long an answer waits for its client to read on.",
    )
    max_connections: int = Field(
        4096, ge=1, description="Connections that the edge keeps open; above it, new ones are answered with 503."
    )
    api_keys_file: Annotated[Path | None, BeforeValidator(lambda path: path or None)] = Field(
        None,
        description="File of the API keys, from `streamapp keys add`; without it none are asked for. (default: none)",
    )
    api_key: SecretStr = Field(SecretStr(""), description="API key that `streamapp produce` sends to the edge.")
    rate_limit: str = Field(
        "off",
        pattern=f"^(?:off|{RATE})$",
        description="Most requests, and lines of bulk requests, of one API key without a limit of its own, e.g. "
        "`100/second` (or `minute`, `hour`, `day`); without keys, of one client address. `off`: any number.",
    )
    idempotency_ttl: int = Field(
        86_400, ge=1, description="Seconds that a request with an `Idempotency-Key` can be repeated without effect."
    )
