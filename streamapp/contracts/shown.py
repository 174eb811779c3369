"""Settings as they are shown: with where each came from, and without what is secret in them."""

import difflib
import os
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from streamapp.contracts.settings import PREFIX, Settings, aliases, variable

#: Variables under our prefix that are no settings: they steer the tests.
_NOT_OURS: Final = "STREAMAPP_TEST_"
#: redis-py takes a password in the query, too.
_PASSWORD_IN_QUERY: Final = re.compile(r"((?:^|&)password=)[^&]*")


class Setting(msgspec.Struct, frozen=True):
    """One setting as `streamapp config` shows it.

    Attributes:
        name: Environment variable.
        value: Value in force, secrets masked.
        source: `environment`, `.env` or `default`.
        description: What it does.
    """

    name: str
    value: str
    source: str
    description: str


def describe(settings: Settings) -> list[Setting]:
    """Return every setting with its value (secrets masked) and where it came from."""
    cls = type(settings)
    environment, dotenv = set(EnvSettingsSource(cls)()), set(DotEnvSettingsSource(cls)())
    rows = []
    for name, field in cls.model_fields.items():
        keys = {name, *aliases(name)}
        source = "environment" if keys & environment else ".env" if keys & dotenv else "default"
        rows.append(Setting(variable(name), masked(getattr(settings, name)), source, field.description or ""))
    return rows


def unknown_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return variables under our prefix that no setting has, each with the nearest one that exists."""
    known = {variable(name) for name in Settings.model_fields} | {"STREAMAPP_MLFLOW_TRACKING_URI"}
    strays = (name for name in environ if name.startswith(PREFIX) and not name.startswith(_NOT_OURS))
    return {name: difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0] for name in strays if name not in known}


def masked(value: Any) -> str:
    """Return a value as text that may be shown: passwords in URLs and secrets are masked."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, dict):
        return msgspec.json.encode(text).decode()
    text = str(text)
    if "://" not in text:
        return text
    parts = urlsplit(text)
    netloc = parts.netloc
    if parts.password is not None:
        netloc = f"{parts.username or ''}:****@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, query=_PASSWORD_IN_QUERY.sub(r"\1****", parts.query)))
