"""`streamapp keys`: keys are made, shown without their secrets, and revoked."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamapp.cli import app
from streamapp.cli.keys import add
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.keys import Scope, decode_keys, find

READ_AND_PREDICT = ("--scope", "predict", "--scope", "read")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.jsonl"
    monkeypatch.setenv("STREAMAPP_API_KEYS_FILE", str(path))
    return path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ("keys", *arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_a_key_is_printed_once_and_kept_as_its_digest_for_the_owner_alone(file: Path) -> None:
    token = run("add", "shop", *READ_AND_PREDICT, "--limit", "5/second")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = find(decode_keys(file.read_bytes()), token)
    assert found is not None
    assert (found.name, found.scopes, found.limit) == ("shop", ("predict", "read"), "5/second")
    shown = run("list") + run("list", "--json")
    assert token not in file.read_text() + shown
    assert found.sha256 not in shown
    [listed] = json.loads(run("list", "--json"))
    assert (listed["id"], listed["name"], listed["scopes"]) == (found.id, "shop", ["predict", "read"])


def test_keys_are_revoked_by_name_or_one_by_its_id(file: Path) -> None:
    first, second, other = (run("add", name, *READ_AND_PREDICT) for name in ("shop", "shop", "lab"))
    one = find(decode_keys(file.read_bytes()), first)
    assert one is not None
    assert run("revoke", one.id) == f"revoked: {one.id} (shop)"
    keys = decode_keys(file.read_bytes())
    assert [find(keys, token) is not None for token in (first, second, other)] == [False, True, True]
    run("revoke", "shop")
    assert [key.name for key in decode_keys(file.read_bytes()).values()] == ["lab"]


def test_keys_that_are_added_at_once_are_all_kept(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add(f"caller-{number}", [Scope.READ], file=file), range(24)))
    assert {key.name for key in decode_keys(file.read_bytes()).values()} == {f"caller-{n}" for n in range(24)}
    assert [path.name for path in file.parent.iterdir()] == [file.name], "nothing is left lying about"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("revoke", "nobody"), "No key has the name or the id 'nobody'"),
        (("add", "a b", "--scope", "read"), "No key was made"),
        (("add", "a", "--scope", "read", "--limit", "many"), "No key was made"),
        (("add", "a", "--scope", "read", "--file", "/nowhere/keys"), "/nowhere cannot be read"),
        (("list", "--file", "/nowhere/keys"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(file: Path, arguments: tuple[str, ...], reason: str) -> None:
    run("add", "shop", "--scope", "read")
    before = file.read_bytes()
    with pytest.raises(SettingsError, match=reason):
        CliRunner().invoke(app, ("keys", *arguments), catch_exceptions=False)
    assert file.read_bytes() == before


def test_a_file_that_is_replaced_keeps_its_owner_and_who_may_read_it(file: Path) -> None:
    run("add", "shop", "--scope", "read")
    file.chmod(0o640)
    # Of whom the edge runs as; only root can give a file away.
    edge = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(file, edge, -1)
    run("revoke", "shop")
    found = file.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o640, edge)


def test_a_file_with_a_broken_line_is_left_alone(file: Path) -> None:
    file.write_text("no key\n")
    with pytest.raises(SettingsError, match="line 1 is no key"):
        CliRunner().invoke(app, ("keys", "add", "shop", "--scope", "read"), catch_exceptions=False)
    assert file.read_text() == "no key\n"


def test_without_a_file_it_says_which_setting_is_missing() -> None:
    with pytest.raises(SettingsError, match="STREAMAPP_API_KEYS_FILE"):
        CliRunner().invoke(app, ("keys", "list"), catch_exceptions=False)
