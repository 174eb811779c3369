"""What is answered to a bulk request."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import Request, Response

from api.bulk.records import LineError
from api.errors import EdgeCode
from api.media_types import JSON
from api.problems import kinds, responses
from streamapp.contracts import codec
from streamapp.contracts.errors import Code, ServiceError

#: Most refused lines that an answer lists.
MOST_LISTED: Final = 100
#: Bytes that one of them takes beside its detail. An upper guess.
_LISTED_BYTES: Final = 256


class BulkAccepted(msgspec.Struct, frozen=True):
    """Lines that the broker has acknowledged, and lines that were refused.

    Attributes:
        status: `queued`.
        id: Id of the request. The record of line 7, and its prediction, have this id followed by `-7`.
        lines: Lines of the body, blank ones too.
        accepted: Lines that the broker has acknowledged.
        refused: Lines that were refused.
        errors: The first of the refused lines, each with the reason.
        unlisted: Refused lines beyond those.
    """

    status: str
    id: str
    lines: int
    accepted: int
    refused: int
    errors: Sequence[LineError]
    unlisted: int


class BulkProblem(kinds.Problem, frozen=True, omit_defaults=True, kw_only=True):
    """A request of many lines that nothing, or not all, was accepted of.

    Attributes:
        accepted: Lines that the broker has acknowledged.
        refused: Lines that were refused.
        errors: The first of the refused lines, each with the reason.
        unlisted: Refused lines beyond those.
        unconfirmed: Ranges of lines, both ends included, whose records may be on the topic or not.
        next_line: Number of the first line that was not looked at.
    """

    accepted: int
    refused: int
    errors: Sequence[LineError]
    unlisted: int
    unconfirmed: Sequence[tuple[int, int]]
    next_line: int


class Report:
    """What is to be said of the lines of one request.

    Args:
        request: The request.
        record_id: Its id.

    Attributes:
        next_line: Number of the first line that was not looked at.
        kept: Bytes that the listed lines take.
    """

    def __init__(self, request: Request, record_id: str) -> None:
        self.next_line = 1
        self.kept = 0
        self._request = request
        self._id = record_id
        self._refused = 0
        self._errors: list[LineError] = []

    def refuse(self, errors: Sequence[LineError]) -> None:
        """Count lines that were refused."""
        listed = errors[: MOST_LISTED - len(self._errors)]
        self._refused += len(errors)
        self._errors += listed
        self.kept += sum(_LISTED_BYTES + len(error.detail) for error in listed)

    def finished(self, accepted: int) -> Response:
        """Return the answer to a request that was read to its end, and of which the broker has what was accepted."""
        if accepted:
            answer = BulkAccepted(
                "queued", self._id, self.next_line - 1, accepted, self._refused, self._errors, self._unlisted
            )
            return Response(codec.encode(answer), HTTPStatus.ACCEPTED, media_type=JSON)
        if self._refused:
            return self._problem(EdgeCode.ALL_REFUSED, "No line was accepted; `errors` says why.")
        return self._problem(Code.EMPTY_DATA, "The body has no line; send one record a line.")

    def stopped(self, reason: ServiceError, accepted: int, unconfirmed: Sequence[tuple[int, int]]) -> Response:
        """Return the answer to a request that could not be accepted as a whole."""
        detail = f"{reason} Go on with line {self.next_line}."
        if unconfirmed:
            detail += " The lines in `unconfirmed` may be on the topic or not."
        code = responses.service_code(reason)
        response = self._problem(code, detail, accepted=accepted, unconfirmed=unconfirmed)
        response.headers.update(responses.service_headers(reason))
        return response

    @property
    def _unlisted(self) -> int:
        return self._refused - len(self._errors)

    def _problem(
        self, code: str, detail: str, accepted: int = 0, unconfirmed: Sequence[tuple[int, int]] = ()
    ) -> Response:
        return responses.respond(
            self._request,
            code,
            detail,
            BulkProblem,
            id=self._id,
            accepted=accepted,
            refused=self._refused,
            errors=self._errors,
            unlisted=self._unlisted,
            unconfirmed=unconfirmed,
            next_line=self.next_line,
        )
