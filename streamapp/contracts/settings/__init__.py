"""Settings: environment variables `STREAMAPP_*` (and `MLFLOW_TRACKING_URI`), files of secrets, or a `.env` file.

Frozen once read. `streamapp config` prints what is in force and where each value came from.
"""

import socket
from pathlib import Path
from typing import Any, Self

from pydantic import AliasChoices, Field, ValidationError, model_validator
from pydantic_settings import SettingsError as UnreadableValue

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings.connections import PREFIX, ConnectionSettings
from streamapp.contracts.settings.edge import EdgeSettings
from streamapp.contracts.settings.flow import FlowSettings
from streamapp.contracts.settings.models import ModelSettings
from streamapp.contracts.settings.observability import ObservabilitySettings
from streamapp.contracts.settings.stores import StoreSettings
from streamapp.contracts.settings.worker import WorkerSettings


# The last class comes first wherever settings are listed.
class Settings(
    ObservabilitySettings,
    StoreSettings,
    EdgeSettings,
    WorkerSettings,
    ModelSettings,
    FlowSettings,
    ConnectionSettings,
):
    """Everything that can be set. Each field is the environment variable `STREAMAPP_` + its name in capitals."""

    var_dir: Path = Field(Path("var"), description="Folder for what the local stack keeps: registry, logs.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.default_model not in self.models:
            raise ValueError(f"default_model {self.default_model!r} is none of the models: {', '.join(self.models)}")
        outputs = {
            self.predictions_topic,
            self.dead_letters_topic,
            self.replies_topic,
            self.models_topic,
            self.switches_topic,
            self.status_topic,
            self.redriven_topic,
        }
        if both := outputs & set(self.input_topics):
            raise ValueError(f"{', '.join(sorted(both))} cannot be read for requests and written to")
        if self.trusted_models == "enforce" and self.model_manifests is None:
            raise ValueError("trusted_models is enforce, and model_manifests names no folder of manifests")
        if self.predict_timeout >= self.rebalance_timeout:
            raise ValueError(
                f"predict_timeout ({self.predict_timeout:g} s) must be below rebalance_timeout "
                f"({self.rebalance_timeout:g} s), or a model that hangs costs the worker its partitions"
            )
        return self

    @property
    def max_output_bytes(self) -> int:
        """Largest record on an output topic: a prediction repeats its request's rows and says more of each."""
        return 4 * self.max_record_bytes

    def prediction_key(self, record_id: str, owner: str = "") -> str:
        """Return the key in Redis under which a prediction is found by its request's id, and by whose it is."""
        place = f"owned:{owner}" if owner else "prediction"
        return f"{self.redis_prefix}{place}:{record_id}"

    @property
    def input_topics(self) -> tuple[str, ...]:
        """Every topic that requests arrive on, the shared one first."""
        return tuple(dict.fromkeys((self.input_topic, *self.model_topics.values())))

    def topic_of(self, alias: str) -> str:
        """Return the topic that requests for a model go to."""
        return self.model_topics.get(alias, self.input_topic)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Args:
        **overrides: Values that stand above the environment, by field name.

    Raises:
        SettingsError: A value is wrong; the message names its variable and says what is wrong with it.
    """
    try:
        return Settings(**overrides)
    except ValidationError as exc:
        problems = [f"{_variable(error['loc'])}: {error['msg']}" for error in exc.errors(include_input=False)]
        raise SettingsError("; ".join(problems)) from None
    except UnreadableValue as exc:  # a mapping that is no JSON, a file that is not ours to read
        raise SettingsError(f"{exc}: {exc.__cause__}") from None


def variable(name: str) -> str:
    """Return the environment variable of a field."""
    return aliases(name)[-1] if aliases(name) else PREFIX + name.upper()


def client_id(role: str) -> str:
    """Return the name under which a part of ours shows at the broker."""
    return f"streamapp-{role}-{socket.gethostname()}"


def aliases(name: str) -> tuple[str, ...]:
    """Return the environment variables of a field that has others than its own name makes."""
    alias = Settings.model_fields[name].validation_alias
    return tuple(str(choice) for choice in alias.choices) if isinstance(alias, AliasChoices) else ()


def _variable(location: tuple[int | str, ...]) -> str:
    if not location:
        return "settings"
    name = str(location[0])
    return variable(name) if name in Settings.model_fields else name
