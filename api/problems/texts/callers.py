"""Problems with who asks, how often, and with which `Idempotency-Key`."""

from collections.abc import Mapping
from typing import Final

from api.errors import EdgeCode
from api.problems.texts.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    EdgeCode.UNAUTHENTICATED: Text(
        "The edge asks for an API key, and the request has none that is in force.",
        "No key was sent, it is misspelt, or it was revoked.",
        "Send the key as `Authorization: Bearer KEY` or as `X-API-Key: KEY`. Whoever runs the edge makes one with "
        "`streamapp keys add NAME --scope predict --scope read`.",
        "Send an API key that is in force, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    ),
    EdgeCode.WRONG_SCOPE: Text(
        "The API key is in force, but not for this.",
        "Requests for predictions need the scope `predict`, finished predictions and the list of models need `read`.",
        "Use a key that has the scope. A key keeps the scopes that it was made with.",
        "The API key does not have the scope `read`.",
        "/models",
    ),
    EdgeCode.RATE_LIMITED: Text(
        "The caller has sent as many requests as it may in this second, minute, hour or day.",
        "The limit is that of the API key, or else the setting `STREAMAPP_RATE_LIMIT`. It holds over all edges "
        "together. Every line of a request of lines counts as well.",
        "Wait for as long as `Retry-After` says; `RateLimit-Policy` has the limit. Of a request of lines, go on with "
        "the line `next_line`.",
        "No more than 100 requests in 1 s are taken; wait for 1 s.",
    ),
    EdgeCode.IDEMPOTENCY_KEY_INVALID: Text(
        "The header `Idempotency-Key` has a value that it cannot have, or came where it cannot be kept.",
        "The header is empty, too long, sent twice, or has spaces; or the body is one of lines.",
        "Send a new UUID for each request, and the same again where you repeat it. Send lines without the header.",
        "`Idempotency-Key` is sent once, with 1 to 255 printable ASCII characters other than spaces, quotes and "
        "backslashes, such as a UUID.",
    ),
    EdgeCode.IDEMPOTENCY_KEY_REUSED: Text(
        "The same `Idempotency-Key` came before, with another path, query or body.",
        "A program that does not make a new key for each request, or that changed the request before it repeated it.",
        "Send another request with a new key.",
        "This `Idempotency-Key` came with another request; send this one with a new key.",
    ),
    EdgeCode.IDEMPOTENCY_KEY_IN_FLIGHT: Text(
        "A request with the same `Idempotency-Key` and content is under way.",
        "It was repeated before it was answered, or the edge that worked on it has died some seconds ago.",
        "Ask again after `Retry-After`, with the same key: the answer will be that of the first one.",
        "The request with this `Idempotency-Key` is under way; send it again for its answer.",
    ),
}
