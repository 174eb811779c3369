"""What the demo does where its parts do not fit together."""

from pathlib import Path

import pytest
from msgspec import structs

from streamapp.contracts.errors import ProcessFailed
from streamapp.embedded.demo import plan as programs
from streamapp.embedded.demo.check import ProducerSummary
from streamapp.embedded.demo.plan import Plan, Ports, place
from streamapp.embedded.demo.stack import Stack, require_ports
from streamapp.embedded.processes import Processes, Program, free_port


async def test_models_that_the_training_does_not_make_are_named(
    registry_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "training", lambda _: Program("training", ("true",)))
    where = place(Plan(), tmp_path, {})
    models = {"svm": "Demo_Not_Trained"}
    settings = where.settings.model_copy(update={"mlflow_tracking_uri": registry_uri, "models": models})
    async with Processes(tmp_path) as processes:
        stack = Stack(Plan(), structs.replace(where, settings=settings), processes)
        with pytest.raises(ProcessFailed, match=r"STREAMAPP_MODELS .*: Demo_Not_Trained"):
            await stack._train()


async def test_a_marketplace_model_that_cannot_be_trained_leaves_the_demo_as_it_is(
    registry_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "marketplace_training", lambda _: Program("marketplace-training", ("false",)))
    where = place(Plan(), tmp_path, {})
    models = {"svm": "SVC", "marketplace": "Demo_Not_Trained"}
    settings = where.settings.model_copy(update={"mlflow_tracking_uri": registry_uri, "models": models})
    async with Processes(tmp_path) as processes:
        stack = Stack(Plan(), structs.replace(where, settings=settings), processes)
        await stack.add_marketplace(lambda: {"marketplace"})
        assert [(one.name, one.state) for one in stack.running()] == [("marketplace-training", "failed")]
        assert await stack.stop_producers() == ProducerSummary(sent=0, rejected=0)


def test_a_port_given_twice_is_named_with_both_options() -> None:
    ports = Ports(broker=free_port(), redis=free_port(), mlflow=(port := free_port()), api=port)
    with pytest.raises(ProcessFailed, match=f"--mlflow-port and --api-port are both {port}"):
        require_ports(Plan(ports=ports))
