"""Workers, what waits for them, and models that are wrong, each found with its mend."""

import sys
from pathlib import Path
from typing import Any

import httpx
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
from aiokafka import TopicPartition
from doctor_support import SINCE, commit, examine, make_topics, put, speak
from mlflow.models import infer_signature
from tampering import Store
from unique import unique_settings

from streamapp.clients.backlog import Backlog
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.status import Refused
from streamapp.doctor import lag
from streamapp.doctor.findings import Fault, Level
from streamapp.doctor.lag import expired
from streamapp.doctor.mlflow import older, refused
from streamapp.doctor.run import run
from streamapp.doctor.visit import Check, Visit
from streamapp.embedded.processes import free_port
from streamapp.runtimes.promotion import Promoter
from streamapp.runtimes.requirements import unmet
from streamapp.runtimes.vouching import Voucher

ROWS = pd.DataFrame(np.random.default_rng(7).normal(size=(50, 2)), columns=["a", "b"])


async def test_a_worker_that_was_killed_and_one_whose_clock_is_ahead(system: Settings) -> None:
    await speak(system, "killed", time=SINCE)
    await speak(system, "early", time="2999-01-01T00:00:00.000Z")
    said = await examine(system)
    assert (said.code, said.faults) == (0, {Fault.WORKER_SILENT, Fault.CLOCK_OFF})
    silent, early = said.only(Fault.WORKER_SILENT), said.only(Fault.CLOCK_OFF)
    assert (silent["about"], early["about"]) == ("worker killed", "worker early")
    assert "start it again" in silent["mend"]
    assert "NTP" in early["mend"]


async def test_more_workers_than_partitions(system: Settings) -> None:
    await speak(system, "second")
    await speak(system, "third")
    said = await examine(system)
    found = said.only(Fault.WORKERS_IDLE)
    assert (said.code, said.faults) == (0, {Fault.WORKERS_IDLE})
    assert found["what"] == "3 workers share 2 partitions; without work: 1."


async def test_a_model_that_workers_refuse(system: Settings) -> None:
    (alias, name), reason = system.models.popitem(), "Its example does not predict."
    own = system.model_copy(update={"models": {alias: name}})
    await speak(own, refused=Refused(alias, name, "1", reason, SINCE))
    said = await examine(own)
    found = said.only(Fault.MODEL_REFUSED)
    assert (said.code, said.faults) == (1, {Fault.MODEL_REFUSED})
    assert found["about"] == f"model {alias} ({name} 1)"
    assert reason in found["what"]


async def test_records_that_wait_while_nobody_finishes_one_and_more_than_the_edge_lets(system: Settings) -> None:
    quick = {"predict_timeout": 0.2, "commit_interval": 0.1, "max_lag": 1}
    await put(system, system.input_topic, b"{}", b"{}", b"{}")
    await commit(system, 1)
    said = await examine(system.model_copy(update=quick))
    found = said.only(Fault.LAG_STANDING)
    # The requests are not mirrored either: no sinks run.
    clash = Fault.SETTINGS_CLASH  # a bound below what a worker takes at once
    assert (said.code, said.faults) == (1, {Fault.LAG_STANDING, Fault.LAG_HIGH, Fault.MIRROR_STANDING, clash})
    assert found["about"] == f"topic {system.input_topic}"
    assert "partition 0," in found["what"]
    assert "start" in found["mend"]
    assert said.check("lag")["seen"] == ["2 records wait"]
    assert said.only(Fault.LAG_HIGH)["level"] == Level.ERROR
    assert "STREAMAPP_WORKER_PROCESSES" in said.only(Fault.LAG_HIGH)["mend"]


async def test_how_long_it_looks_for_what_is_finished_is_bounded_by_the_time_of_the_check(
    broker: str, tmp_path: Path
) -> None:
    settings = unique_settings(broker, "redis://127.0.0.1:9", tmp_path)
    slow = settings.model_copy(update={"partitions": 1, "predict_timeout": 60.0, "max_lag": 1})
    await make_topics(slow)
    await put(slow, slow.input_topic, b"{}", b"{}")
    (check,) = (await run([Check("lag", lag.look)], Visit(slow, timeout=6))).checks
    found = {one.fault: one for one in check.findings}
    assert found.keys() == {Fault.LAG_HIGH, Fault.LAG_STANDING}
    # A batch may take longer than it looked: that is not known to stand still.
    assert found[Fault.LAG_STANDING].level == Level.WARNING
    assert "--timeout" in found[Fault.LAG_STANDING].mend


async def test_an_mlflow_that_is_away_and_one_that_is_another_program(system: Settings, stranger: str) -> None:
    port = free_port()
    said = await examine(system.model_copy(update={"mlflow_tracking_uri": f"http://me:geheim@127.0.0.1:{port}"}))
    found = said.only(Fault.MLFLOW_UNREACHABLE)
    assert (said.code, said.faults) == (1, {Fault.MLFLOW_UNREACHABLE})
    assert found["about"] == f"MLFLOW_TRACKING_URI=http://me:****@127.0.0.1:{port}"
    assert "MLFLOW_TRACKING_URI" in found["mend"]
    assert said.check("models")["because"] == "needs mlflow"
    said = await examine(system.model_copy(update={"mlflow_tracking_uri": stranger}))
    assert said.faults == {Fault.MLFLOW_UNREACHABLE}
    assert "no MLflow" in said.only(Fault.MLFLOW_UNREACHABLE)["what"]


@pytest.mark.filterwarnings("ignore:.*An input example was not provided")
async def test_models_that_are_missing_unpromoted_untrusted_changed_or_unfit(
    system: Settings, registry_uri: str, tmp_path: Path
) -> None:
    names = {
        kind: f"{kind.title()}_{system.group}" for kind in ("unknown", "unpromoted", "changed", "unfit", "foreign")
    }
    own = system.model_copy(update={"models": system.models | names})
    log(registry_uri, names["unpromoted"], signature=infer_signature(ROWS))
    log(registry_uri, names["changed"], signature=infer_signature(ROWS))
    log(registry_uri, names["unfit"])
    log(
        registry_uri, names["foreign"], signature=infer_signature(ROWS), pip_requirements=["pandas==1.0.1", "no-such"]
    )
    (tmp_path / "store").mkdir()
    store = Store(registry_uri, names["foreign"], "1", tmp_path / "store")
    store.put("python_env.yaml", "python: 3.8.10\n")
    for kind in ("changed", "unfit", "foreign"):
        Promoter(registry_uri, "champion").promote(names[kind], "1", {})
        Voucher(own).vouch(names[kind], "1")
    Store(registry_uri, names["changed"], "1", tmp_path / "store").put("model.lgb", "tree\n")
    await speak(own)
    said = await examine(own)
    wrong = [one for one in said.findings() if one["level"] != Level.NOTE]
    found = {one["about"].split()[1]: one for one in wrong}
    faults = {(one["about"].split()[1], one["fault"]) for one in wrong}
    assert said.code == 1
    assert faults == {
        ("unknown", Fault.MODEL_MISSING),
        ("unpromoted", Fault.MODEL_ALIAS),
        ("unpromoted", Fault.MODEL_UNTRUSTED),
        ("changed", Fault.MODEL_UNTRUSTED),
        ("unfit", Fault.MODEL_UNFIT),
        ("foreign", Fault.MODEL_PACKAGES),
        ("foreign", Fault.MODEL_PYTHON),
    }
    assert found["unknown"]["command"] == "streamapp train --help"
    assert "changed: 'model.lgb'" in found["changed"]["what"]
    assert found["changed"]["command"] == f"streamapp models trust {names['changed']} 1"
    assert "no signature" in found["unfit"]["what"]
    (packages,) = said.findings(Fault.MODEL_PACKAGES)
    assert f"pandas==1.0.1 ({pd.__version__}), no-such (none)" in packages["what"]
    (alias,) = said.findings(Fault.MODEL_ALIAS)
    assert alias["command"] == f"streamapp promote {names['unpromoted']} 1"


async def test_without_manifests_one_warning_says_so(system: Settings) -> None:
    said = await examine(system.model_copy(update={"model_manifests": None}))
    found = said.only(Fault.MODEL_UNTRUSTED)
    assert (said.code, said.faults, found["about"]) == (0, {Fault.MODEL_UNTRUSTED}, "STREAMAPP_MODEL_MANIFESTS")


async def test_where_mlflow_is_not_installed_models_are_not_looked_at(
    system: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "streamapp.runtimes.inspection", None)  # its import fails, as then
    said = await examine(system)
    assert (said.code, said.only(Fault.MLFLOW_UNSEEN)["level"]) == (0, Level.NOTE)


def test_an_mlflow_that_lets_us_not_in() -> None:
    found = refused("http://mlflow:5000", httpx.Response(403, text="Invalid Host header - possible DNS rebinding"))
    assert (found.fault, found.what) == (
        Fault.MLFLOW_REFUSES,
        "It says 403: Invalid Host header - possible DNS rebinding",
    )
    assert "--allowed-hosts" in found.mend


def test_a_server_that_is_older_than_its_client() -> None:
    (found,) = older("http://mlflow:5000", "3.9.0", "3.17.2")
    assert (found.fault, found.mend) == (Fault.MLFLOW_VERSION, "Upgrade the server to 3.17.2.")
    assert not any((older("", "3.17.0", "3.17.2"), older("", "3.18.0", "3.17.2"), older("", "3.9.0", "")))


def test_records_that_retention_took_before_they_were_read() -> None:
    system = load_settings()
    seen = {TopicPartition(system.input_topic, 0): Backlog(first=10, committed=3, end=12)}
    (found,) = expired(system, seen)
    assert (found.fault, found.level) == (Fault.RECORDS_EXPIRED, Level.ERROR)
    assert "removed 7 records" in found.what


def test_the_marker_of_a_transaction_is_no_record_that_retention_took() -> None:
    system = load_settings()
    seen = {TopicPartition(system.input_topic, 0): Backlog(first=12, committed=11, end=12)}
    assert list(expired(system, seen)) == []


def test_a_requirement_that_another_machine_has_says_nothing() -> None:
    text = "a==1\nb>=2 ; sys_platform == 'win32'\n-r other.txt\n# a note\nc\n"
    assert unmet(text, {"a": "1.0", "c": "3"}.get) == []  # type: ignore[arg-type]


def log(uri: str, name: str, **options: Any) -> None:
    """Register a model."""
    mlflow.set_tracking_uri(uri)
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(ROWS, ROWS["a"] > 0), 2)
    defaults = {"pip_requirements": ["pandas"]}
    mlflow.lightgbm.log_model(booster, name="model", registered_model_name=name, **defaults | options)
    mlflow.set_tracking_uri(None)
