"""What is told of what goes on."""

from typing import Literal

from pydantic import AliasChoices, BaseModel, Field


class ObservabilitySettings(BaseModel):
    """Logs and traces."""

    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        description="`json`: each line of the log is an object. `console`: text for a person. `auto`: text on a "
        "terminal, else JSON.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="Least level of what is logged. `debug` has a line for each record; else those have one whose "
        "`traceparent` is sampled, and those that were refused.",
    )
    otlp_endpoint: str = Field(
        "",
        validation_alias=AliasChoices("STREAMAPP_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="OpenTelemetry collector that edge and worker send their spans to over HTTP (no gRPC), e.g. "
        "`http://localhost:4318`; `STREAMAPP_OTLP_ENDPOINT` stands above it. (default: none, no spans)",
    )
    trace_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of the requests without a `traceparent` that the edge begins a trace for, where spans are "
        "sent. Else the caller's flag says whether a trace is sampled.",
    )
