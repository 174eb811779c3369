"""The properties with as many inputs as a test run has time for: the same ones each time."""

import pytest
from hypothesis import HealthCheck, given, settings

from fuzz.properties import PROPERTIES, Property

SHORT = settings(max_examples=150, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("property_", PROPERTIES, ids=lambda property_: property_.holds.__name__)
def test_it_holds_for_every_input(property_: Property) -> None:
    SHORT(given(property_.inputs)(property_.holds))()
