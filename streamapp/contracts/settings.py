"""Settings: environment variables `STREAMAPP_*` (and `MLFLOW_TRACKING_URI`), files of secrets, or a `.env` file.

Frozen once read. `streamapp config` prints what is in force and where each value came from.
"""

import socket
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import SettingsError as UnreadableValue

from streamapp.contracts.connections import PREFIX, Connections
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.rates import PATTERN as RATE


class Settings(Connections):
    """Everything that can be set. Each field is the environment variable `STREAMAPP_` + its name in capitals."""

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

    model_manifests: Annotated[Path | None, BeforeValidator(lambda path: path or None)] = Field(
        None,
        description="Folder with the manifests of trusted models, which nobody who can write artifacts can write; "
        "`streamapp train` and `streamapp models trust` add to it. (default: none)",
    )
    trusted_models: Literal["auto", "enforce", "warn", "off"] = Field(
        "auto",
        description="`enforce`: only models whose files are as their manifest says are loaded. `warn`: others are "
        "too, and the log says so. `auto`: `enforce` where `STREAMAPP_MODEL_MANIFESTS` is set, else `warn`.",
    )
    max_model_bytes: int = Field(
        2_000_000_000, ge=1, description="Largest model, all its files together; a larger one is not fetched."
    )

    max_batch_records: int = Field(
        2000, ge=1, description="Most records of one fetch; those of one partition are scored together."
    )
    max_rows: int = Field(10_000, ge=1, description="Most rows of one request.")
    max_fields: int = Field(
        1_000, ge=1, description="Most fields of one row; a model with more features takes as many as it has."
    )
    max_depth: int = Field(
        32, ge=2, description="Most levels of arrays and objects in the rows of a request; plain rows have two."
    )
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
    worker_web_host: str = Field(
        "127.0.0.1",
        description="Address that the worker's own page listens on; where probes come from elsewhere, `0.0.0.0`.",
    )
    worker_web_port: int = Field(
        6066, ge=0, le=65535, description="Port of the worker's own page; where it is taken, a free one."
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

    redis_requests_stream: str = Field("mlops_stream", description="Redis Stream that mirrors the requests.")
    redis_predictions_stream: str = Field("mlops_predictions", description="Redis Stream that mirrors predictions.")
    redis_prefix: str = Field("streamapp:", description="Prefix of our other keys in Redis.")
    prediction_ttl: int = Field(
        86_400, ge=1, description="Seconds that `GET /predictions/{id}` finds a prediction in Redis."
    )
    csv_path: Path = Field(Path("predicciones.csv"), description="Audit file with one line a prediction.")

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

    var_dir: Path = Field(Path("var"), description="Folder for what the local stack keeps: registry, logs.")

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
