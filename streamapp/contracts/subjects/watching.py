"""What is told of what goes on."""

from typing import Literal

from pydantic import BaseModel, Field


class Watching(BaseModel):
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
