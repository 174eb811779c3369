"""The errors of streamapp.

StreamappError
├── SettingsError            a setting is missing or wrong; the message names it
├── RecordError              one record cannot be used: a 4xx at the edge, a dead letter in the worker
│   ├── MalformedRecord      not JSON, or not a request
│   ├── UnknownModel         no model serves under that alias
│   └── InvalidRows          the rows do not fit the model's features
├── ModelError               a model cannot be used
│   ├── ModelNotFound        the registry has no such name, version or alias
│   ├── ModelLoadError       it is there, but cannot be served; the message says why
│   ├── UntrustedModel       nobody has vouched for its files
│   ├── PredictionError      it raised, or answered in the wrong shape
│   └── PredictionTimeout    it did not answer in time
└── ServiceError             something outside failed
    ├── BrokerUnavailable
    ├── RegistryUnavailable
    ├── RedisUnavailable
    └── ProcessFailed        a child process did not start, or its port is taken

A `RecordError` is expected and local to one record. A `ModelError` concerns one model and every record that asks
for it. A `ServiceError` concerns everything and is usually worth a retry.
"""

from enum import StrEnum


class Code(StrEnum):
    """Why a record was refused. The same word in a dead letter's header and in a problem+json body."""

    NULL_RECORD = "null_record"
    MALFORMED_JSON = "malformed_json"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    MALFORMED_REQUEST = "malformed_request"
    EMPTY_DATA = "empty_data"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_FIELD = "unknown_field"
    DUPLICATE_FIELD = "duplicate_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    COLUMNS_MISMATCH = "columns_mismatch"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_MANY_FIELDS = "too_many_fields"
    RECORD_TOO_LARGE = "record_too_large"
    MODEL_FAILED = "model_failed"
    MODEL_TIMEOUT = "model_timeout"


class StreamappError(Exception):
    """Base of every error that streamapp raises on purpose."""


class SettingsError(StreamappError):
    """A setting is missing or wrong."""


class RecordError(StreamappError):
    """One record cannot be used.

    Attributes:
        code: Stable machine-readable reason.
        detail: One sentence for a person: what is wrong and what to send instead. It never repeats the
            record's values, only its field names (bounded).
        pointer: JSON pointer (RFC 6901) into the request's `data` where the fault lies, or "".
    """

    def __init__(self, code: Code, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer


class MalformedRecord(RecordError):
    """The bytes are not JSON, or the JSON is not a request."""


class UnknownModel(RecordError):
    """No model serves under the alias."""


class InvalidRows(RecordError):
    """The rows do not fit the features of the model."""


class ModelError(StreamappError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """The registry has no such name, version or alias."""


class ModelLoadError(ModelError):
    """The model is registered but cannot be served."""


class UntrustedModel(ModelError):
    """Nobody has vouched for the model's files, and only those that somebody has are loaded."""


class PredictionError(ModelError):
    """The model raised, or answered in the wrong shape."""


class PredictionTimeout(ModelError):
    """The model did not answer in time."""


class ServiceError(StreamappError):
    """Something outside this process failed."""


class BrokerUnavailable(ServiceError):
    """The broker does not answer or does not acknowledge."""


class RegistryUnavailable(ServiceError):
    """The MLflow registry does not answer."""


class RedisUnavailable(ServiceError):
    """Redis does not answer."""


class ProcessFailed(ServiceError):
    """A child process did not come up."""
