"""Rows of files, as requests carry them."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from producer.rows import UnreadableRows, read_rows

ROWS: list[dict[str, Any]] = [
    {"state": "SP", "local_pickup": True, "stock_quantity": 10, "total_amount": 1.5, "attribute_id": "007"},
    {"state": "Mendoza", "local_pickup": False, "total_amount": 2.0},
]


def test_a_parquet_file_gives_its_rows_without_nulls_and_nan(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    file = tmp_path / "rows.parquet"
    columns = {name: pa.array([row.get(name) for row in ROWS]) for name in ROWS[0]} | {
        "gap": pa.array([1.5, math.nan]),
        "condition": pa.array(["new", "used"]),
    }
    parquet.write_table(pa.table(columns), file)
    assert read_rows(file, ["condition"]) == [ROWS[0] | {"gap": 1.5}, ROWS[1]]


def test_a_csv_column_is_of_the_narrowest_type_that_all_its_values_have(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        "state,local_pickup,stock_quantity,total_amount,attribute_id\nSP,True,10,1.5,7a\nMendoza,false,,2,7\n",
        encoding="utf-8-sig",
    )
    assert read_rows(file) == [ROWS[0] | {"attribute_id": "7a"}, ROWS[1] | {"attribute_id": "7"}]


def test_json_lines_are_taken_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1, "b": null}\n{"a": "x"}\n')
    assert read_rows(file) == [{"a": 1}, {"a": "x"}]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("rows.txt", "", r"rows come from \.parquet, \.csv, \.jsonl"),
        ("rows.csv", "", "cannot be read"),
        ("rows.csv", "a,b\n", "has no rows"),
        ("rows.csv", "a,b\n1,2\n3\n", "cannot be read"),
        ("rows.jsonl", "[1]\n", "cannot be read"),
        ("rows.jsonl", "", "has no rows"),
        ("rows.parquet", "no parquet", "cannot be read"),
    ],
)
def test_a_file_without_rows_is_told_with_the_reason(tmp_path: Path, name: str, text: str, reason: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UnreadableRows, match=reason):
        read_rows(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRows, match=r"gone\.csv cannot be read: .* No such file"):
        read_rows(tmp_path / "gone.csv")


def test_parquet_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnreadableRows, match=r"streamapp\[worker\]"):
        read_rows(tmp_path / "rows.parquet")
