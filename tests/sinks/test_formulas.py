"""Text that a spreadsheet would run does not get into the audit file as such, wherever a caller puts it."""

import csv
import io

import msgspec
import pytest

from streamapp.contracts.messages import Prediction
from streamapp.sinks import audit_rows
from streamapp.sinks.ports import Position, Predicted

FORMULAS = ['=HYPERLINK("http://a.b";"x")', "@SUM(1)", "\tx", "+1", "-1", "\r=1", "\n=1", "=1\n=2", '="a","=b"']


@pytest.mark.bad_input(25)
@pytest.mark.parametrize("text", FORMULAS)
def test_25_no_cell_begins_as_a_formula(text: str) -> None:
    data = msgspec.Raw(msgspec.json.encode([{"city": text}]))
    prediction = Prediction(text, text, "Shop", text, "run", [text], "2026-01-02T03:04:05.678Z", data)
    line = audit_rows.rows([Predicted(prediction, b"", 0, Position(1), "requests")]).decode()
    [cells] = csv.reader(io.StringIO(line))
    texts = [cell for cell in cells if not cell.removeprefix("-").isdigit()]
    assert len(cells) == len(audit_rows.COLUMNS)
    assert [cell for cell in texts if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))] == []
    assert msgspec.json.decode(cells[audit_rows.COLUMNS.index("data")]) == [{"city": text}]
    assert line.count("\n") == 1
