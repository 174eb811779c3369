"""`/docs`: Swagger UI, with its files served by the edge, so that it shows where a browser reaches nothing else."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

from api.errors import EdgeCode, Refusal
from api.http.routing import DirectRoute

#: Has Swagger UI's files, of which it follows each release; nothing else of it is used.
_PACKAGE: Final = "fastapi_swagger.resources"
_TYPES: Final[Mapping[str, str]] = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
#: Swagger UI styles in line, starts with a script in the page, and has pictures in its style sheet.
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:"
}
_FILE_HEADERS: Final = {"Cache-Control": "max-age=3600"}
#: Without the second, Swagger UI has its makers' server look at the document.
_OPTIONS: Final[Mapping[str, Any]] = {"defaultModelsExpandDepth": 0, "validatorUrl": None}

router = APIRouter(route_class=DirectRoute)


@router.get("/docs", include_in_schema=False)
async def page(_: Request) -> Response:
    """Show the OpenAPI document, and try requests."""
    response = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="streamapp",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon-32x32.png",
        swagger_ui_parameters=dict(_OPTIONS),
    )
    response.headers.update(_PAGE_HEADERS)
    return response


@router.get("/docs/{name}", include_in_schema=False)  # noqa: FAST003  # a direct route reads it itself
async def file(request: Request) -> Response:
    """Serve a file of Swagger UI."""
    name = request.path_params["name"]
    if name not in _TYPES:
        raise Refusal(EdgeCode.NOT_FOUND, "Nothing is served under this path; /docs lists what is.")
    return Response(_content(name), media_type=_TYPES[name], headers=_FILE_HEADERS)


@cache
def _content(name: str) -> bytes:
    return files(_PACKAGE).joinpath(name).read_bytes()
