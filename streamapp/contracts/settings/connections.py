"""Settings of connections: where the broker, Redis and the registry are, and how a part of ours shows who it is.

What does not fit together is refused, so that nobody takes a connection for safe that is not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import AliasChoices, Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streamapp.contracts.secret_files import DEFAULT, SecretFiles
from streamapp.contracts.tls import Identity
from streamapp.contracts.urls import split

PREFIX: Final = "STREAMAPP_"
_SASL: Final = ("sasl_username", "sasl_password")
_SSL: Final = ("ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_key_password")
_REDIS_SSL: Final = tuple(f"redis_{name}" for name in _SSL)
#: Values that take all security away again: for servers that have none, whatever the environment says.
OPEN: Final = {
    "security_protocol": "PLAINTEXT",
    **dict.fromkeys((*_SASL, *_SSL, "redis_username", "redis_password", *_REDIS_SSL), ""),
}


class ConnectionSettings(BaseSettings):
    """The settings of every client of ours."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    broker: str = Field(
        "localhost:9092", description="Bootstrap servers of the broker: `host:port`, several with commas."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How the broker is spoken to, by Kafka's names; see docs/security.md."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the password is shown to the broker, where the protocol has SASL."
    )
    sasl_username: str = Field("", description="User at the broker, where the protocol has SASL.")
    sasl_password: SecretStr = Field(SecretStr(""), description="That user's password.")
    ssl_ca_file: FilePath | None = Field(
        None,
        description="PEM file of the authorities that the broker's certificate is trusted by; else the system's.",
    )
    ssl_cert_file: FilePath | None = Field(
        None, description="PEM file of the certificate that is shown to the broker, where it asks for one."
    )
    ssl_key_file: FilePath | None = Field(
        None, description="PEM file of that certificate's key, where it is not in the same file."
    )
    ssl_key_password: SecretStr = Field(SecretStr(""), description="Password of that key, where it has one.")
    ssl_check_hostname: bool = Field(
        default=True, description="Whether the broker's certificate has to be for the name that it is reached by."
    )

    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="Redis or Valkey: `redis://[user:password@]host:port/db`; `rediss://` is TLS.",
    )
    redis_username: str = Field("", description="User at Redis, where the URL names none.")
    redis_password: SecretStr = Field(SecretStr(""), description="Password at Redis, where the URL has none.")
    redis_ssl_ca_file: FilePath | None = Field(
        None, description="PEM file of authorities that Redis's certificate is trusted by, beside the system's."
    )
    redis_ssl_cert_file: FilePath | None = Field(
        None, description="PEM file of the certificate that is shown to Redis, where it asks for one."
    )
    redis_ssl_key_file: FilePath | None = Field(
        None, description="PEM file of that certificate's key, where it is not in the same file."
    )
    redis_ssl_key_password: SecretStr = Field(SecretStr(""), description="Password of that key, where it has one.")
    redis_ssl_check_hostname: bool = Field(
        default=True, description="Whether Redis's certificate has to be for the name that it is reached by."
    )

    mlflow_tracking_uri: str = Field(
        "http://localhost:5001",
        validation_alias=AliasChoices("STREAMAPP_MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_URI"),
        description="MLflow server with the model registry; `STREAMAPP_MLFLOW_TRACKING_URI` stands above it.",
    )
    secrets_dir: Path = Field(
        DEFAULT,
        description="Folder with a file a setting, named as its variable, in capitals or not: for passwords above "
        "all. Variables and `.env` stand above it.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # its folder is fixed
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from, the first of them above the others."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)

    @field_validator("broker")
    @classmethod
    def _bootstrap_servers(cls, value: str) -> str:
        """Accept URLs too (`kafka://a:9092;b:9092`), and name the part that is no address."""
        if "@" in value:
            raise ValueError("has an @; a user belongs in STREAMAPP_SASL_USERNAME, not among the addresses")
        servers = [part.split("://")[-1].strip().rstrip("/") for part in value.replace(";", ",").split(",")]
        for server in servers:
            host, _, port = server.rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004  # the last TCP port
                raise ValueError(f"{server!r} is no host:port")
        return ",".join(servers)

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr) -> SecretStr:
        if split(value.get_secret_value()).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("mlflow_tracking_uri")
    @classmethod
    def _registry_url(cls, value: str) -> str:
        if value.startswith(("http://", "https://")):  # others are MLflow's to understand
            split(value)
        return value

    @field_validator(*_SSL[:3], *_REDIS_SSL[:3], mode="before")
    @classmethod
    def _none_where_empty(cls, value: Any) -> Any:
        return value or None

    @model_validator(mode="after")
    def _secured_as_asked(self) -> Self:
        if found := "; ".join((*self._kafka_problems(), *self._redis_problems())):
            raise ValueError(found)
        return self

    @property
    def bootstrap_servers(self) -> list[str]:
        """Addresses of the broker, `host:port` each."""
        return self.broker.split(",")

    @property
    def uses_sasl(self) -> bool:
        """Whether the broker asks for a user and a password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_ssl(self) -> bool:
        """Whether the connection to the broker is TLS."""
        return self.security_protocol.endswith("SSL")

    @property
    def kafka_identity(self) -> Identity:
        """What is trusted and shown where the connection to the broker is TLS."""
        files = self.ssl_ca_file, self.ssl_cert_file, self.ssl_key_file
        return Identity(*files, self.ssl_key_password, self.ssl_check_hostname)

    @property
    def redis_identity(self) -> Identity:
        """What is trusted and shown where the connection to Redis is TLS."""
        files = self.redis_ssl_ca_file, self.redis_ssl_cert_file, self.redis_ssl_key_file
        return Identity(*files, self.redis_ssl_key_password, self.redis_ssl_check_hostname)

    def _kafka_problems(self) -> Iterator[str]:
        protocol = f"STREAMAPP_SECURITY_PROTOCOL is {self.security_protocol}"
        if self.uses_sasl and (missing := [name for name in _SASL if not getattr(self, name)]):
            yield f"{_variables(missing)}: missing, while {protocol}"
        if not self.uses_sasl and (idle := self._given(*_SASL)):
            yield f"{_variables(idle)}: of no use while {protocol}; set it to SASL_SSL"
        if not self.uses_ssl and (idle := self._given(*_SSL)):
            yield f"{_variables(idle)}: of no use while {protocol}; set it to SASL_SSL or SSL"
        if self.uses_ssl:
            yield from _tls_problems(self.kafka_identity, "STREAMAPP_SSL")

    def _redis_problems(self) -> Iterator[str]:
        url = split(self.redis_url.get_secret_value())
        if url.password is not None and (twice := self._given("redis_username", "redis_password")):
            yield f"{_variables(twice)}: STREAMAPP_REDIS_URL has a password already; give one of the two"
        if self.redis_username and not self.redis_password:
            yield "STREAMAPP_REDIS_PASSWORD: missing, while STREAMAPP_REDIS_USERNAME is given"
        if "ssl_" in url.query:
            yield "STREAMAPP_REDIS_URL: has options of TLS; they belong in STREAMAPP_REDIS_SSL_*"
        if url.scheme != "rediss" and (idle := self._given(*_REDIS_SSL)):
            yield f"{_variables(idle)}: of no use while STREAMAPP_REDIS_URL does not start with rediss://"
        if url.scheme == "rediss":
            yield from _tls_problems(self.redis_identity, "STREAMAPP_REDIS_SSL")

    def _given(self, *names: str) -> list[str]:
        return [name for name in names if getattr(self, name)]


def _tls_problems(identity: Identity, variables: str) -> Iterator[str]:
    if identity.key is not None and identity.cert is None:
        yield f"{variables}_KEY_FILE: of no use without {variables}_CERT_FILE"
    try:
        identity.context()
    except ValueError as exc:
        yield f"{variables}_*_FILE: {exc}"


def _variables(names: list[str]) -> str:
    return ", ".join(PREFIX + name.upper() for name in names)
