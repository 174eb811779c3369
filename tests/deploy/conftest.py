"""What the tests of the manifests need and a machine may lack; where it checks changes, it must have it."""

import os

import manifests
import pytest
import schemas


@pytest.fixture(scope="session")
def kustomize() -> None:
    """For tests that render the manifests."""
    if manifests.kustomize() is None:
        _lacks("neither kubectl nor kustomize is on the PATH")


@pytest.fixture(scope="session")
def schema_check() -> None:
    """For tests that ask the schemas of Kubernetes and KEDA."""
    try:
        schemas.install()
    except schemas.NotThere as exc:
        _lacks(str(exc))


def _lacks(reason: str) -> None:
    must = os.environ.get("CI", "").lower() in {"1", "true"}
    (pytest.fail if must else pytest.skip)(reason)
