"""Settings: environment variables `STREAMAPP_*` (and `MLFLOW_TRACKING_URI`), or a `.env` file.

Frozen once read. `streamapp config` prints what is in force and where each value came from.
"""

import socket
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streamapp.contracts.errors import SettingsError

PREFIX: Final = "STREAMAPP_"


class Settings(BaseSettings):
    """Everything that can be set. Each field is the environment variable `STREAMAPP_` + its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    broker: str = Field(
        "localhost:9092", description="Bootstrap servers of the broker: `host:port`, several with commas."
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="Redis or Valkey: `redis://[user:password@]host:port/db`.",
    )
    mlflow_tracking_uri: str = Field(
        "http://localhost:5001",
        validation_alias=AliasChoices("STREAMAPP_MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_URI"),
        description="MLflow server with the model registry; `STREAMAPP_MLFLOW_TRACKING_URI` stands above it.",
    )

    processing_guarantee: Literal["auto", "exactly_once", "at_least_once"] = Field(
        "auto",
        description="`exactly_once`: outputs and input offsets in one transaction a batch. `at_least_once`: offsets "
        "after the outputs' acknowledgement; a repeat can appear after a crash. `auto`: `exactly_once` where the "
        "broker has transactions.",
    )
    group: str = Field(
        "streamapp",
        min_length=1,
        description="Consumer group of the scoring workers, and the Faust app's id.",
    )
    input_topic: str = Field("mlops_stream", description="Topic that requests arrive on.")
    predictions_topic: str = Field("predictions", description="Topic that predictions go to.")
    dead_letters_topic: str = Field("dead_letters", description="Topic that refused records go to.")
    redriven_topic: str = Field("redriven", description="Topic that says which dead letters were redriven.")
    models_topic: str = Field("models", description="Compacted topic with one card a served model.")
    switches_topic: str = Field(
        "model_switches", description="Topic that says from which offset on a model's version is used."
    )
    status_topic: str = Field(
        "model_status", description="Compacted topic with what each worker says of its models, e.g. why not of one."
    )
    replies_topic: str = Field("replies", description="Topic that answers to `POST /predict` come back on.")
    model_topics: dict[str, str] = Field(
        default={"marketplace": "mlops_stream_marketplace"},
        description="Topics of their own for slow models: alias to topic, as JSON. Others share the input topic.",
    )
    partitions: int = Field(4, ge=1, description="Partitions of the topics, where they are created.")
    reply_partitions: int = Field(
        16, ge=1, description="Partitions of the replies topic, where it is created: one for each edge at least."
    )
    replication: int = Field(1, ge=1, description="Replicas of the topics, where they are created.")
    retention_days: int = Field(7, ge=1, description="Days that the topics keep records, where they are created.")

    models: dict[str, str] = Field(
        default={
            "svm": "SVC",
            "knn": "Knn_Classifier",
            "lightgbm": "LightGBM_Classifier",
            "marketplace": "AutoGluon_Marketplace",
        },
        min_length=1,
        description="Served models: alias to name in the registry, as JSON. Others are served under the alias that "
        "the tag `streamapp.alias` of the registered model gives.",
    )
    default_model: str = Field("svm", description="Alias used where a request names none.")
    registry_alias: str = Field(
        "champion",
        description="Registry alias whose version is served; where it is not set, the newest version.",
    )
    registry_interval: float = Field(
        1.0, gt=0, description="Seconds between looks at the registry: a moved alias is noticed within them."
    )

    quick_models: Literal["auto", "off"] = Field(
        "auto",
        description="`auto`: a model is computed in a quicker way than its library's where that answers the same and "
        "is quicker on this machine. `off`: by its library.",
    )

    max_batch_records: int = Field(
        2000, ge=1, description="Most records of one fetch; those of one partition are scored together."
    )
    max_rows: int = Field(10_000, ge=1, description="Most rows of one request.")
    predict_timeout: float = Field(
        3.0,
        gt=0,
        description="Seconds that a model may take for the requests that wait for it together, under the rebalance "
        "timeout; what it has not answered by then becomes a dead letter.",
    )
    max_attempts: int = Field(
        5, ge=1, description="Times that a record may fail before `streamapp dlq redrive` leaves it where it is."
    )
    max_lag: int = Field(
        1_000_000,
        ge=1,
        description="Records that may wait for the workers; beyond that the edge answers 503 until they caught up.",
    )
    liveness_timeout: float = Field(
        60.0,
        gt=0,
        description="Seconds that records may wait without progress until a worker's `/livez` says that it hangs.",
    )
    max_record_bytes: int = Field(
        1_000_000,
        ge=1024,
        description="Largest record on a topic, in bytes; the broker's own bound is 1 MiB.",
    )
    session_timeout: float = Field(10.0, gt=0, description="Seconds without heartbeat until a worker is given up.")
    rebalance_timeout: float = Field(
        10.0, gt=0, description="Seconds that a rebalance waits for a worker; must exceed the slowest batch."
    )
    commit_interval: float = Field(0.5, gt=0, description="Seconds between commits of input offsets.")
    shutdown_timeout: float = Field(
        10.0, gt=0, description="Seconds that a part which is told to stop may take to finish what it has begun."
    )
    worker_web_port: int = Field(
        6066, ge=0, le=65535, description="Port of the worker's own page, on loopback; where it is taken, a free one."
    )
    worker_processes: int | Literal["auto"] = Field(
        1,
        description="Processes of `streamapp worker`, which share the partitions and one page. `auto`: one for each "
        "usable processor.",
    )

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

    redis_requests_stream: str = Field("mlops_stream", description="Redis Stream that mirrors the requests.")
    redis_predictions_stream: str = Field("mlops_predictions", description="Redis Stream that mirrors predictions.")
    redis_prefix: str = Field("streamapp:", description="Prefix of our other keys in Redis.")
    prediction_ttl: int = Field(
        86_400, ge=1, description="Seconds that `GET /predictions/{id}` finds a prediction in Redis."
    )
    csv_path: Path = Field(Path("predicciones.csv"), description="Audit file with one line a prediction.")

    var_dir: Path = Field(Path("var"), description="Folder for what the local stack keeps: registry, logs.")

    @field_validator("broker")
    @classmethod
    def _bootstrap_servers(cls, value: str) -> str:
        """Accept URLs too (`kafka://a:9092;b:9092`), and name the part that is no address."""
        servers = [part.split("://")[-1].strip().rstrip("/") for part in value.replace(";", ",").split(",")]
        for server in servers:
            host, _, port = server.rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004  # the last TCP port
                raise ValueError(f"{server!r} is no host:port")
        return ",".join(servers)

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("worker_processes", mode="before")
    @classmethod
    def _number_or_auto(cls, value: Any) -> Any:
        if value != "auto" and not (str(value).isdigit() and int(value) > 0):
            raise ValueError(f"{value!r} is neither auto nor a whole number above 0")
        return value

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

    def prediction_key(self, record_id: str) -> str:
        """Return the key in Redis under which a prediction is found by its request's id."""
        return f"{self.redis_prefix}prediction:{record_id}"

    @property
    def input_topics(self) -> tuple[str, ...]:
        """Every topic that requests arrive on, the shared one first."""
        return tuple(dict.fromkeys((self.input_topic, *self.model_topics.values())))

    def topic_of(self, alias: str) -> str:
        """Return the topic that requests for a model go to."""
        return self.model_topics.get(alias, self.input_topic)

    @property
    def bootstrap_servers(self) -> list[str]:
        """Addresses of the broker, `host:port` each."""
        return self.broker.split(",")


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
