"""Settings as they are shown: with where each came from, and without what is secret in them."""

import difflib
import os
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlunsplit

import msgspec
from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from streamapp.contracts.secret_files import SecretFiles
from streamapp.contracts.settings import Settings, aliases, variable
from streamapp.contracts.settings.connections import PREFIX
from streamapp.contracts.urls import split

#: Variables under our prefix that are no settings: they steer the tests.
_NOT_OURS: Final = "STREAMAPP_TEST_"
#: redis-py takes a password in the query, too.
_PASSWORD_IN_QUERY: Final = re.compile(r"((?:^|&)password=)[^&]*")
#: Secrets of which more than the password may be shown.
_REDIS_URL: Final = re.compile(r"(?:rediss?|unix)://")


class Setting(msgspec.Struct, frozen=True):
    """One setting as `streamapp config` shows it.

    Attributes:
        name: Environment variable.
        value: Value in force, secrets masked.
        source: `environment`, `.env`, `file` or `default`.
        description: What it does.
    """

    name: str
    value: str
    source: str
    description: str


def describe(settings: Settings) -> list[Setting]:
    """Return every setting with its value (secrets masked) and where it came from."""
    cls = type(settings)
    sources = {
        "environment": EnvSettingsSource(cls)(),
        ".env": DotEnvSettingsSource(cls)(),
        "file": SecretFiles(cls, settings.secrets_dir)(),
    }
    rows = []
    for name, field in cls.model_fields.items():
        keys = {name, *aliases(name)}
        source = next((source for source, values in sources.items() if keys & values.keys()), "default")
        rows.append(Setting(variable(name), masked(getattr(settings, name)), source, field.description or ""))
    return rows


def unknown_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return variables under our prefix that no setting has, each with the nearest one that exists.

    Args:
        environ: Variables; None: those of this process and of `.env`.
    """
    if environ is None:
        environ = _environment()
    known = {choice for name in Settings.model_fields for choice in (variable(name), *aliases(name))}
    strays = (name for name in environ if name.startswith(PREFIX) and not name.startswith(_NOT_OURS))
    return {name: difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0] for name in strays if name not in known}


def given_as(name: str) -> str:
    """Return the environment variable that a field is given by; that which the documentation names, if by none."""
    environ = _environment()
    return next((choice for choice in aliases(name) if choice in environ), variable(name))


def _environment() -> dict[str, str]:
    """Return the variables of this process, and those of `.env` without their values."""
    return {**{name.upper(): "" for name in DotEnvSettingsSource(Settings).env_vars}, **os.environ}


def masked(value: Any) -> str:
    """Return a value as text that may be shown: passwords in URLs and secrets are masked, None is "".

    Of a URL in which a password cannot be told from the rest, only the scheme is left.
    """
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, dict):
        return msgspec.json.encode(text).decode()
    text = "" if text is None else str(text)
    if isinstance(value, SecretStr) and not _REDIS_URL.match(text):
        return text and "****"
    if "://" not in text:
        return text
    try:
        parts = split(text)
    except ValueError:
        return f"{text.partition('://')[0]}://****"
    netloc = parts.netloc
    if parts.password is not None:
        netloc = f"{parts.username or ''}:****@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, query=_PASSWORD_IN_QUERY.sub(r"\1****", parts.query)))
