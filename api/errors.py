"""The errors of the edge, beside those of `streamapp.contracts.errors`.

StreamappError
├── Refusal                  a request is refused for a reason that has nothing to do with its rows
└── ServiceError
    ├── ModelNotReady        a served model has published no card yet
    │   └── NoModels         none has
    ├── Lagging              more records wait for the scoring workers than the settings allow
    ├── Stopping             the edge ends, and reads no more
    ├── BodyTimeout          a request does not go on
    ├── RateLimited          a caller has sent as many requests as it may
    └── BrokerUnavailable
        └── Overloaded       more requests are under way than the edge keeps

What they mean in HTTP is said in `problems.kinds` alone.
"""

from enum import StrEnum

from streamapp.contracts.errors import BrokerUnavailable, ServiceError, StreamappError
from streamapp.contracts.rates import Rate


class EdgeCode(StrEnum):
    """Why the edge did not do what was asked; `errors.Code` of the contracts says it of rows."""

    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MALFORMED_HTTP = "malformed_http"
    HEADERS_TOO_LARGE = "headers_too_large"
    INVALID_PARAMETER = "invalid_parameter"
    INVALID_HEADER = "invalid_header"
    BODY_TOO_LARGE = "body_too_large"
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported"
    ENCODING_UNSUPPORTED = "encoding_unsupported"
    PREDICTION_NOT_FOUND = "prediction_not_found"
    MODEL_NOT_READY = "model_not_ready"
    NO_MODELS = "no_models"
    ALL_REFUSED = "all_refused"
    BROKER_UNAVAILABLE = "broker_unavailable"
    OVERLOADED = "overloaded"
    LAGGING = "lagging"
    STOPPING = "stopping"
    BODY_TIMEOUT = "body_timeout"
    DEADLINE = "deadline"
    REDIS_UNAVAILABLE = "redis_unavailable"
    UNAUTHENTICATED = "unauthenticated"
    WRONG_SCOPE = "wrong_scope"
    RATE_LIMITED = "rate_limited"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_KEY_IN_FLIGHT = "idempotency_key_in_flight"
    NOT_READY = "not_ready"
    INTERNAL_ERROR = "internal_error"


class Refusal(StreamappError):
    """A request is refused for a reason that has nothing to do with its rows.

    Attributes:
        code: Stable machine-readable reason.
        detail: One sentence for a person; it never repeats the request's content.
    """

    def __init__(self, code: EdgeCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ModelNotReady(ServiceError):
    """A model that the settings name has published no card yet."""


class NoModels(ModelNotReady):
    """No model has published a card yet."""


class Lagging(ServiceError):
    """More records wait for the scoring workers than the settings allow."""


class Stopping(ServiceError):
    """The edge ends, and reads no more of what it is being sent."""


class BodyTimeout(ServiceError):
    """A request was begun, and does not go on."""


class RateLimited(ServiceError):
    """A caller has sent as many requests as it may in this period.

    Attributes:
        rate: Its rate limit.
        seconds: Until the next period.
    """

    def __init__(self, rate: Rate, seconds: int) -> None:
        super().__init__(f"No more than {rate.most} requests in {rate.seconds} s are taken; wait for {seconds} s.")
        self.rate = rate
        self.seconds = seconds


class Overloaded(BrokerUnavailable):
    """More requests are read, or wait for the broker or for their predictions, than the edge keeps in memory."""
