"""Both kinds of broker."""

import pytest

from streamapp.contracts.settings import Settings


@pytest.fixture(params=["settings", "kafka_settings"], ids=["embedded", "kafka"])
def either(request: pytest.FixtureRequest) -> Settings:
    """Settings on the embedded broker, then the same on one with transactions."""
    settings: Settings = request.getfixturevalue(request.param)
    return settings
