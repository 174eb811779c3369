"""The composition root of the scoring worker: `faust -A streamapp.app worker -l info`.

No client is made at import time: the worker connects when it starts, loads its models, and joins its group last, so
that it owns no partition before it can score.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import faust
from faust.types import TP
from mode import Service

from streamapp import logs, tracing
from streamapp.agents.aliases import LiveAliases
from streamapp.agents.credentials import credentials
from streamapp.agents.ending import BoundedWorker
from streamapp.agents.garbage import Collector
from streamapp.agents.health import Health
from streamapp.agents.loader import Loader
from streamapp.agents.page import MetricsPage
from streamapp.agents.scoring import ScoringService, install
from streamapp.agents.spans import Spans
from streamapp.agents.status import StatusReport
from streamapp.clients import record_batches
from streamapp.clients.kafka import ensure_topics
from streamapp.clients.listening import listening
from streamapp.contracts.settings import Settings, client_id, load_settings
from streamapp.contracts.topics import topics
from streamapp.delivery.configured import Configured
from streamapp.delivery.port import Delivery
from streamapp.transport import Progress

if TYPE_CHECKING:
    from streamapp.tracing.otlp import Tracer
    from streamapp.transport import Transport
    from streamapp.transport.consumer import Consumer

log = logging.getLogger(__name__)

#: Seconds that a thread may hold the interpreter while another waits for it. A record passes five threads; beside a
#: model that computes in Python it waits this long at each. Python's own 5 ms made the latency of LightGBM records
#: beside AutoGluon a third longer (99th percentile, `make mixed`).
SWITCH_INTERVAL: Final = 0.0005


class ScoringApp(faust.App):
    """A Faust app that has its models and its delivery ready before it joins the consumer group.

    Args:
        settings: The settings in force.
        delivery: Where outcomes go.
        **options: Faust's own settings.
    """

    def __init__(self, settings: Settings, delivery: Delivery, **options: Any) -> None:
        self.settings = settings
        self.delivery = delivery
        self.scoring = ScoringService(delivery, settings)
        super().__init__(settings.group, **options)
        self.health = Health(self, settings, lambda: self.scoring.served, lambda: self.aliases.refused)
        self.aliases = LiveAliases(settings, self.scoring, delivery, partial(_loader, settings))
        self.report = StatusReport(settings, self.scoring, lambda: self.aliases.refused, delivery)
        self.metrics = MetricsPage(
            lambda: self.scoring.served, lambda: self.aliases.refused, self._progress, self.health.standing
        )
        self.span_tracer: Tracer | None = None
        self.scoring.on_unknown(self.aliases.awaited)
        self.on_partitions_revoked.connect(self._release, weak=False)

    async def on_first_start(self) -> None:
        """Connect, load the models, publish their cards."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()
        # It may have been taken since.
        self.conf.web_port = _web_port(self.settings.worker_web_host, self.conf.web_port)
        await self.health.start_with(self.web)
        self.span_tracer = tracing.tracer(self.settings, "worker")
        if self.span_tracer is not None:
            self.scoring.trace(Spans(self.span_tracer, self.settings.group))
        await self._connect()
        for part in (self.aliases, self.report):
            await self._run_beside(part)
        await self.aliases.first()
        if self.should_stop:
            return
        # Now that what stays is there.
        await self._run_beside(Collector(self._in_flight))

    def on_webserver_init(self, web: Any) -> None:
        """Add to the page what it says of the worker's health, and its metrics."""
        self.health.install(web)
        self.metrics.install(web)

    async def on_shutdown(self) -> None:
        """Disconnect, after the last batch was delivered."""
        await super().on_shutdown()
        try:
            await self.report.say_goodbye()
        finally:
            await self.delivery.stop()
            if self.span_tracer is not None:
                await asyncio.to_thread(self.span_tracer.stop)

    async def _run_beside(self, part: Service) -> None:
        await self.add_runtime_dependency(part)
        await part.maybe_start()

    async def _release(self, *_: Any, **__: Any) -> None:
        """Let go of single partitions when they are revoked."""
        self.scoring.forget()
        await self.delivery.release()

    def _progress(self) -> Mapping[TP, Progress]:
        consumer = cast("Consumer", self.consumer)
        return consumer.progress() if consumer.started else {}

    def _in_flight(self) -> int:
        consumer = cast("Consumer", self.consumer)
        return consumer.in_flight if consumer.started else 0

    async def _connect(self) -> None:
        """Make the topics, and settle who commits; before the models, so that a wrong setting is told at once."""
        # Each repeated request is a warning of aiokafka's; what it comes to is in ours.
        logging.getLogger("aiokafka.producer.sender").setLevel(logging.ERROR)
        await ensure_topics(self.settings, topics(self.settings), "worker")
        await self.delivery.start()
        transport = cast("Transport", self.transport)
        transport.commits = not self.delivery.commits_offsets
        transport.drain_timeout = self.settings.shutdown_timeout


def create_app(settings: Settings, delivery: Delivery | None = None) -> ScoringApp:
    """Make the worker's app.

    Args:
        settings: The settings in force.
        delivery: Where outcomes go; None: the broker, with the guarantee of the settings.
    """
    record_batches.install()
    app = ScoringApp(
        settings,
        delivery or Configured(settings),
        **_broker_options(settings),
        # In batches. The transport bounds what is in flight; this only has to be above that.
        stream_buffer_maxsize=64,
        stream_recovery_delay=0.0,
        # An agent that fails must end the worker: one that is restarted would go on behind the failed batch.
        agent_supervisor="mode.CrashingSupervisor",
        Worker=BoundedWorker,
        autodiscover=False,
        logging_config=logs.config(settings),
        datadir=str(settings.var_dir / "faust"),
        # Topics are made by us, with the settings that the guarantees rest on.
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_bind=settings.worker_web_host,
        web_port=_web_port(settings.worker_web_host, settings.worker_web_port),
        web_router_enabled=False,
        web_tables_enabled=False,
    )
    install(app, settings.input_topics, settings.partitions, app.scoring)
    return app


def _broker_options(settings: Settings) -> dict[str, Any]:
    """Return how Faust reaches the broker, and what it may wait for."""
    return {
        "broker": f"batch://{settings.broker.replace(',', ';batch://')}",
        "broker_credentials": credentials(settings),
        "broker_client_id": client_id("worker"),
        "broker_session_timeout": settings.session_timeout,
        # Faust wants requests to wait at least as long as a session lasts; a join waits for the rebalance.
        "broker_request_timeout": settings.session_timeout + settings.rebalance_timeout + 10.0,
        "broker_heartbeat_interval": settings.session_timeout / 10,
        "broker_rebalance_timeout": settings.rebalance_timeout,
        "broker_max_poll_records": settings.max_batch_records,
        "broker_commit_interval": settings.commit_interval,
        # A topic that is made anew, or gets more partitions, is noticed within this time.
        "consumer_metadata_max_age_ms": 10_000,
    }


def main(args: Sequence[str] = ()) -> None:
    """Run the worker as `faust -A streamapp.app worker ARGS` does. Does not return."""
    from faust.cli.faust import cli

    app.finalize()
    app.worker_init()
    # Its banner is no line of a log.
    quiet = ["--quiet"] if logs.is_json(app.settings) else []
    cli(args=[*quiet, "worker", "--loglevel", "info", *args], prog_name="streamapp", app=app)


def _web_port(host: str, wanted: int) -> int:
    """Return the wanted port where it is free, else one that is: a second worker needs no flag."""
    with listening(host, wanted, "worker_web") as probe:
        return int(probe.getsockname()[1])


def _loader(settings: Settings) -> Loader:
    """Connect to the registry; MLflow takes seconds to import: here, off the event loop, and not for `--help`."""
    # Its loggers would have a handler of their own.
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    from streamapp.runtimes.loader import RegistryLoader

    return RegistryLoader(settings)


app = create_app(load_settings())
