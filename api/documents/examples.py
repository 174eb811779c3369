"""Examples in the OpenAPI document: requests and what is answered to them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.documents.schemas import spelled
from api.intake.bodies import FLAT_MODEL
from streamapp.contracts.card import ModelCard

#: Datatypes of the Open Inference Protocol.
_DATATYPES: Final[Mapping[type, str]] = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}
#: A row as the handbook of the older streaming system sends it.
ROW: Final[Mapping[str, Any]] = {"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7}
#: What the handbook of the older request system sends.
ITEM: Final[Mapping[str, Any]] = {
    "state": "SP",
    "city": "Sao Paulo",
    "local_pickup": True,
    "free_shipping": False,
    "shipping_mode": "standard",
    "listing_type": "gold_special",
    "buying_mode": "buy_it_now",
    "status": "active",
    "accepts_mercadopago": True,
    "currency": "BRL",
    "automatic_relist": False,
    "stock_quantity": 10,
    "available_quantity": 5,
    "total_amount": 100.0,
    "date_difference_hr": 24.0,
    "time_difference_hr": 12.0,
}
#: Answers of `POST /predict`.
ANSWERS: Final = {
    "item": {"summary": "To a flat body", "value": {"prediction": "new"}},
    "rows": {
        "summary": "To a body with `data`",
        "value": {"alias": "svm", "registered_name": "SVC", "version": "1", "n_samples": 1, "predictions": [1]},
    },
}
#: The answer to a body of lines, the second of which has a fault.
BULK_ACCEPTED: Final = {
    "status": "queued",
    "id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90",
    "lines": 3,
    "accepted": 2,
    "refused": 1,
    "errors": [{"line": 2, "code": "unknown_field", "detail": "Unknown field ...", "pointer": "/data/0/Sleep"}],
    "unlisted": 0,
}
#: The answer to a single request.
ACCEPTED: Final = {
    "status": "queued",
    "stream": "mlops_stream",
    "model": "svm",
    "id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90",
    "partition": 2,
    "offset": 41,
}
_VERSION: Final = {"registered_name": "SVC", "version": "1", "run_id": "5b1f6a2c7e904c639d0e8a4e01936d0c"}
PREDICTION: Final = {
    "id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90",
    "model": "svm",
    **_VERSION,
    "predictions": [1],
    "timestamp": "2026-01-02T03:04:05.678Z",
    "data": [{"Designation": 1.5, "Sleep_Hours": 7.0}],
    "imputed": [["Team_Size"]],
}
MODELS: Final = {
    "models": [
        {
            "alias": "svm",
            **_VERSION,
            "flavor": "sklearn",
            "features": [{"name": "Designation", "type": "number", "required": False}],
            "since": "2026-01-02T03:04:05.678Z",
            "workers": 2,
            "rows": 1200,
        }
    ],
    "refused": [],
}
READY: Final = {"status": "ready", "checks": {"broker": {"ok": True, "detail": "localhost:9092"}}}


def of_bodies(cards: Iterable[ModelCard], default: str) -> dict[str, dict[str, Any]]:
    """Return examples of bodies that a request without a model may have: the handbooks' where no card has one.

    Where the model of such a request is not served, they have the row of another: they fit the schema in any case.

    Args:
        cards: The cards of the served models.
        default: Alias of the default model.
    """
    rows = {
        card.alias: {spelled(name): value for name, value in card.example.items()} for card in cards if card.example
    }
    served = next(iter(rows.values()), None)
    row = rows.get(default) or served or ROW
    flat = rows.get(FLAT_MODEL) or served or ITEM
    arrays = {"columns": list(row), "data": [list(row.values())]}
    lines = (row, {"data": [row]}, {"payload": {"data": [row]}, "model": default})
    bodies: dict[str, tuple[str, Any]] = {
        "Record": ("A flat body: one record", flat),
        "Rows": ("Rows as objects", {"data": [row]}),
        "Arrays": ("Rows as arrays, with their columns named once", arrays),
        "Lines": ("A record a line", "".join(f"{json.dumps(line)}\n" for line in lines)),
        "Split": ("Rows as arrays", {"dataframe_split": arrays}),
        "Records": ("Rows as objects", {"dataframe_records": [row]}),
        "Instances": ("The same, as TensorFlow Serving names it", {"instances": [row]}),
        "Inputs": ("Columns", {"inputs": {name: [value] for name, value in row.items()}}),
        "Tensors": ("Columns", {"id": "42", "inputs": [_tensor(name, value) for name, value in row.items()]}),
    }
    return {name: {"summary": summary, "value": value} for name, (summary, value) in bodies.items()}


def _tensor(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "shape": [1], "datatype": _DATATYPES.get(type(value), "BYTES"), "data": [value]}
