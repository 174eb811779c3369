"""The OpenAPI document is true: schemathesis sends what it allows and what it does not, and looks at the answers."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from edge_support import put_cards, ready, running
from keys_support import bearer, with_keys
from waiting import eventually
from working import working

from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings
from streamapp.scoring.model import FunctionModel

HERE = Path(__file__).parent
#: About half of what there is to ask: two processes share it.
DROP_IN = "^/(v2|invocations)"
FEATURES = (
    Feature("amount", "number", required=True),
    Feature("count", "integer"),
    Feature("city", "string"),
    Feature("member", "boolean"),
    Feature("since", "timestamp"),
)
EXAMPLE = {"amount": 1.5, "count": 2, "city": "Salta", "member": True, "since": "2026-01-02T03:04:05Z"}


def shop(alias: str) -> FunctionModel:
    """Return a model; all have the same features, as a schema cannot say which alias goes with which row."""
    card = ModelCard(alias, alias, "1", "run", "test", FEATURES, example=EXAMPLE)
    return FunctionModel(card, lambda table: [0] * len(table))


async def schemathesis(url: str, *options: str) -> tuple[int, str]:
    """Run schemathesis on the document of an edge; return its exit code and what it said."""
    program = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"))
    process = await asyncio.create_subprocess_exec(
        *program,
        "run",
        f"{url}/openapi.json",
        "--no-color",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "HOME": "/nonexistent"},
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode()


@pytest.mark.timeout(300)
async def test_the_edge_answers_as_its_document_says(settings: Settings, tmp_path: Path) -> None:
    settings, keys = with_keys(settings, tmp_path)
    key = f"Authorization: {bearer(keys.add('shop'))['Authorization']}"
    models = [shop(alias) for alias in ("svm", "knn", "marketplace")]
    await put_cards(settings, *(model.card for model in models))
    async with running(settings) as edge, working(settings, *models):
        await eventually(lambda: ready(edge), "the edge to be ready")
        parts = ("--include-path-regex", DROP_IN), ("--exclude-path-regex", DROP_IN)
        ran = await asyncio.gather(*(schemathesis(str(edge.base_url), "--header", key, *part) for part in parts))
    for code, said in ran:
        assert code == 0, said


@pytest.mark.parametrize("asked", [True, False], ids=["with keys", "without keys"])
async def test_the_document_says_whether_keys_are_asked_for(
    settings: Settings, tmp_path: Path, *, asked: bool
) -> None:
    either = [{"bearer": []}, {"header": []}]
    async with running(with_keys(settings, tmp_path)[0] if asked else settings) as edge:
        paths = (await edge.get("/openapi.json")).json()["paths"]
    assert paths["/predict"]["post"]["security"] == (either if asked else [{}, *either])
    assert "security" not in paths["/livez"]["get"]


def described(part: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield each schema in a document that has examples, with each of them."""
    if isinstance(part, dict) and "schema" in part:
        given = part.get("examples", {"example": {"value": part["example"]}} if "example" in part else {})
        yield from ((part["schema"], one) for one in given.values())
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from described(inner)


@pytest.mark.parametrize("served", [True, False], ids=["of served models", "of the handbooks"])
async def test_every_example_fits_its_schema(settings: Settings, *, served: bool) -> None:
    if served:
        await put_cards(settings, shop("svm").card)
    async with running(settings) as edge:
        if served:
            await eventually(lambda: ready(edge), "the edge to be ready")
        document = (await edge.get("/openapi.json")).json()
    checked = 0
    for schema, example in described(document["paths"]):
        name = example.get("$ref", "").removeprefix("#/components/examples/")
        value = (document["components"]["examples"][name] if name else example)["value"]
        jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)
        checked += 1
    assert checked > 100


async def test_every_route_has_a_summary_in_words_and_a_group(edge: httpx.AsyncClient) -> None:
    paths = (await edge.get("/openapi.json")).json()["paths"]
    operations = [operation for item in paths.values() for operation in item.values()]
    assert all(" " in operation["summary"] and operation["tags"] for operation in operations)
    assert not any(operation["summary"] in operation.get("description", "") for operation in operations)
