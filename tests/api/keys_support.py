"""An edge that asks for API keys."""

from collections.abc import Sequence
from pathlib import Path

import httpx

from streamapp.contracts.keys import ApiKey, Scope, encode_keys, new_key
from streamapp.contracts.settings import Settings

BOTH = (Scope.PREDICT, Scope.READ)


class KeyFile:
    """A file of keys.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: list[ApiKey] = []
        self.write()

    def add(self, name: str, scopes: Sequence[Scope] = BOTH, limit: str = "") -> str:
        """Add a key, as `streamapp keys add` does; return it."""
        made, token = new_key(name, scopes, limit)
        self._keys.append(made)
        self.write()
        return token

    def revoke(self, name: str) -> None:
        self._keys = [key for key in self._keys if key.name != name]
        self.write()

    def write(self) -> None:
        new = self.path.with_suffix(".new")
        new.write_bytes(encode_keys(self._keys))
        new.replace(self.path)


def with_keys(settings: Settings, tmp_path: Path) -> tuple[Settings, KeyFile]:
    """Return the settings of an edge that asks for keys, and their file."""
    file = KeyFile(tmp_path / "keys.jsonl")
    return settings.model_copy(update={"api_keys_file": file.path}), file


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")
