"""Settings from files: one a setting, named as its variable, as Docker and Kubernetes mount secrets."""

from pathlib import Path
from typing import Any, Final

from pydantic_settings import BaseSettings, SecretsSettingsSource

#: Where Docker mounts secrets.
DEFAULT: Final = Path("/run/secrets")


class SecretFiles(SecretsSettingsSource):
    """The files of `secrets_dir`, a setting that variables and `.env` may change; none where there is no such folder.

    Surrounding white space is no part of a value: an editor ends a file with a line end.

    Args:
        settings_cls: The settings.
        folder: The folder, where nothing above says another.
    """

    def __init__(self, settings_cls: type[BaseSettings], folder: Path = DEFAULT) -> None:
        super().__init__(settings_cls)
        self._folder = folder

    def __call__(self) -> dict[str, Any]:
        """Return the values that files give, by field."""
        folder = Path(self.current_state.get("secrets_dir") or self._folder)
        self.secrets_dir = folder if folder.is_dir() else None
        return super().__call__()
