"""`POST /predict_stream` with a record a line: read as it comes, and no faster than the broker takes it."""

from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response

from api.admission.callers import owner_headers
from api.admission.room import Share
from api.bulk.body import Body
from api.bulk.lines import Line, Lines
from api.bulk.outbox import Outbox
from api.bulk.records import Reader, slices
from api.bulk.report import Report
from api.edge import SOURCE, Edge, edge_of
from api.errors import Overloaded
from api.http.lingering import Lingering
from api.intake import bodies, ids, tracing
from api.intake.query import query_of
from api.telemetry.requests import asks
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable, ServiceError

#: Bytes that a request may keep unasked while it waits for its client: no more than its connection takes. So those
#: with short lines go on where others have taken all that there is for long ones.
_OWN: Final = 8 * 1024
#: Most bytes that are made lines at once: one of two bytes takes some hundred as an object.
_CUT: Final = 32 * 1024


async def predict_stream(request: Request) -> Response:
    """Queue the lines of a request for prediction, each as a record of its own."""
    edge = edge_of(request)
    bodies.check_encoding(request)
    alias = query_of(request).get("model")
    if alias is not None:
        edge.lag.require_room(edge.settings.topic_of(alias))
        edge.catalogue.decoder(alias)
        asks(request, alias)
    alias = alias or edge.settings.default_model
    record_id = ids.request_id()
    publishing = tracing.Publishing(request, edge.settings.topic_of(alias), record_id)
    with Share(edge.bulk.kept) as kept, publishing as traced:
        bulk = _Bulk(request, edge, alias, kept, record_id=record_id, traced=traced)
        response, stop = await bulk.respond()
        if isinstance(stop, BrokerUnavailable):
            publishing.fail(stop)
        return response


class _Bulk:
    """One request.

    Args:
        request: The request.
        edge: The parts of the edge.
        alias: Alias of the model for lines that name none.
        kept: Takes memory for what is kept while the client is waited for.
        record_id: Its id.
        traced: The trace that its records belong to.
    """

    def __init__(
        self, request: Request, edge: Edge, alias: str, kept: Share, *, record_id: str, traced: tracing.Traced
    ) -> None:
        more = [*traced.headers, *owner_headers(request)]
        _, *headers = codec.request_headers(record_id, SOURCE, more)  # each record has an id of its own
        self._id, self._alias, self._traced = record_id, alias, traced
        self._request = request
        self._admission = edge.admission
        self._closing = edge.bulk.closing
        self._body = Body(request, self._closing, edge.settings.request_timeout)
        self._places, self._turns, self._kept = edge.bulk.places, edge.bulk.turns, kept
        self._lines = Lines(edge.settings.max_body_bytes)
        self._reader = Reader(edge, alias)
        self._outbox = Outbox(edge.bulk.publisher, edge.settings.publish_timeout, record_id, headers)
        self._report = Report(request, record_id)

    async def respond(self) -> tuple[Response, ServiceError | None]:
        """Read the request to its end, or to where no more can be accepted; say what was, and what stopped it."""
        stop = await self._attempt()
        await self._outbox.settle()
        accepted, unconfirmed = self._outbox.accepted, self._outbox.unconfirmed
        if unconfirmed and stop is None:
            stop = BrokerUnavailable("The broker did not acknowledge all records.")
        tracing.accepted(self._traced, self._id, self._alias, records=accepted)
        if stop is None:
            return self._report.finished(accepted), None
        response = self._report.stopped(stop, accepted, unconfirmed)
        return (response if self._body.at_end else Lingering(response, self._closing)), stop

    async def _attempt(self) -> ServiceError | None:
        try:
            await self._accept()
        except BrokerUnavailable as exc:
            return exc
        except ServiceError as exc:
            return await self._flush() or exc
        return None

    async def _flush(self) -> ServiceError | None:
        try:
            await self._outbox.flush()
        except BrokerUnavailable as exc:
            return exc
        return None

    async def _accept(self) -> None:
        """Take the body. What has come by the time that it is read leaves together: no record waits for others."""
        async for piece in self._body:
            async with self._places.place():
                await self._work_on(piece)
            if not self._body.at_end:
                self._keep()

    async def _work_on(self, piece: bytes) -> None:
        for start in range(0, len(piece), _CUT):
            await self._take(self._lines.feed(piece[start : start + _CUT]))
        if self._body.at_end:
            await self._take(self._lines.finish())
        await self._outbox.flush()
        await self._outbox.relieve()

    def _keep(self) -> None:
        """Count what is kept until more comes.

        Raises:
            Overloaded: There is no memory left for it.
        """
        try:
            self._kept.resize(max(0, self._lines.kept + self._report.kept - _OWN))
        except Overloaded:
            raise Overloaded("Too many requests are under way.") from None

    async def _take(self, lines: Sequence[Line]) -> None:
        """Check lines, and hand over their records."""
        if lines:
            self._body.line_ended()
        for part in slices(lines):
            await self._take_slice(part)
        self._report.next_line = self._lines.count + 1

    async def _take_slice(self, lines: Sequence[Line]) -> None:
        while lines:
            admitted = await self._admission.count(self._request, len(lines))
            await self._check(lines[:admitted])
            lines = lines[admitted:]

    async def _check(self, lines: Sequence[Line]) -> None:
        async with self._turns.turn():
            checked = await self._reader.check(lines)
        self._outbox.expect(checked.records)
        self._report.refuse(checked.errors)
        self._report.next_line = checked.next_line
        await self._outbox.put(checked.records)
        if checked.stop is not None:
            raise checked.stop
