"""Moving the registry alias: which version of a model the workers serve."""

import difflib
from collections.abc import Mapping
from typing import NamedTuple

from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from streamapp.contracts.errors import ModelNotFound
from streamapp.runtimes.registry import Registry, served_names

#: Versions that an error lists, the newest.
_MOST = 10


class Promotion(NamedTuple):
    """A registry alias that was moved.

    Attributes:
        name: Name in the registry.
        before: Version that had the alias; None where none had.
        version: Version that has it now.
        aliases: What requests may call the model.
    """

    name: str
    before: str | None
    version: str
    aliases: tuple[str, ...]


class Promoter(Registry):
    """Moves the registry alias. Its calls block: keep them off the event loop."""

    def promote(self, name: str, version: str, models: Mapping[str, str]) -> Promotion:
        """Give a version of a registered model the registry alias, whichever version had it before.

        Args:
            name: Its name in the registry, or the alias that requests use.
            version: Its version.
            models: Alias to name in the registry, beside those that registered models say by a tag.

        Raises:
            ModelNotFound: The registry has no such name or version; nothing was changed. The message says what it
                has.
            RegistryUnavailable: The registry does not answer.
        """
        registered = self._models()
        names = served_names(registered, models)
        model = self._model(registered, names, name)
        self._require(model.name, version)
        self._asked(lambda: self._client.set_registered_model_alias(model.name, self._alias, version))
        aliases = tuple(sorted(alias for alias, served in names.items() if served == model.name))
        before = model.aliases.get(self._alias)
        return Promotion(model.name, None if before is None else str(before), version, aliases)

    def _model(
        self, registered: Mapping[str, RegisteredModel], names: Mapping[str, str], name: str
    ) -> RegisteredModel:
        found = registered.get(name) or registered.get(names.get(name, ""))
        if found is not None:
            return found
        known = [*registered, *(alias for alias, served in names.items() if served in registered)]
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        hint = f"the nearest is {nearest[0]!r}" if nearest else "it has none at all"
        raise ModelNotFound(f"The registry at {self.uri} has no model {name!r}; {hint}.")

    def _require(self, name: str, version: str) -> None:
        try:
            self._asked(lambda: self._client.get_model_version(name, version))
        except MlflowException:
            found = self._asked(lambda: self._client.search_model_versions(f"name='{name}'"))
            numbers = sorted((int(one.version) for one in found), reverse=True)
            there = ", ".join(map(str, numbers[:_MOST])) + (", ..." if len(numbers) > _MOST else "")
            raise ModelNotFound(f"{name} has no version {version!r}; it has {there or 'none at all'}.") from None
