"""Every problem leads to a page that explains it."""

import msgspec
import pytest
from edge_support import running

from api.bulk.report import BulkProblem
from api.documents import problem_pages
from api.problems.kinds import KINDS, Problem
from api.problems.texts import TEXTS
from streamapp.contracts.settings import Settings


def test_every_code_has_a_text_and_no_text_lacks_a_code() -> None:
    assert list(set(KINDS) ^ set(TEXTS)) == []


@pytest.mark.parametrize("code", KINDS)
def test_every_text_says_all_that_a_page_needs(code: str) -> None:
    text = TEXTS[code]
    for said in (text.means, text.why, text.remedy, text.detail):
        assert said.strip().endswith("."), said
    assert text.instance.startswith("/")


@pytest.mark.parametrize("code", KINDS)
def test_every_example_is_a_problem(code: str) -> None:
    example = problem_pages.example(code)
    kind = BulkProblem if "errors" in example else Problem
    assert msgspec.to_builtins(msgspec.convert(example, kind)).items() >= example.items()


async def test_the_type_of_a_problem_leads_to_its_page(settings: Settings) -> None:
    async with running(settings) as edge:
        problem = (await edge.post("/predict_stream?model=x", json={})).json()
        page = await edge.get(problem["type"])
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f"<code>{problem['code']}</code>" in page.text
        assert problem["title"] in page.text


async def test_every_page_is_served_and_listed(settings: Settings) -> None:
    async with running(settings) as edge:
        listed = (await edge.get("/problems")).text
        for code, (status, title) in KINDS.items():
            page = await edge.get(problem_pages.example(code)["type"])
            assert (page.status_code, f">{status}<" in page.text, title in page.text) == (200, True, True), code
            assert f'href="/problems/{code}"' in listed


async def test_another_page_is_a_problem(settings: Settings) -> None:
    async with running(settings) as edge:
        for path in ("/problems/none", "/problems/", "/problems/%3Cscript%3E"):
            response = await edge.get(path)
            assert (response.status_code, response.json()["code"]) == (404, "not_found"), path
