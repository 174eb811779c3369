"""Problems with the request itself: its path, its headers, its body as a whole."""

from collections.abc import Mapping
from typing import Final

from api.errors import EdgeCode
from api.problems.texts.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    EdgeCode.NOT_FOUND: Text(
        "Nothing is served under this path.",
        "A misspelt path, or one with a slash at its end.",
        "`/docs` lists all that is served.",
        "Nothing is served under this path; /docs lists what is.",
        "/predict_streams",
    ),
    EdgeCode.METHOD_NOT_ALLOWED: Text(
        "The path is served, but not with this method.",
        "Mostly a `GET` from a browser to a path that takes `POST`.",
        "Use a method that the header `Allow` names.",
        "This path takes POST only.",
    ),
    EdgeCode.MALFORMED_HTTP: Text(
        "What came is not HTTP.",
        "A client that speaks TLS to a port without it, a proxy that rewrites requests, or bytes that a scanner "
        "sends.",
        "Use an HTTP client. The connection is closed.",
        "What came is not HTTP/1.1.",
        "",
    ),
    EdgeCode.HEADERS_TOO_LARGE: Text(
        "Path, query and headers together have more bytes than they may have.",
        "Mostly cookies of other programs under the same host name, or rows that were put into the query.",
        "Send fewer headers, and rows in the body. The connection is closed.",
        "Path and headers may have 65536 bytes.",
        "",
    ),
    EdgeCode.MALFORMED_HTTP: Text(
        "What came over the connection is not HTTP/1.1.",
        "TLS spoken to a port without it, a header with a line break in it, or a body that is not as long as it "
        "says. The connection is closed.",
        "Send requests with an HTTP library.",
        "What came is not HTTP/1.1.",
        "/",
    ),
    EdgeCode.HEADERS_TOO_LARGE: Text(
        "The path, the query and the headers have more bytes than they may have together.",
        "Mostly cookies that have grown, or rows that were put into the query.",
        "Send fewer or shorter headers; rows belong in the body.",
        "Path and headers may have 65536 bytes.",
        "/",
    ),
    EdgeCode.INVALID_PARAMETER: Text(
        "A parameter of the path or of the query has a value that it cannot have.",
        "`probabilities` is `true` or `false`; an id has 1 to 200 printable characters.",
        "`detail` names the parameter and what it takes.",
        "`probabilities` is true or false.",
        "/predict",
    ),
    EdgeCode.INVALID_HEADER: Text(
        "A header has a value that it cannot have.",
        "`Prefer: wait=SECONDS` takes a number of seconds.",
        "`detail` names the header and what it takes.",
        "`Prefer: wait=SECONDS` takes a number of seconds, such as 2.5.",
        "/predict",
    ),
    EdgeCode.BODY_TOO_LARGE: Text(
        "The body has more bytes than a body may have.",
        "The bound is the setting `STREAMAPP_MAX_BODY_BYTES`; it holds for announced and for chunked bodies.",
        "Send fewer rows at once, or send them as `application/x-ndjson`, where the bound holds for each line.",
        "A body may have 900000 bytes; send fewer rows at once.",
    ),
    EdgeCode.MEDIA_TYPE_UNSUPPORTED: Text(
        "The body is not declared as JSON.",
        "The header `Content-Type` is missing or names another type; command line tools send forms unless told "
        "otherwise.",
        "Send `Content-Type: application/json`. `/predict_stream` takes `application/x-ndjson` too.",
        "Send JSON, with the header `Content-Type: application/json`.",
    ),
    EdgeCode.ENCODING_UNSUPPORTED: Text(
        "The body is compressed.",
        "Compressed bodies are not unpacked: a few bytes can become gigabytes.",
        "Send the body as it is, without the header `Content-Encoding`.",
        "Send the body as it is, without `Content-Encoding`.",
    ),
    EdgeCode.ALL_REFUSED: Text(
        "No line of the body was accepted.",
        "Each line is checked as a request of its own would be, and none of them fits.",
        "`errors` has a line's number, code and reason each. Mend the lines and send them again: nothing of this "
        "request is on a topic.",
        "No line was accepted; `errors` says why.",
        more={
            "id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90",
            "accepted": 0,
            "refused": 1,
            "errors": [
                {
                    "line": 1,
                    "code": "unknown_field",
                    "detail": "Unknown field 'Sleep'; the nearest that model svm knows is 'Sleep_Hours'.",
                    "pointer": "/Sleep",
                }
            ],
            "unlisted": 0,
            "unconfirmed": [],
            "next_line": 2,
        },
    ),
    EdgeCode.BODY_TIMEOUT: Text(
        "The request was begun and did not go on.",
        "Its body, or the next line of it, was not there in time: a connection that is lost or slow, or a program "
        "that stopped in the middle.",
        "Send the body without long pauses. Of a request of lines, `next_line` says where to go on.",
        "No line came for 30 s. Go on with line 1201.",
    ),
}
