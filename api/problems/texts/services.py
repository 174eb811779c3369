"""Problems with what stands behind the edge. Most of them pass, and `Retry-After` says when to ask again."""

from collections.abc import Mapping
from typing import Final

from api.errors import EdgeCode
from api.problems.texts.text import Text

_ID: Final = "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90"

TEXTS: Final[Mapping[str, Text]] = {
    EdgeCode.PREDICTION_NOT_FOUND: Text(
        "There is no prediction with this id, or none yet.",
        "It is still on its way, it became a dead letter, it is older than `STREAMAPP_PREDICTION_TTL`, or the id was "
        "never given.",
        "Ask again after `Retry-After`. What does not come within seconds is among the dead letters: "
        "`streamapp dlq show ID` says why.",
        "No prediction has this id. It may still be on its way, be among the dead letters, or have expired.",
        f"/predictions/{_ID}",
    ),
    EdgeCode.MODEL_NOT_READY: Text(
        "The model is known, but no worker serves it yet.",
        "The scoring worker is starting, waits for the registry, or could not load the model.",
        "Ask again after `Retry-After`. If it stays so, `GET /models` has the reason under `refused`.",
        "Model 'knn' has no card yet; the scoring worker publishes it once it is loaded.",
    ),
    EdgeCode.NO_MODELS: Text(
        "No model is served yet.",
        "No scoring worker has loaded a model: it is starting, there is none, or the registry is empty.",
        "Ask again after `Retry-After`. If it stays so, see that a worker runs and that models are registered.",
        "No model card is known yet; the scoring worker publishes them once it has loaded models.",
    ),
    EdgeCode.BROKER_UNAVAILABLE: Text(
        "The broker did not acknowledge the request in time.",
        "The broker is away, restarts, or is slower than `STREAMAPP_PUBLISH_TIMEOUT`. The request may still be "
        "predicted: without the acknowledgement nobody knows.",
        "Send the request again after `Retry-After`, with a delay that grows.",
        "The broker did not acknowledge the request within 1.5 s.",
    ),
    EdgeCode.OVERLOADED: Text(
        "More requests are under way than the edge keeps in memory.",
        "Requests come faster than the broker or the workers take them. Nothing of this request was kept.",
        "Send it again after `Retry-After`, and fewer at once; or add edges.",
        "Too many requests are under way; send it again later.",
    ),
    EdgeCode.LAGGING: Text(
        "More records wait for the workers than may wait.",
        "The bound is the setting `STREAMAPP_MAX_LAG`. Workers are too few, too slow, or away. Nothing of this "
        "request was kept.",
        "Send it again after `Retry-After`. `/readyz` says under `checks.lag` how many records wait.",
        "1000250 records wait for the workers; send the request again later.",
    ),
    EdgeCode.STOPPING: Text(
        "The edge ends, and reads no more of the request.",
        "It was told to stop, as it is when a new version is rolled out.",
        "Send the rest to another edge, or to this one once it is back. `next_line` says where to go on.",
        "The edge is about to end. Go on with line 1201.",
    ),
    EdgeCode.DEADLINE: Text(
        "The request was accepted, and its prediction has not come in time.",
        "The workers are busy or away. The time is the setting `STREAMAPP_PREDICT_DEADLINE`, or what the request "
        "asks for with `Prefer: wait=SECONDS`.",
        "Do not send it again: the prediction will be where `location` says.",
        f"The request was accepted, and its prediction has not come in time; it will be at /predictions/{_ID}.",
        "/predict",
        {"id": _ID, "location": f"/predictions/{_ID}"},
    ),
    EdgeCode.REDIS_UNAVAILABLE: Text(
        "Redis does not answer.",
        "It is away or restarts. Predictions go on all the same, and are in Redis once it is back.",
        "Ask again after `Retry-After`.",
        "Redis does not answer (ConnectionError); ask again later.",
        f"/predictions/{_ID}",
    ),
    EdgeCode.NOT_READY: Text(
        "The edge cannot accept requests at present.",
        "The broker does not answer, or no model is served yet.",
        "`checks` says what was looked at and what is missing. Load balancers should send requests elsewhere.",
        "models: no model card is known yet; the scoring worker publishes them.",
        "/readyz",
        {"checks": {"models": {"ok": False, "detail": "no model card is known yet"}}},
    ),
    EdgeCode.INTERNAL_ERROR: Text(
        "The edge failed.",
        "A fault of ours. The answer tells nothing of the inside; the log of the edge has the traceback.",
        "Report it, with the `trace_id`.",
        "The edge failed; its log says why.",
    ),
}
