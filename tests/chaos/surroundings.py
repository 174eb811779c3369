"""What surrounds a run: nothing of it may reach what is run."""

import os

from streamapp.contracts.settings import Settings


def forget() -> None:
    """See to it that no setting, proxy or `.env` of the person who runs this reaches it or its processes."""
    for name in [name for name in os.environ if name.startswith(("STREAMAPP_", "MLFLOW_"))]:
        del os.environ[name]
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    Settings.model_config["env_file"] = None
