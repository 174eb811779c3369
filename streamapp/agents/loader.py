"""The port to a registry of models."""

from collections.abc import Mapping
from typing import Protocol

from streamapp.contracts.card import ModelCard
from streamapp.scoring.model import Model


class Version(Protocol):
    """What an alias is to be served with."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def version(self) -> str:
        """Version in the registry."""


class Loader(Protocol):
    """What the worker asks of a registry; `runtimes.loader` is the one for MLflow. Its calls block."""

    def wanted(self) -> Mapping[str, Version]:
        """Return what each alias is to be served with.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """

    def load(self, alias: str, name: str, version: str, before: ModelCard | None) -> Model:
        """Load a version and try it; also on the example of the version that is served now.

        Raises:
            ModelError: It cannot be served; the message says why.
            RegistryUnavailable: The registry does not answer.
        """
