"""Settings with names that no other test uses, and as variables for the processes of a test."""

import uuid
from pathlib import Path

import msgspec
from pydantic import SecretStr

from streamapp.contracts.settings import Settings, load_settings, variable


def unique_settings(broker: str, redis_url: str, tmp_path: Path) -> Settings:
    """Return settings with names that no other test uses."""
    unique = uuid.uuid4().hex[:8]
    return load_settings(
        broker=broker,
        redis_url=redis_url,
        group=f"group-{unique}",
        input_topic=f"requests-{unique}",
        model_topics={"marketplace": f"requests-marketplace-{unique}"},
        predictions_topic=f"predictions-{unique}",
        dead_letters_topic=f"dead-{unique}",
        redriven_topic=f"redriven-{unique}",
        models_topic=f"models-{unique}",
        switches_topic=f"switches-{unique}",
        status_topic=f"status-{unique}",
        replies_topic=f"replies-{unique}",
        redis_requests_stream=f"requests-{unique}",
        redis_predictions_stream=f"predictions-{unique}",
        redis_prefix=f"test-{unique}:",
        csv_path=tmp_path / "predicciones.csv",
        var_dir=tmp_path / "var",
        session_timeout=6.0,
        rebalance_timeout=4.0,
    )


def environment(settings: Settings) -> dict[str, str]:
    """Return settings as the variables of a process that is to have the same."""
    values = settings.model_dump(mode="json", exclude_none=True)
    values |= {name: value.get_secret_value() for name, value in settings if isinstance(value, SecretStr)}
    return {
        variable(name): value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in values.items()
    }
