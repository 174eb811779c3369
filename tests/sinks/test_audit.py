"""The CSV audit: what a row looks like, and what becomes of a file that was torn, changed, shared or full."""

import json
from pathlib import Path

import msgspec
import pytest
from sinks_support import (
    CsvBackend,
    csv_ids,
    csv_rows,
    following,
    ids,
    origin,
    predict,
    prediction,
    send,
)
from waiting import eventually

from streamapp.contracts import codec
from streamapp.contracts.errors import ServiceError, SettingsError
from streamapp.contracts.settings import Settings
from streamapp.sinks import audit_rows
from streamapp.sinks.audit import CsvAudit
from streamapp.sinks.ports import Batch, Displaced, Newest, Position, Predicted

FORMER = "timestamp,modelo,prediccion,data,id,version,partition,offset,input_offset,watermark"
HEADER = FORMER + ",input_topic,others"
SHARED = "mlops_stream"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"input_topic": SHARED})


def at(offset: int) -> Position:
    """Position behind `predicted(offset)`."""
    return Position(offset + 1, {SHARED: Newest(offset, offset)})


def predicted(offset: int, partition: int = 0, **fields: object) -> Predicted:
    value = prediction(str(fields.pop("id", f"r{offset}")), **fields)
    return Predicted(codec.decode_prediction(value), value, partition, at(offset), SHARED)


async def kept(settings: Settings, *entries: Predicted) -> None:
    """Write rows as a sink would, and let it go."""
    audit = CsvAudit(settings)
    for entry in entries:
        before = (await audit.positions([entry.partition]))[entry.partition]
        await audit.write(Batch(entry.partition, before, entry.position, [entry]))
    await audit.close()


async def positions(settings: Settings, *partitions: int) -> dict[int, Position]:
    audit = CsvAudit(settings)
    try:
        return await audit.positions(partitions)
    finally:
        await audit.close()


async def test_a_row_has_the_columns_of_the_older_system_first(settings: Settings) -> None:
    rows = msgspec.Raw(b'[{"Designation":1.5},\n {"Team":"a,b"}]')
    value = prediction("r1", predictions=[1, 0], data=rows)
    await send(settings, settings.predictions_topic, [(3, value, origin(3, 41, 99))])
    async with following(settings, CsvAudit(settings)):
        await eventually(lambda: csv_ids(settings), expected=["r1"])
    assert settings.csv_path.read_text().splitlines()[0] == HEADER
    (row,) = csv_rows(settings.csv_path)
    assert json.loads(row.pop("data")) == [{"Designation": 1.5}, {"Team": "a,b"}]
    assert row == {
        "timestamp": "2026-11-22T01:12:27",
        "modelo": "svm",
        "prediccion": "[1,0]",
        "id": "r1",
        "version": "3",
        "partition": "3",
        "offset": "0",
        "input_offset": "41",
        "watermark": "99",
        "input_topic": SHARED,
        "others": "",
    }


@pytest.mark.parametrize("topics", [("", "a", "b"), ("a", "b", "")])
async def test_the_last_row_says_the_newest_request_of_every_input_topic(
    settings: Settings, topics: tuple[str, ...]
) -> None:
    here = Position()
    for offset, topic in enumerate(topics):
        newest = {**here.newest, topic: Newest(offset + 40, 99)} if topic else here.newest
        here = Position(offset + 1, newest)
        await kept(settings, msgspec.structs.replace(predicted(offset), position=here, input_topic=topic))
    assert await positions(settings, 0) == {0: here}
    assert here.newest.keys() == {"a", "b"}


async def test_a_file_of_a_former_version_goes_on_under_the_new_header(settings: Settings) -> None:
    rows = ['2026,svm,[1],"[1,2]",r0,3,0,7,5,8', "2026,svm,[1],[],r1,3,1,3,-1,-1"]
    settings.csv_path.write_text("\n".join([FORMER, *rows, ""]))
    settings.csv_path.chmod(0o640)
    known = {0: Position(8, {SHARED: Newest(5, 8)}), 1: Position(4)}
    assert await positions(settings, 0, 1) == known
    assert settings.csv_path.read_text().splitlines() == [HEADER, *rows]
    assert settings.csv_path.stat().st_mode & 0o777 == 0o640
    await kept(settings, predicted(8))
    assert await positions(settings, 0, 1) == {**known, 0: at(8)}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
async def test_no_cell_is_taken_for_a_formula(settings: Settings, text: str) -> None:
    await kept(settings, predicted(0, id=text, model=text, version=text, timestamp=text))
    (row,) = csv_rows(settings.csv_path)
    shown = "'" + text.replace("\r", " ")
    assert [row[name] for name in ("timestamp", "modelo", "id", "version")] == [shown] * 4
    assert await positions(settings, 0) == {0: at(0)}


async def test_a_row_is_one_line_whatever_its_cells_hold(settings: Settings) -> None:
    await kept(settings, predicted(0, id='a\n"b",\r\nc\x00\u2028é', data=msgspec.Raw(b"[\r\n{}\n]")), predicted(1))
    assert settings.csv_path.read_bytes().count(b"\n") == 3
    assert await positions(settings, 0) == {0: at(1)}


async def test_a_large_row_is_read_back(settings: Settings) -> None:
    await kept(settings, predicted(0, data=msgspec.Raw(b'["' + b"x" * 900_000 + b'"]')), predicted(5, partition=2))
    assert await positions(settings, 0, 1, 2) == {0: at(0), 1: Position(), 2: at(5)}


@pytest.mark.parametrize("torn", [b'2026,svm,[1],"[{""a', b"2026,svm,[1],[],r9,3,0,12,12", b"\x00" * 5000, b"a,b\n"])
async def test_what_a_crash_left_behind_the_last_row_is_cut_off(settings: Settings, torn: bytes) -> None:
    await kept(settings, predicted(0), predicted(1))
    whole = settings.csv_path.read_bytes()
    settings.csv_path.write_bytes(whole + torn)
    assert await positions(settings, 0) == {0: at(1)}
    assert settings.csv_path.read_bytes() == whole


@pytest.mark.parametrize("length", [0, 1, len(HEADER)])
async def test_a_file_that_got_no_further_than_its_header_is_begun_anew(settings: Settings, length: int) -> None:
    settings.csv_path.write_text(HEADER[:length])
    assert await positions(settings, 0) == {0: Position()}
    assert settings.csv_path.read_text() == HEADER + "\n"


@pytest.mark.parametrize(
    "text", ["timestamp,modelo,prediccion,data\n2026-01-01T00:00:00,svm,[1],[]\n", "notes", HEADER + "2\n", "\n"]
)
async def test_a_file_that_is_not_ours_is_refused_and_left_alone(settings: Settings, text: str) -> None:
    settings.csv_path.write_text(text)
    with pytest.raises(SettingsError, match="STREAMAPP_CSV_PATH"):
        await positions(settings, 0)
    assert settings.csv_path.read_text() == text


async def test_a_file_saved_with_other_line_ends_is_read(settings: Settings) -> None:
    await kept(settings, predicted(0), predicted(1))
    settings.csv_path.write_bytes(settings.csv_path.read_bytes().replace(b"\n", b"\r\n"))
    assert await positions(settings, 0) == {0: at(1)}


async def test_a_second_writer_waits_until_the_first_one_ends(settings: Settings) -> None:
    first, second = CsvAudit(settings), CsvAudit(settings)
    await first.positions([0])
    with pytest.raises(ServiceError, match=r"STREAMAPP_CSV_PATH.*process \d+"):
        await second.positions([0])
    await first.close()
    assert await second.positions([0]) == {0: Position()}
    await second.close()


async def test_a_path_that_cannot_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "predicciones.csv"):
        with pytest.raises(ServiceError, match="STREAMAPP_CSV_PATH"):
            await positions(settings.model_copy(update={"csv_path": path}), 0)


async def test_a_changed_file_is_not_written_before_it_was_read_again(settings: Settings) -> None:
    audit = CsvAudit(settings)
    await audit.positions([0])
    settings.csv_path.write_text(HEADER + f"\n2026,svm,[1],[],r,3,0,8,8,8,{SHARED},\n")
    with pytest.raises(Displaced):
        await audit.write(Batch(0, Position(), Position(1), [predicted(0)]))
    assert await audit.positions([0]) == {0: at(8)}
    await audit.close()


async def test_a_removed_file_is_written_anew(settings: Settings) -> None:
    await predict(settings, range(30))
    async with following(settings, CsvAudit(settings)):
        await eventually(lambda: csv_ids(settings), expected=ids(range(30)))
        settings.csv_path.unlink()
        await eventually(lambda: csv_ids(settings), expected=ids(range(30)))


async def test_the_folder_is_made(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"csv_path": tmp_path / "a" / "b" / "predicciones.csv"})
    await kept(settings, predicted(0))
    assert await CsvBackend(settings).ids() == ["r0"]


def test_a_line_that_is_no_row_has_no_position() -> None:
    for line in (b"", b"1,2,3", b"\xff,,,,,,", b"1,2,3,4,a,b:c", audit_rows.HEADER, audit_rows.FORMER_HEADER):
        assert audit_rows.position(line, SHARED) is None
