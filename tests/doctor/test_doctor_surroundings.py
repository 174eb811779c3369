"""Settings, packages, disks, clocks and edges that are wrong, each found with its mend."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from doctor_support import as_process, examine, run
from unique import environment

from streamapp.contracts.errors import StreamappError
from streamapp.contracts.settings import Settings, load_settings
from streamapp.doctor import clock, disk, edge, packages, workers
from streamapp.doctor.contradictions import keys_file
from streamapp.doctor.findings import Fault, Finding, Level, Seen, error
from streamapp.doctor.report import Status
from streamapp.doctor.run import run as run_checks
from streamapp.doctor.visit import Check, Looks, Visit
from streamapp.embedded.processes import free_port

_NOBODY = 65534


async def test_a_wrong_setting_is_a_finding_and_nothing_else_is_looked_at(system: Settings) -> None:
    said = await examine(system, STREAMAPP_PARTITIONS="many")
    found = said.only(Fault.SETTING_WRONG)
    assert (said.code, said.faults, found["about"]) == (1, {Fault.SETTING_WRONG}, "STREAMAPP_PARTITIONS")
    assert {check["because"] for check in said.report["checks"][1:]} == {"needs settings"}


async def test_settings_that_nothing_knows_and_that_contradict_each_other(system: Settings) -> None:
    shared = system.predictions_topic
    said = await examine(
        system,
        STREAMAPP_BROKERS="localhost:9092",
        STREAMAPP_DEAD_LETTERS_TOPIC=shared,
        STREAMAPP_MAX_BODY_BYTES="2000000",
        STREAMAPP_PUBLISH_TIMEOUT="10",
    )
    assert said.code == 1
    assert "the nearest setting is STREAMAPP_BROKER." in said.only(Fault.SETTING_UNKNOWN)["mend"]
    found = {one["about"]: one["level"] for one in said.findings(Fault.SETTINGS_CLASH)}
    assert found == {
        "STREAMAPP_PREDICTIONS_TOPIC and STREAMAPP_DEAD_LETTERS_TOPIC": Level.ERROR,
        "STREAMAPP_MAX_BODY_BYTES=2000000 and STREAMAPP_MAX_RECORD_BYTES=1000000": Level.WARNING,
        "STREAMAPP_PUBLISH_TIMEOUT=10.0 and STREAMAPP_PREDICT_DEADLINE=9.0": Level.WARNING,
    }


async def test_a_file_of_keys_that_is_missing_broken_or_open_to_all(system: Settings, tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    own = system.model_copy(update={"api_keys_file": path})
    said = await examine(own)
    assert (said.code, said.faults) == (1, {Fault.KEYS_UNUSABLE})
    assert "streamapp keys add" in said.only(Fault.KEYS_UNUSABLE)["command"]
    path.write_text("no key\n")
    path.chmod(0o644)
    (broken,) = keys_file(path)
    assert isinstance(broken, Finding)
    assert "line 1 is no key" in broken.what
    path.write_text("")
    _, readable = keys_file(path)
    assert isinstance(readable, Finding)
    assert (readable.fault, readable.level) == (Fault.KEYS_UNUSABLE, Level.WARNING)
    assert readable.command == f"chmod 600 {path}"


async def test_folders_that_cannot_be_written(system: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = await examine(system.model_copy(update={"var_dir": tmp_path / "file/var"}))
    found = said.only(Fault.FOLDER_UNWRITABLE)
    assert (said.code, said.faults) == (1, {Fault.FOLDER_UNWRITABLE})
    assert found["about"] == f"STREAMAPP_VAR_DIR={tmp_path}/file/var"
    assert found["mend"] == "Name another folder."


def test_a_folder_within_one_that_is_closed_to_us(tmp_path: Path) -> None:
    closed = tmp_path / "closed by us"
    (closed / "var").mkdir(parents=True)
    tmp_path.chmod(0o755)
    closed.chmod(0)
    with as_nobody():
        (found,) = disk.examined("STREAMAPP_VAR_DIR=var", closed / "var")
    closed.chmod(0o700)
    assert isinstance(found, Finding)
    assert (found.fault, found.level) == (Fault.FOLDER_UNWRITABLE, Level.ERROR)
    assert shlex.split(found.command)[-1] in found.what


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be another user than root, who may do everything."""
    if os.getuid():
        yield
        return
    os.setresuid(_NOBODY, _NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_commands_are_typed_as_they_stand_whatever_is_in_a_path(tmp_path: Path) -> None:
    path = tmp_path / "it's; mine"
    said = disk.room(f"STREAMAPP_VAR_DIR={path}", 10_000 << 20, 40 << 20)
    assert isinstance(said, Finding)
    assert shlex.quote(str(path)) in said.command
    path.touch(mode=0o644)
    _, readable = keys_file(path)
    assert isinstance(readable, Finding)
    assert shlex.split(readable.command) == ["chmod", "600", str(path)]


@pytest.mark.parametrize(
    ("free", "level"), [(600, None), (400, Level.WARNING), (40, Level.ERROR)], ids=["enough", "little", "none"]
)
def test_room_on_a_disk(free: int, level: Level | None) -> None:
    said = disk.room("STREAMAPP_VAR_DIR=var", 10_000 << 20, free << 20)
    assert (None if isinstance(said, Seen) else (said.fault, said.level)) == (level and (Fault.DISK_FULL, level))
    assert isinstance(disk.room("TMPDIR=/tmp", 64 << 20, 60 << 20), Seen), "a small disk that is empty"


async def test_a_clock_that_is_an_hour_off(system: Settings) -> None:
    report = await run_checks([Check("clock", clock.look)], Visit(system, clock=lambda: time.time() + 3600))
    (check,) = report.checks
    found = {one.about: (one.fault, one.level, one.what) for one in check.findings}
    assert found.keys() == {"clock of Redis", "clock of MLflow"}
    for fault, level, what in found.values():
        assert (fault, level) == (Fault.CLOCK_OFF, Level.ERROR)
        assert re.match(r"It is 3,(599|600|601) s behind ours", what)
    assert all(one.command == "timedatectl set-ntp true" for one in check.findings)


@pytest.mark.parametrize(
    ("theirs", "ahead"),
    [(99.5, 0), (100, 0), (110, 0), (98.5, -0.5), (113, 3)],
    ids=["cut", "first", "last", "behind", "ahead"],
)
def test_a_slow_answer_is_no_clock_that_is_off(theirs: float, ahead: float) -> None:
    assert clock.compared(theirs, cut=1, before=100, after=110) == (ahead, 10)


async def test_a_worker_that_spoke_while_we_read_is_not_ahead_of_us(system: Settings) -> None:
    began = iter([time.time() - 10])
    report = await run_checks([Check("workers", workers.look)], Visit(system, clock=lambda: next(began, time.time())))
    assert [finding for check in report.checks for finding in check.findings] == []


def test_packages_of_another_version_than_the_one_that_will_do(system: Settings, tmp_path: Path) -> None:
    for name, version in {"aiokafka": "0.13.0", "faust": "1.10.4"}.items():
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    paths = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    nobody = {"broker": f"127.0.0.1:{free_port()}", "mlflow_tracking_uri": f"http://127.0.0.1:{free_port()}"}
    env = {**os.environ, **environment(system.model_copy(update=nobody)), "PYTHONPATH": paths}
    done = subprocess.run(as_process("--json"), env=env, capture_output=True, text=True, check=False)
    findings = [one for check in json.loads(done.stdout)["checks"] for one in check["findings"]]
    found = {one["fault"]: one for one in findings}
    assert (done.returncode, done.stderr) == (1, "")
    assert found[Fault.PACKAGE_VERSION]["command"] == "pip install 'aiokafka==0.14.0'"
    assert found[Fault.PACKAGE_CLASH]["command"].startswith("pip uninstall -y faust faust-streaming")


def test_a_python_that_streamapp_does_not_run_on() -> None:
    (found,) = packages.python(">=3.11,<3.14", "3.10.4")
    assert (found.fault, found.about) == (Fault.PYTHON_VERSION, "Python 3.10.4")


async def test_an_edge_that_is_away_and_what_is_no_edge(system: Settings, stranger: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    said = await examine(system, "--edge", url)
    assert (said.code, said.faults) == (1, {Fault.EDGE_UNREACHABLE})
    assert said.only(Fault.EDGE_UNREACHABLE)["about"] == f"edge {url}"
    said = await examine(system, "--edge", stranger)
    assert "no edge" in said.only(Fault.EDGE_UNREACHABLE)["what"]
    port = int(stranger.rpartition(":")[2])
    said = await examine(system.model_copy(update={"api_port": port, "api_also_port": port + 1}))
    assert (said.code, said.faults) == (1, {Fault.PORT_TAKEN})
    assert said.only(Fault.PORT_TAKEN)["about"] == f"STREAMAPP_API_PORT={port}"
    # Where nobody said that there is one, none is no fault.
    assert (await examine(system)).only(Fault.EDGE_UNREACHABLE)["level"] == Level.NOTE


def test_what_an_edge_says_of_itself() -> None:
    checks = {"broker": {"ok": True, "detail": "b"}, "models": {"ok": False, "detail": "no model card is known yet"}}
    (found,) = edge.ready("http://edge", checks, is_ready=False)
    assert not isinstance(found, Seen)
    assert (found.fault, found.level, found.what) == (
        Fault.EDGE_NOT_READY,
        Level.ERROR,
        "models: no model card is known yet.",
    )


async def test_a_worker_here_that_says_that_it_hangs(system: Settings) -> None:
    async def hung(_: web.Request) -> web.Response:
        return web.json_response(
            {"status": "hung", "detail": "records wait and none is finished: a-0 (61 s)"}, status=503
        )

    page = web.Application()
    page.router.add_get("/livez", hung)
    runner = web.AppRunner(page)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", system.worker_web_port).start()
    said = await examine(system)
    await runner.cleanup()
    found = said.only(Fault.WORKER_HUNG)
    assert (said.code, said.faults) == (1, {Fault.WORKER_HUNG})
    assert found["about"] == f"worker at port {system.worker_web_port} (STREAMAPP_WORKER_WEB_PORT)"
    assert "a-0 (61 s)" in found["what"]


async def test_a_check_that_fails_or_hangs_hides_nothing() -> None:
    async def fails(_: Visit) -> Looks:
        yield Seen("before")
        raise StreamappError("It broke.")

    async def hangs(_: Visit) -> Looks:
        yield error(Fault.REDIS_OLD, "a", "b", "c")
        await asyncio.Event().wait()

    async def works(_: Visit) -> Looks:
        yield Seen("well")

    checks = [
        Check("fails", fails),
        Check("hangs", hangs),
        Check("works", works),
        Check("needing", works, ("works", "hangs")),
    ]
    report = await run_checks(checks, Visit(load_settings(), timeout=0.2))
    failed, hung, well, needing = report.checks
    assert (failed.seen, [one.fault for one in failed.findings]) == (("before",), [Fault.CHECK_FAILED])
    assert [one.fault for one in hung.findings] == [Fault.REDIS_OLD, Fault.CHECK_TIMED_OUT]
    assert (well.status, needing.status, needing.because) == (Status.OK, Status.SKIPPED, "needs hangs")
    assert (report.status, report.errors) == (Status.ERROR, 3)


async def test_a_usage_error_is_exit_code_2(system: Settings) -> None:
    for arguments in (("--edge", "localhost:8800"), ("--timeout", "soon"), ("everything",)):
        assert (await run(system, *arguments)).exit_code == 2
