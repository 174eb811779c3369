"""The MLflow registry as the worker asks it."""

import logging
from collections.abc import Mapping

from streamapp.contracts.card import ModelCard
from streamapp.contracts.settings import Settings
from streamapp.runtimes.load import load_model, try_on
from streamapp.runtimes.registry import Registry, Wanted
from streamapp.runtimes.trust import trust_of
from streamapp.scoring.model import Model


class RegistryLoader:
    """Says what is to be served, and loads it. Its calls block: keep them off the event loop.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        # A registry that is away is told once, by us, and not at each attempt.
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        self._aliases = settings.models
        self._quicken = settings.quick_models == "auto"
        self._trust = trust_of(settings)
        self._registry = Registry(settings.mlflow_tracking_uri, settings.registry_alias, settings.max_model_bytes)

    def wanted(self) -> Mapping[str, Wanted]:
        """Return what each alias is to be served with; see `Registry.wanted`."""
        return self._registry.wanted(self._aliases)

    def load(self, alias: str, name: str, version: str, before: ModelCard | None) -> Model:
        """Load a version and try it, on its own example and on that of the version before.

        Raises:
            ModelError: It cannot be served; the message says why.
            RegistryUnavailable: The registry does not answer.
        """
        wanted = self._registry.version(Wanted(name, version))
        model = load_model(self._registry, alias, wanted, trust=self._trust, quicken=self._quicken)
        if before is not None:
            try_on(model, before.example)
        return model
