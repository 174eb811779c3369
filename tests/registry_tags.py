"""The tests' registry is shared: what other tests tagged is not to be served in this one."""

from mlflow import MlflowClient

from streamapp.contracts.status import ALIAS_TAG


def serve_nothing_else(registry_uri: str) -> None:
    """Take their tags from the models of other tests: workers serve what is tagged."""
    client = MlflowClient(registry_uri, registry_uri)
    for model in client.search_registered_models(max_results=1000):
        if ALIAS_TAG in model.tags:
            client.delete_registered_model_tag(model.name, ALIAS_TAG)
