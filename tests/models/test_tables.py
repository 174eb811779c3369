"""What is made of a file before anything is trained."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tabular import Kind, Library, data
from models.tabular.columns import describe, typed, useless
from models.tabular.errors import TableError
from models.tabular.evaluation import plots, scores
from models.tabular.reading import read
from models.tabular.recipes import RECIPES, Effort
from models.tabular.target import labels, task_of
from models.tabular.train import name_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def kind(values: list[object]) -> str:
    return describe(typed(pd.Series(values, name="x"))).type


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,x\n", {"a": "integer", "b": "string"}),
        ("a;b\n1,5;x\n2,25;y\n", {"a": "number", "b": "string"}),
        ("a\tb\n1.5\ttrue\n", {"a": "number", "b": "boolean"}),
        ('\ufeffa|b c\n1|"x|y"\n', {"a": "integer", "b c": "string"}),
        ("a,b\n1,2024-01-31\n,2024-02-01T10:00:00+02:00\n", {"a": "number", "b": "timestamp"}),
        ("a,b\n1,True\n2,\n", {"a": "integer", "b": "boolean"}),
    ],
)
def test_separator_decimals_and_types_are_found(path: Path, text: str, columns: dict[str, str]) -> None:
    path.write_text(text, encoding="utf-8")
    frame = read(path)
    assert {name: describe(typed(frame[name])).type for name in frame} == columns


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "one column at most"),
        (b"just text\n", "one column at most"),
        (b"a,b\n1,2,3\n", "no CSV file that can be read"),
        ("größe,b\n1,2\n".encode("latin-1"), "save it as CSV in UTF-8"),
        (b"a b,A_B,c\n1,2,3\n", "These columns have one name.*'a b', 'A_B'"),
        (b"x,x\n1,2\n", "These columns have one name.*'x', 'x'"),
        (b'"size ""in""",b\n1,2\n', 'These columns have quotes.*size "in"'),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_reason(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    with pytest.raises(TableError, match=reason):
        read(path)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["31.12.2024", "01.02.2024"], "timestamp"),
        (["12/31/2024", "01/02/2024"], "timestamp"),
        (["01/02/2024", "02/03/2024"], "string"),  # day first or month first: nobody knows
        (["2024-01-31 10:30", None], "timestamp"),
        (["1.2.3", "4.5.6"], "string"),
        (["yes", "no"], "string"),
        ([1, 2], "integer"),
        ([1.0, None], "number"),
        ([True, None], "boolean"),
    ],
)
def test_type_of_a_column(values: list[object], found: str) -> None:
    assert kind(values) == found


@given(st.datetimes(pd.Timestamp("1900-01-01").to_pydatetime(), pd.Timestamp("2200-01-01").to_pydatetime()))
def test_times_are_read_as_they_were_written(time: pd.Timestamp) -> None:
    written = pd.Series([time.isoformat(), None, time.isoformat(sep=" ")], dtype=object)
    read_back = typed(written)
    assert read_back.iloc[0] == read_back.iloc[2] == pd.Timestamp(time)
    assert pd.isna(read_back.iloc[1])


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("x", [None] * 30, "empty"),
        ("x", [3] * 30, "always the same"),
        ("customer_id", [7 * i for i in range(30)], "an id"),
        ("Unnamed: 0", list(range(30)), "an id"),
        ("note", [f"text {i}" for i in range(30)], "another text in almost each row"),
        ("paid", [7 * i for i in range(30)], ""),
        ("x", [1, None] * 15, ""),
        ("x", ["a", "b"] * 15, ""),
    ],
)
def test_columns_that_say_nothing_are_told_with_the_reason(name: str, values: list[object], reason: str) -> None:
    found = useless(typed(pd.Series(values, name=name)))
    assert found.endswith(reason) if reason else not found


@pytest.mark.parametrize(
    ("values", "task", "dtype"),
    [
        (["a", "b", None] * 9, Kind.CLASSIFICATION, object),
        ([1.0, 2.0, None] * 9, Kind.CLASSIFICATION, np.int64),
        ([0, 1] * 9, Kind.CLASSIFICATION, np.int64),
        ([True, False] * 9, Kind.CLASSIFICATION, bool),
        ([True, False, None] * 9, Kind.CLASSIFICATION, bool),
        ([0.5, 1.5, None] * 9, Kind.REGRESSION, np.float64),
        (list(range(40)), Kind.REGRESSION, np.float64),
    ],
)
def test_task_and_labels_are_those_of_the_column(values: list[object], task: Kind, dtype: type) -> None:
    target = pd.Series(values, name="y")
    assert task_of(target) is task
    assert labels(target, task).dtype == dtype
    assert set(labels(target, task)) == {value for value in values if value is not None}


@pytest.mark.parametrize(
    ("values", "task", "reason"),
    [
        ([1] * 30, Kind.CLASSIFICATION, "always the same"),
        ([f"k{i}" for i in range(30)], Kind.CLASSIFICATION, "those are no classes"),
        (["a"] * 29 + ["b"], Kind.CLASSIFICATION, "no two classes with two rows"),
        ([0.5, 1.5] * 15, Kind.CLASSIFICATION, "holds fractions"),
        (["a", "b"] * 15, Kind.REGRESSION, "holds no numbers"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(values: list[object], task: Kind, reason: str) -> None:
    with pytest.raises(TableError, match=reason):
        labels(pd.Series(values, name="y"), task)


def test_rows_without_target_or_alone_in_their_class_are_dropped_and_the_split_has_every_class() -> None:
    frame = pd.DataFrame({"x": [0.5, 1.5] * 25, "My Target": ["a"] * 40 + ["b"] * 6 + ["alone"] + [None] * 3})
    table = data.prepare(frame, "here", "my_target")
    assert (table.target, table.dropped) == ("My Target", 4)
    assert set(table.train_target) == set(table.test_target) == {"a", "b"}
    with pytest.raises(TableError, match="19 rows with a target are too few"):
        data.prepare(frame.iloc[27:46], "here", "My Target")
    with pytest.raises(TableError, match=r"No column is left .*'x' \(always the same\)"):
        data.prepare(frame.assign(x=1), "here", "My Target")


def test_a_class_that_the_test_part_lacks_stops_no_evaluation(tmp_path: Path) -> None:
    numbers = np.random.default_rng(1).normal(size=40)
    frame = pd.DataFrame({"x": numbers, "y": ["a"] * 30 + ["b"] * 2 + ["c"] * 8})
    table = data.prepare(frame, "here", "y")
    for library in (Library.LIGHTGBM, Library.SKLEARN):
        model = RECIPES[library](table, Effort(tmp_path))
        assert set(scores(model, table)) == {"macro_f1", "accuracy", "log_loss"}
        assert len(list(plots(model, table, {"x": 0.1}))) == 3


@pytest.mark.parametrize(
    ("file", "name"), [("Käufe 2024.csv", "Kaufe-2024"), ("a_b-c.csv", "a_b-c"), ("数据.csv", "table")]
)
def test_name_is_made_from_the_files(file: str, name: str) -> None:
    assert name_of(Path(file)) == name
