"""What the demo is to run: its options, its folders, and the settings that its processes get."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from streamapp.contracts.settings import Settings, load_settings, variable
from streamapp.contracts.settings.connections import OPEN
from streamapp.embedded.processes import Program, answering, free_port, free_port_like
from streamapp.embedded.proxies import past_proxies

#: Seconds without heartbeat until a worker is given up. The embedded broker holds a joining group for half of it.
_SESSION_TIMEOUT: Final = "4"
#: Alias of the model that takes seconds to load and a call of which takes long: it comes after the others.
MARKETPLACE: Final = "marketplace"
#: Variables that say where the pages of the parts listen.
_EDGE_PORT: Final = variable("api_port")
_WORKER_PORT: Final = variable("worker_web_port")
_SINKS_PORT: Final = variable("sinks_web_port")
#: Its records for each of the other models'.
_MARKETPLACE_SHARE: Final = 0.05


class Ports(Struct, frozen=True):
    """TCP ports on loopback; the edge listens on two, as the two systems before it did."""

    broker: int = 9092
    redis: int = 6379
    mlflow: int = 5001
    api: int = 8800
    requests: int = 5000


class Traffic(Struct, frozen=True):
    """What the producer sends.

    Attributes:
        rate: Records a second; the marketplace model gets a twentieth as many beside them.
        bad_fraction: Share of them that is bad on purpose.
        seed: Seed of the generator.
    """

    rate: float = 100.0
    bad_fraction: float = 0.01
    seed: int = 42


class Plan(Struct, frozen=True):
    """The options of the demo.

    Attributes:
        ports: Where everything listens.
        traffic: What is sent.
        workers: Number of scoring workers.
        duration: Seconds of traffic; 0: until it is told to stop.
        keep: Folder for logs, registry and CSV; None: a temporary one, and the registry in `var_dir`.
        watch_pid: The demo stops when this process has gone.
    """

    ports: Ports = Ports()
    traffic: Traffic = Traffic()
    workers: int = 1
    duration: float = 0.0
    keep: Path | None = None
    watch_pid: int | None = None


class Place(Struct, frozen=True):
    """A plan with its folders and settings worked out.

    Attributes:
        work: Folder of logs and CSV.
        registry: Folder of the model registry.
        settings: Settings that every process of the demo has in force.
        env: Variables that give a process these settings.
    """

    work: Path
    registry: Path
    settings: Settings
    env: Mapping[str, str]

    @property
    def logs(self) -> Path:
        """Folder with a log a process."""
        return self.work / "logs"

    @property
    def pages(self) -> Path:
        """Folder with what each part said at the end on its page of metrics."""
        return self.work / "metrics"

    @property
    def producer_summaries(self) -> tuple[Path, ...]:
        """Files that the producers count into."""
        return self.work / "producer.json", self.work / "marketplace-producer.json"


def place(plan: Plan, work: Path, environ: Mapping[str, str]) -> Place:
    """Work out folders and settings.

    Args:
        plan: The options.
        work: Folder of logs and CSV.
        environ: Variables of this process.

    Raises:
        SettingsError: A setting of the environment is wrong.
    """
    ports, kept = plan.ports, (work if plan.keep else load_settings().var_dir)
    overrides = {
        **OPEN,
        "broker": f"127.0.0.1:{ports.broker}",
        "redis_url": f"redis://127.0.0.1:{ports.redis}/0",
        "mlflow_tracking_uri": f"http://127.0.0.1:{ports.mlflow}",
        "api_port": str(ports.api),
        "api_also_port": str(ports.requests),
        "csv_path": str(work / "predicciones.csv"),
        "var_dir": str(work),
        "session_timeout": _SESSION_TIMEOUT,
        # Its producer and its view come as anybody.
        "api_keys_file": "",
        "rate_limit": "off",
        # The logs are files that a person opens.
        "log_format": "console",
        # What others register here is served, too, and the worker's log says so.
        "model_manifests": str(kept.resolve() / "manifests"),
        "trusted_models": "warn",
    }
    settings = load_settings(**overrides)
    env = {
        **{variable(name): value for name, value in overrides.items()},
        # Our own name for it stands above MLflow's where a person has set it.
        "STREAMAPP_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        # MLflow's client would ask a proxy for 127.0.0.1.
        **past_proxies(environ),
        "PYTHONUNBUFFERED": "1",
    }
    return Place(work, kept / "mlflow", settings, env)


def workers(plan: Plan, place: Place) -> tuple[Program, ...]:
    """Return the scoring workers, each with a port of its own for its page: they start at the same time.

    The first has that of the settings where it is free, as the documentation says.
    """
    names = ["worker", *(f"worker-{i}" for i in range(2, plan.workers + 1))]
    ports = [free_port_like(place.settings.worker_web_port), *(free_port() for _ in names[1:])]
    return tuple(
        _paged(_ours(place, name, "worker"), _WORKER_PORT, port) for name, port in zip(names, ports, strict=True)
    )


def edge(plan: Plan, place: Place) -> Program:
    """Return the HTTP edge; it is ready when it knows a model, so when a worker has loaded one."""
    ready = answering(f"http://127.0.0.1:{plan.ports.api}/readyz")
    return Program("edge", (sys.executable, "-m", "streamapp", "api"), ready, place.env, patience=120)


def sinks(place: Place) -> Program:
    """Return the sinks worker; its page has the port of the settings where it is free."""
    return _paged(_ours(place, "sinks", "sinks"), _SINKS_PORT, free_port_like(place.settings.sinks_web_port))


def metrics_of(program: Program) -> str | None:
    """Return the URL of a program's page of metrics; None where it has none."""
    # All programs of ours are told the edge's port.
    port = program.env.get(_WORKER_PORT) or program.env.get(_SINKS_PORT)
    if program.name == "edge":
        port = program.env[_EDGE_PORT]
    return f"http://127.0.0.1:{port}/metrics" if port else None


def training(place: Place) -> Program:
    """Return the training of the models on generated data."""
    return _ours(place, "training", "train", "employees")


def marketplace_training(place: Place) -> Program:
    """Return the training of the marketplace model, which leaves the processor to all others."""
    program = _ours(place, "marketplace-training", "train", "marketplace")
    return structs.replace(program, argv=("nice", "-n", "19", *program.argv))


def producer(plan: Plan, place: Place) -> Program:
    """Return the producer; it runs until it is stopped, and counts into a file."""
    return _producer(plan, place, place.producer_summaries[0], "all", plan.traffic.rate)


def marketplace_producer(plan: Plan, place: Place) -> Program:
    """Return the producer of marketplace items, which does the same."""
    rate = plan.traffic.rate * _MARKETPLACE_SHARE
    return _producer(plan, place, place.producer_summaries[1], MARKETPLACE, rate)


def _producer(plan: Plan, place: Place, summary: Path, model: str, rate: float) -> Program:
    options = {
        "--to": "http",
        "--model": model,
        "--rate": rate,
        "--bad-fraction": plan.traffic.bad_fraction,
        "--seed": plan.traffic.seed,
        "--summary": summary,
    }
    return _ours(place, summary.stem, "produce", *(str(part) for option in options.items() for part in option))


def _paged(program: Program, setting: str, port: int) -> Program:
    return structs.replace(program, env={**program.env, setting: str(port)})


def _ours(place: Place, name: str, *arguments: str) -> Program:
    return Program(name, (sys.executable, "-m", "streamapp", *arguments), env=place.env)
