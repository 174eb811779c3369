"""API keys: who has none gets nothing, who has one gets what it is for, and nobody sees another's results."""

import errno
import json
import logging
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from bulk_support import NDJSON, body, on_topic, row
from edge_support import HANDBOOK, card, put_cards, ready, records, running
from keys_support import bearer, code, with_keys
from replies_support import answering
from waiting import eventually

from api.app import create_app
from producer.ask import Caller
from producer.http import HttpSender
from producer.messages import Call
from streamapp.clients.redis import connect
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.keys import Scope
from streamapp.contracts.settings import Settings

#: Each route that needs a key, with a request for it.
GUARDED: list[tuple[Scope, dict[str, Any]]] = [
    (Scope.PREDICT, {"method": "POST", "url": "/predict_stream", "json": HANDBOOK}),
    (Scope.PREDICT, {"method": "POST", "url": "/predict", "json": HANDBOOK, "headers": {"Prefer": "wait=0"}}),
    (Scope.READ, {"method": "GET", "url": "/predictions/x"}),
    (Scope.READ, {"method": "GET", "url": "/models"}),
    (Scope.METRICS, {"method": "GET", "url": "/metrics"}),
]
OPEN = ["/livez", "/readyz", "/docs", "/openapi.json", "/problems/unauthenticated"]
REFUSED = (401, "unauthenticated")


async def test_without_a_key_only_what_is_open_is_answered(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings, tmp_path)
    token = file.add("shop")
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        assert [(await client.get(path)).status_code for path in OPEN] == [200] * len(OPEN)
        for _, request in GUARDED:
            headers = request.get("headers", {})
            for wrong in (
                {},
                bearer(token[:-1] + "x"),
                {"Authorization": "Basic YTpi"},
                {"X-API-Key": "x" * 5000},
                {"X-API-Key": "ñ"},
            ):
                sent = {name: value.encode("latin-1") for name, value in (headers | wrong).items()}
                response = await client.request(**request | {"headers": sent})
                assert code(response) == REFUSED
                assert response.headers["www-authenticate"] == 'Bearer realm="streamapp"'
                assert token[:-1] not in response.text
        for right in (bearer(token), {"authorization": f"bearer  {token}"}, {"x-api-key": token}):
            assert (await client.get("/models", headers=right)).status_code == 200


@pytest.mark.bad_input(20)
async def test_a_missing_and_a_wrong_key_are_refused_with_a_challenge(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings, tmp_path)
    token = file.add("shop")
    async with running(settings) as client:
        for wrong in ({}, bearer(token.swapcase())):
            response = await client.post("/predict_stream", json=HANDBOOK, headers=wrong)
            assert (*code(response), "www-authenticate" in response.headers) == (*REFUSED, True)


@pytest.mark.bad_input(21)
async def test_a_key_is_for_its_scopes_alone(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings, tmp_path)
    tokens = {scope: file.add(scope, [scope]) for scope in Scope}
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        for needed, request in GUARDED:
            for scope, token in tokens.items():
                headers = request.get("headers", {}) | bearer(token)
                response = await client.request(**request | {"headers": headers})
                refused = scope not in {needed, Scope.ADMIN}
                assert (response.status_code == 403) == refused, (request, scope)
                if refused:
                    assert response.json()["code"] == "wrong_scope"
                    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


async def test_keys_come_and_go_while_the_edge_runs_and_a_broken_file_changes_nothing(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, file = with_keys(settings, tmp_path)
    first = file.add("first")
    caplog.set_level(logging.DEBUG)
    async with running(settings) as client:

        async def taken(token: str) -> bool:
            return (await client.get("/models", headers=bearer(token))).status_code == 200

        assert await taken(first)
        second = file.add("second")
        await eventually(lambda: taken(second), "the new key to be taken")
        file.revoke("first")
        await eventually(lambda: taken(first), "the revoked key to be refused", expected=False)
        for broken in (lambda: file.path.write_text("no key"), file.path.unlink):
            errors = caplog.text.count("The keys from before stay in force")
            broken()
            await eventually(
                lambda n=errors: caplog.text.count("The keys from before stay in force"), expected=errors + 1
            )
            assert await taken(second)
        third = file.add("third")
        await eventually(lambda: taken(third), "the mended file to be read")
    assert not [token for token in (first, second, third) if token in caplog.text]


async def test_a_file_that_could_not_be_read_is_read_once_it_can_be(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, file = with_keys(settings, tmp_path)
    token = file.add("shop")

    def denied(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    async with running(settings) as client:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", denied)  # whoever runs the tests may be allowed to read anything
            file.revoke("shop")
            await eventually(lambda: caplog.text.count("Permission denied"), "the edge to look", expected=1)
        await eventually(lambda: known(client, token), "the revoked key to be refused", expected=False)
    assert caplog.text.count("Permission denied") == 1, "it is said once"


@pytest.mark.parametrize("content", [None, "no key\n"])
def test_an_edge_whose_file_of_keys_cannot_be_used_does_not_start(
    settings: Settings, tmp_path: Path, content: str | None
) -> None:
    settings, file = with_keys(settings, tmp_path)
    file.path.unlink() if content is None else file.path.write_text(content)
    with pytest.raises(SettingsError, match=r"STREAMAPP_API_KEYS_FILE: .*keys\.jsonl"):
        create_app(settings)


def test_an_edge_that_asks_for_no_keys_says_so(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    create_app(settings)
    assert "No API keys are asked for" in caplog.text


@pytest.mark.bad_input(21)
async def test_a_prediction_is_there_for_who_asked_for_it_alone(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings, tmp_path)
    ours, again, theirs = file.add("ours"), file.add("ours"), file.add("theirs")
    async with connect(settings) as redis, running(settings) as client:
        await redis.set(settings.prediction_key("id-1", "ours"), b'{"id":"id-1"}')
        await redis.set(settings.prediction_key("id-2"), b'{"id":"id-2"}')

        async def seen(token: str, record_id: str) -> tuple[int, str]:
            return code(await client.get(f"/predictions/{record_id}", headers=bearer(token)))

        assert [await seen(token, "id-1") for token in (ours, again)] == [(200, "")] * 2
        missing = await client.get("/predictions/id-1", headers=bearer(theirs))
        nowhere = await client.get("/predictions/id-3", headers=bearer(theirs))
        assert code(missing) == code(nowhere) == (404, "prediction_not_found")
        assert missing.json()["detail"] == nowhere.json()["detail"]
        assert [await seen(token, "id-2") for token in (ours, theirs)] == [(200, "")] * 2, "it is for everybody"


async def known(client: httpx.AsyncClient, token: str) -> bool:
    return (await client.get("/models", headers=bearer(token))).status_code != REFUSED[0]


async def test_every_record_of_a_request_names_its_owner(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings, tmp_path)
    token = bearer(file.add("shop"))
    await put_cards(settings, card("svm"))
    async with running(settings) as client, answering(settings):
        await eventually(lambda: ready(client), "the edge to be ready")

        async def replied() -> int:
            return (await client.post("/predict?model=svm", json=HANDBOOK, headers=token)).status_code

        assert (await client.post("/predict_stream", json=HANDBOOK, headers=token)).status_code == 202
        lines = body([row(1), row(2)])
        assert (await client.post("/predict_stream", content=lines, headers=token | NDJSON)).status_code == 202
        await eventually(replied, "a reply", expected=200)
    owners = [dict(record.headers).get("ce_owner") for record in await on_topic(settings, settings.input_topic)]
    assert len(owners) >= 4
    assert set(owners) == {b"shop"}


async def test_the_producer_sends_a_key_where_it_has_one(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings, tmp_path)
    token, row = file.add("producer"), json.dumps(HANDBOOK).encode()
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        url = str(client.base_url)
        for key, status in ((token, "202"), ("", "401")):
            async with HttpSender(url, 1, key=key) as http:
                assert await http.send(Call("svm", row)) == status
        async with Caller(f"{url}/predict?model=none", 5, ssl.create_default_context(), token) as caller:
            assert (await caller.ask(row)).status == "404"


async def test_requests_without_keys_have_no_owner(edge: httpx.AsyncClient, settings: Settings) -> None:
    await edge.post("/predict_stream", json=HANDBOOK)
    [record] = await records(settings, 1)
    assert "ce_owner" not in dict(record.headers)
