"""Where the sinks keep what they copy."""

from pathlib import Path

from pydantic import BaseModel, Field


class StoreSettings(BaseModel):
    """Redis, the CSV audit, and the page of their worker."""

    redis_requests_stream: str = Field("mlops_stream", description="Redis Stream that mirrors the requests.")
    redis_predictions_stream: str = Field("mlops_predictions", description="Redis Stream that mirrors predictions.")
    redis_prefix: str = Field("streamapp:", description="Prefix of our other keys in Redis.")
    prediction_ttl: int = Field(
        86_400, ge=1, description="Seconds that `GET /predictions/{id}` finds a prediction in Redis."
    )
    csv_path: Path = Field(Path("predicciones.csv"), description="Audit file with one line a prediction.")
    sinks_web_host: str = Field(
        "127.0.0.1",
        description="Address that the sinks' own page listens on; where Prometheus is elsewhere, `0.0.0.0`.",
    )
    sinks_web_port: int = Field(
        6067, ge=0, le=65535, description="Port of the sinks' own page; where it is taken, a free one."
    )
