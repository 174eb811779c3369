"""What schemathesis has to be told of the edge, because no schema can say it."""

import json
import uuid
from datetime import datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st

ROW = {"amount": 1.5, "count": 2, "city": "Salta", "member": True, "since": "2026-01-02T03:04:05Z"}
LINES = "application/x-ndjson"

TENSORS = [
    {"name": "amount", "shape": [1], "datatype": "FP64", "data": [1.5]},
    {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Salta"]},
]
#: By a key of a body in which fields stand beside their values: such a body with fields that there are. No schema can
#: say that there must be as many of these as of those, nor of which type.
FITTING: dict[str, Any] = {
    "columns": {"columns": list(ROW), "data": [list(ROW.values())]},
    "dataframe_split": {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())] * 2}},
    "inputs": {"inputs": {name: [value] for name, value in ROW.items()}},
}

_times = st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31)).map(lambda time: f"{time.isoformat()}Z")  # noqa: DTZ001  # the zone follows
schemathesis.openapi.format("date-time", _times)

_lines = st.lists(
    st.sampled_from([ROW, {"data": [ROW]}, {"payload": {"data": [ROW, ROW]}, "model": "knn"}]), min_size=1
)
schemathesis.openapi.media_type(LINES, _lines.map(lambda lines: "\n".join(map(json.dumps, lines)).encode()))


@schemathesis.hook
def before_call(_: Any, case: Any, kwargs: Any) -> None:
    """Make a request that fits the document one that fits what the document cannot say, too."""
    if case.meta is None or case.meta.generation.mode.is_negative:
        return
    headers = case.headers
    if headers and "Idempotency-Key" in headers:
        # A key is for one request. One of lines takes none.
        if case.media_type == LINES:
            del headers["Idempotency-Key"]
        else:
            headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.operation.path.endswith("/infer"):
        case.body = {**case.body, "inputs": TENSORS, "outputs": None}
    elif isinstance(case.body, dict):
        key = next((key for key in FITTING if case.body.get(key) is not None), "")
        case.body = FITTING.get(key, case.body)


@schemathesis.hook
def before_load_schema(_: Any, raw_schema: dict[str, Any]) -> None:
    """Take away the example of lines: schemathesis takes none where a media type has a strategy."""
    del raw_schema["paths"]["/predict_stream"]["post"]["requestBody"]["content"][LINES]["examples"]
