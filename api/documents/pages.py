"""What explains the edge: a page for each kind of problem, and the topics as a document and as a page."""

from fastapi import APIRouter, Request, Response

from api.documents import declarations, problem_pages
from api.documents.asyncapi import document, page
from api.edge import edge_of
from api.errors import EdgeCode, Refusal
from api.http.routing import DirectRoute
from api.media_types import JSON
from api.problems import kinds
from streamapp.contracts import codec

router = APIRouter(route_class=DirectRoute, tags=["Documentation"])


@router.get("/problems", **declarations.PROBLEM_PAGES)
async def problem_list(_: Request) -> Response:
    """List the kinds of problems."""
    return problem_pages.index()


@router.get("/problems/{code}", **declarations.PROBLEM_PAGE)  # noqa: FAST003  # a direct route reads it itself
async def problem(request: Request) -> Response:
    """Explain a kind of problem: this is where the `type` of one leads."""
    code = request.path_params["code"]
    if code not in kinds.KINDS:
        raise Refusal(EdgeCode.NOT_FOUND, "There is no problem of this code; /problems lists them.")
    return problem_pages.page(code)


@router.get("/asyncapi.json", **declarations.ASYNCAPI)
async def asyncapi_document(request: Request) -> Response:
    """Describe the topics, and what is on them, as an AsyncAPI document."""
    return Response(codec.encode(document.document(edge_of(request).settings)), media_type=JSON)


@router.get("/asyncapi", **declarations.ASYNCAPI_PAGE)
async def asyncapi_page(request: Request) -> Response:
    """Show the topics, and what is on them."""
    return page.page(document.document(edge_of(request).settings))
