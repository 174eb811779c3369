"""Pages of metrics, read as Prometheus reads them."""

from typing import Final

import httpx
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0"


class Exposed:
    """A page that was read.

    Attributes:
        families: Its metrics by name; a counter's without `_total`.
    """

    def __init__(self, families: list[Metric]) -> None:
        self.families = {family.name: family for family in families}
        assert len(self.families) == len(families), "a family is there twice"

    def value(self, name: str, **labels: str) -> float:
        """Sum of the samples that have these labels, whatever else they have."""
        return sum(
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and sample.labels.items() >= labels.items()
        )

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples of a name, summed by one of their labels."""
        samples = [one for family in self.families.values() for one in family.samples if one.name == name]
        return {value: self.value(name, **{label: value}) for value in {one.labels[label] for one in samples}}


def read(answer: httpx.Response) -> Exposed:
    """Read a page in the form that it says it has; the parser of OpenMetrics is strict."""
    assert answer.status_code == 200, answer.text
    parse = open_metrics if answer.headers["content-type"].startswith("application/openmetrics-text") else plain
    return Exposed(list(parse(answer.text)))


async def scrape(url: str, accept: str = "text/plain", **headers: str) -> Exposed:
    """Ask for a page."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return read(await client.get(url, headers={"Accept": accept, **headers}))
