"""How spans are sent: what may be set for it, and what is told of a collector that is away."""

import logging
from collections.abc import Iterator

import pytest
from collector import Collector, collecting

from streamapp import tracing
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import load_settings
from streamapp.embedded.processes import free_port
from streamapp.tracing.otlp import Tracer

HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def span_sent(tracer: Tracer) -> None:
    """Make a span, and try to send it."""
    tracer.start("x", "internal").end()
    tracer.flush()


@pytest.mark.parametrize("name", ["STREAMAPP_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
@pytest.mark.parametrize("value", ["collector:4317", "grpc://collector:4317", "http://[collector"])
def test_an_endpoint_that_is_no_http_is_refused_by_the_variable_that_was_given(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: .*http://.*over HTTP alone"):
        tracing.tracer(load_settings(), "edge")


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_another_protocol_is_refused_by_the_variable_that_was_given(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, name: str
) -> None:
    monkeypatch.setenv("STREAMAPP_OTLP_ENDPOINT", collector.endpoint)
    settings = load_settings()
    monkeypatch.setenv(name, "grpc")
    with pytest.raises(SettingsError, match=f"^{name}: .*http/protobuf alone.*STREAMAPP_OTLP_ENDPOINT"):
        tracing.tracer(settings, "edge")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")  # which counts above the other one
    tracer = tracing.tracer(settings, "edge")
    assert tracer is not None
    tracer.stop()


@pytest.mark.parametrize("value", ["authorization: Bearer hunter2", "a=b,hunter2", "a=hunter2%0Ax"])
@pytest.mark.parametrize("name", [HEADERS, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
def test_headers_of_another_form_are_refused_without_a_word_of_what_is_in_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with caplog.at_level(logging.DEBUG), pytest.raises(SettingsError, match=f"^{name}: .*name=value") as caught:
        Tracer("http://127.0.0.1:9", 0.0, "test")
    assert "hunter2" not in caplog.text + str(caught.value)


@pytest.mark.parametrize("value", ["", "a=b", "authorization=Bearer hunter2, b=c=d,", "a=b%20c"])
def test_headers_of_the_right_form_are_taken(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, value: str
) -> None:
    monkeypatch.setenv(HEADERS, value)
    tracer = Tracer(collector.endpoint, 0.0, "test")
    span_sent(tracer)
    tracer.stop()
    assert [span.name for span in collector.spans] == ["x"]


@pytest.mark.parametrize(
    ("name", "value", "service"),
    [
        ("OTEL_SERVICE_NAME", "theirs", "theirs"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,a=b", "other"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b", "streamapp-test"),
    ],
)
def test_what_the_environment_says_of_the_service_stands_above_what_we_do(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, name: str, value: str, service: str
) -> None:
    monkeypatch.setenv(name, value)
    tracer = Tracer(collector.endpoint, 0.0, "test")
    span_sent(tracer)
    tracer.stop()
    assert [span.service for span in collector.spans] == [service]


def test_a_queue_that_cannot_be_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(SettingsError, match=r"OTEL_BSP_.*max_queue_size"):
        Tracer("http://127.0.0.1:9", 0.0, "test")


def test_a_collector_that_is_away_is_told_once_and_once_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    tracer = Tracer(f"http://127.0.0.1:{port}", 0.0, "test")
    for _ in range(2):
        span_sent(tracer)
    with collecting(port):
        for _ in range(2):
            span_sent(tracer)
        tracer.stop()
    away, back = caplog.records
    assert away.levelname == "WARNING"
    assert "takes no spans" in away.getMessage()
    assert "refused" in away.getMessage()
    assert (back.levelname, "takes spans again" in back.getMessage()) == ("INFO", True)
