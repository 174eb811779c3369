"""Lines of a bulk request made into records: each is checked as the body of a request of its own would be."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec

from api.bulk.lines import Line
from api.edge import Edge
from api.intake import bodies
from streamapp.contracts import codec
from streamapp.contracts.errors import Code, RecordError, ServiceError
from streamapp.contracts.json_faults import require_names_once
from streamapp.contracts.rows import RowDecoder

#: Lines that are checked in one go: between two looks at its other requests the edge works for half a millisecond.
_SLICE_LINES: Final = 64


class _Shape(msgspec.Struct, frozen=True, gc=False):
    """What tells the kinds of lines apart."""

    data: msgspec.Raw = msgspec.Raw()
    payload: msgspec.Raw = msgspec.Raw()


_SHAPE: Final = msgspec.json.Decoder(_Shape)
#: What is no object is taken for a body; as such it is refused with the reason.
_NO_OBJECT: Final = _Shape(data=msgspec.Raw(b"null"))


class LineError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a line was refused.

    Attributes:
        line: Number of the line, from 1 on; blank lines count.
        code: The reason, for a program.
        detail: What is wrong, and what to send instead.
        pointer: JSON pointer (RFC 6901) into the line, where one place in it is at fault.
    """

    line: int
    code: str
    detail: str
    pointer: str = ""


class Record(msgspec.Struct, frozen=True, gc=False):
    """What a line that fits its model puts on a topic.

    Attributes:
        line: Number of the line.
        topic: Where it goes.
        value: Its bytes.
        model: Alias of the model that it asks.
        rows: How many rows it has; known once they are checked.
    """

    line: int
    topic: str
    value: bytes
    model: str
    rows: int = 1


class Checked(NamedTuple):
    """What became of some lines.

    Attributes:
        records: Of the lines that fit, in their order.
        errors: Of the lines that do not.
        next_line: Number of the first line behind those.
        stop: Why nothing can be accepted from there on at present; None where it can.
    """

    records: Sequence[Record]
    errors: Sequence[LineError]
    next_line: int
    stop: ServiceError | None


class _Model(NamedTuple):
    """Where the records for an alias go, and what decodes their rows."""

    topic: str
    decoder: RowDecoder


class _Rows(msgspec.Struct, frozen=True, gc=False):
    """The rows of a line, not checked yet.

    Attributes:
        record: What they will be.
        decoder: What decodes them.
        data: Their JSON text.
        columns: Names of their fields, where the line gives them apart.
        root: Where in the line a body would begin; None where the line is one row.
    """

    record: Record
    decoder: RowDecoder
    data: bytes | msgspec.Raw
    columns: Sequence[str] | None
    root: str | None


class _Read(NamedTuple):
    """What some lines are taken for; `next_line` and `stop` are those of `Checked`."""

    rows: Sequence[_Rows]
    errors: Sequence[LineError]
    next_line: int
    stop: ServiceError | None


def slices(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Cut lines into parts that are checked quickly, but for a line that is long by itself."""
    start = size = 0
    for end, line in enumerate(lines, 1):
        size += len(line.text or b"")
        if end - start == _SLICE_LINES or size > bodies.LARGE:
            yield lines[start:end]
            start, size = end, 0
    if start < len(lines):
        yield lines[start:]


class Reader:
    """Makes records of the lines of one request.

    Args:
        edge: Knows the models, and which topics have room.
        alias: Alias of the model for lines that name none.
    """

    def __init__(self, edge: Edge, alias: str) -> None:
        self._edge = edge
        self._alias = alias
        self._settings = edge.settings
        self._models: dict[str, _Model] = {}

    async def check(self, lines: Sequence[Line]) -> Checked:
        """Check some lines, and encode those that fit; many bytes, and what does not fit, in a thread."""
        large = sum(len(line.text or b"") for line in lines) > bodies.LARGE
        counts: dict[int, int] = {}
        look_at = partial(self._look_at, lines, counts)
        read, doubtful = await asyncio.to_thread(look_at) if large else look_at()
        misfits = await asyncio.to_thread(_misfits, doubtful, counts) if doubtful else []
        refused = {error.line for error in misfits}
        records = [_counted(rows.record, counts) for rows in read.rows if rows.record.line not in refused]
        return Checked(records, _by_line([*read.errors, *misfits]), read.next_line, read.stop)

    def _look_at(self, lines: Sequence[Line], counts: dict[int, int]) -> tuple[_Read, Sequence[_Rows]]:
        read = self._read_all(lines)
        return read, _doubtful(read.rows, counts)

    def _read_all(self, lines: Sequence[Line]) -> _Read:
        self._models.clear()  # cards and lag change
        rows: list[_Rows] = []
        errors: list[LineError] = []
        for line in lines:
            try:
                rows.append(self._read(line))
            except RecordError as exc:
                errors.append(_error(line.number, exc))
            except ServiceError as exc:
                return _Read(rows, errors, line.number, exc)
        return _Read(rows, errors, lines[-1].number + 1, None)

    def _read(self, line: Line) -> _Rows:
        """Take a line for what it is: a flat object is one row, `data` a body, `payload` a record as on the topic.

        Raises:
            RecordError: It is none of them, or no model serves under its alias.
            ServiceError: At present nothing is accepted for its model.
        """
        number, text = line.number, line.text
        if text is None:
            limit = self._settings.max_body_bytes
            raise RecordError(Code.RECORD_TOO_LARGE, f"A line may have {limit} bytes; send fewer rows in it.")
        shape = _shape(text)
        if shape.payload:
            request = codec.decode_request(text)
            return self._rows(number, request.model, request.payload.data, request.payload.columns, "/payload")
        if shape.data:
            body = bodies.decode(text)
            require_names_once(text, bytes(body.data), body.columns, 1)
            return self._rows(number, self._alias, body.data, body.columns, "")
        return self._rows(number, self._alias, b"[" + text + b"]", None, None)

    def _rows(
        self,
        number: int,
        alias: str,
        data: bytes | msgspec.Raw,
        columns: Sequence[str] | None,
        root: str | None,
    ) -> _Rows:
        topic, decoder = self._models.get(alias) or self._model(alias)
        value = codec.encode_request(data, columns, alias)
        if len(value) > self._settings.max_record_bytes:
            limit = self._settings.max_record_bytes
            raise RecordError(Code.RECORD_TOO_LARGE, f"A record may have {limit} bytes; send fewer rows in a line.")
        return _Rows(Record(number, topic, value, alias), decoder, data, columns, root)

    def _model(self, alias: str) -> _Model:
        model = _Model(self._settings.topic_of(alias), self._edge.catalogue.decoder(alias))
        self._edge.lag.require_room(model.topic)
        return self._models.setdefault(alias, model)


def _shape(text: bytes) -> _Shape:
    try:
        return _SHAPE.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NO_OBJECT


def _doubtful(read: Sequence[_Rows], counts: dict[int, int]) -> list[_Rows]:
    """Return the rows that do not all fit their model as they stand; where they do, one go tells.

    Args:
        read: The rows of some lines.
        counts: Gets how many rows a line has that fits and has several.
    """
    groups: dict[tuple[RowDecoder, bool], list[_Rows]] = {}
    for rows in read:
        groups.setdefault((rows.decoder, rows.columns is None), []).append(rows)
    doubtful: list[_Rows] = []
    for (decoder, plain), group in groups.items():
        decoded = decoder.decode_many([rows.data for rows in group]) if plain else None
        if decoded is None:
            doubtful += group
        else:
            pairs = zip(group, map(len, decoded), strict=True)
            counts.update((rows.record.line, count) for rows, count in pairs if count > 1)
    return doubtful


def _misfits(doubtful: Iterable[_Rows], counts: dict[int, int]) -> list[LineError]:
    """Find the rows that do not fit their models, one by one: the reason for one of them can take milliseconds.

    Args:
        doubtful: The rows of some lines.
        counts: Gets how many rows a line has that fits.
    """
    errors: list[LineError] = []
    for rows in doubtful:
        try:
            counts[rows.record.line] = len(rows.decoder.decode(rows.data, rows.columns))
        except RecordError as exc:
            exc.pointer = _pointer(exc.pointer, rows.root)
            errors.append(_error(rows.record.line, exc))
    return errors


def _counted(record: Record, counts: Mapping[int, int]) -> Record:
    count = counts.get(record.line, 1)
    return record if count == 1 else msgspec.structs.replace(record, rows=count)


def _pointer(pointer: str, root: str | None) -> str:
    """Return a pointer into a body as one into the line that stands for it."""
    if root is None:
        return pointer.removeprefix("/data").removeprefix("/0")
    return root + pointer if pointer else ""


def _error(line: int, exc: RecordError) -> LineError:
    return LineError(line, exc.code, exc.detail, exc.pointer)


def _by_line(errors: list[LineError]) -> list[LineError]:
    return sorted(errors, key=lambda error: error.line)
