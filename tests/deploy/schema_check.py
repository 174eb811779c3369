"""Checks documents, a JSON list on standard input, with the schemas; writes what is wrong as a JSON list of lines.

Run by `schemas.py`, with the schemas on the path. Arguments: versions of Kubernetes.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
from cloudcoil.models.keda import v1alpha1 as keda
from jsonschema import Draft202012Validator


def strict(model: Any) -> Draft202012Validator:
    """Return a validator of a model that takes no field which the model does not have."""
    schema = model.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        if "properties" in part:
            part["additionalProperties"] = False
    # The metadata of an object is Kubernetes' own.
    schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    return Draft202012Validator(schema)


KEDA = {kind: strict(getattr(keda, kind)) for kind in ("ScaledObject", "TriggerAuthentication")}


def wrong(document: dict[str, Any], versions: list[str]) -> Iterator[str]:
    """Yield what is wrong with a document."""
    if document["apiVersion"].startswith("keda.sh/"):
        yield from (f"{error.json_path}: {error.message}" for error in KEDA[document["kind"]].iter_errors(document))
        return
    for version in versions:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as exc:
            yield f"Kubernetes {version}: {'.'.join(map(str, exc.path))}: {exc.message}"


documents = json.load(sys.stdin)
json.dump([f"{one['kind']}: {line}" for one in documents for line in wrong(one, sys.argv[1:])], sys.stdout)
