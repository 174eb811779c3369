"""Who asks, what they may ask for, and how often."""

import ipaddress
import logging
from types import TracebackType
from typing import Final, NamedTuple, Self

from fastapi import Request

from api.admission.keys import Keys
from api.admission.limits import Limits
from api.errors import EdgeCode, Refusal
from streamapp.contracts import codec
from streamapp.contracts.keys import ApiKey, Scope
from streamapp.contracts.rates import Rate, parse_rate
from streamapp.contracts.settings import Settings

_BEARER: Final = "bearer "
#: Longer ones are no keys, and not worth a digest.
_LONGEST: Final = 200
#: An address of IPv6 is one of as many as its holder likes; the network is what is given to one.
_NETWORK: Final = 64
#: Where a request keeps its caller.
_CALLER: Final = "streamapp.caller"

log = logging.getLogger(__name__)


class Caller(NamedTuple):
    """Who sends a request.

    Attributes:
        id: Whom its requests are counted for.
        owner: Whose its results are; "" where no keys are asked for.
        rate: Its rate limit; None: none.
    """

    id: str
    owner: str
    rate: Rate | None


class Admission:
    """Admits requests: by their keys, where there are keys, and within the rate limits, where there are any.

    Args:
        settings: The settings in force.

    Attributes:
        needed: Whether there is anything to look at. It costs a request next to nothing where not.
        keys: The keys in force; None: none are asked for.

    Raises:
        SettingsError: The file of the keys cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.keys = None if settings.api_keys_file is None else Keys(settings.api_keys_file)
        self._rate = None if settings.rate_limit == "off" else parse_rate(settings.rate_limit)
        self._limits = Limits(settings)
        self.needed = self.keys is not None or self._rate is not None
        if self.keys is None:
            log.warning("No API keys are asked for (STREAMAPP_API_KEYS_FILE): whoever reaches the edge may use it")

    async def admit(self, request: Request, scope: Scope) -> None:
        """Find out who sends a request, and count it.

        Args:
            request: The request.
            scope: What its key has to be for.

        Raises:
            RateLimited: The caller has sent too many.
            Refusal: It has no key that is in force, or one for other things.
        """
        await self._count(self.identify(request, scope), 1)

    def identify(self, request: Request, scope: Scope) -> Caller:
        """Find out who sends a request.

        Args:
            request: The request.
            scope: What its key has to be for.

        Raises:
            Refusal: It has no key that is in force, or one for other things.
        """
        caller = self._address(request) if self.keys is None else self._holder(request, self.keys, scope)
        request.scope[_CALLER] = caller
        return caller

    async def count(self, request: Request, records: int) -> int:
        """Count records of a request that was admitted; return how many of them may be taken: at least one.

        Raises:
            RateLimited: None.
        """
        caller: Caller | None = request.scope.get(_CALLER)
        return records if caller is None else await self._count(caller, records)

    async def _count(self, caller: Caller, number: int) -> int:
        return number if caller.rate is None else await self._limits.take(caller.id, caller.rate, number)

    def _holder(self, request: Request, keys: Keys, scope: Scope) -> Caller:
        token = _presented(request)
        key = keys.find(token) if len(token) <= _LONGEST else None
        if key is None:
            raise Refusal(
                EdgeCode.UNAUTHENTICATED,
                "Send an API key that is in force, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
            )
        if not key.allows(scope):
            raise Refusal(EdgeCode.WRONG_SCOPE, f"The API key does not have the scope `{scope}`.")
        return Caller(f"key:{key.id}", key.name, self._rate_of(key))

    def _rate_of(self, key: ApiKey) -> Rate | None:
        return parse_rate(key.limit) if key.limit else self._rate

    def _address(self, request: Request) -> Caller:
        return Caller(f"address:{network(request.client.host if request.client else '')}", "", self._rate)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._limits.__aexit__(kind, error, trace)


def owner_of(request: Request) -> str:
    """Return whose the results of a request are; "" where no keys are asked for."""
    caller: Caller | None = request.scope.get(_CALLER)
    return caller.owner if caller is not None else ""


def owner_headers(request: Request) -> list[tuple[str, bytes]]:
    """Return what the records of a request say of their owner."""
    owner = owner_of(request)
    return [(codec.OWNER, owner.encode())] if owner else []


def network(host: str) -> str:
    """Return what requests are counted by where there are no keys: an address, of IPv6 the network it is in."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"  # a socket without addresses
    if address.version == 4:  # noqa: PLR2004  # IPv4
        return host
    return str(ipaddress.ip_network((host, _NETWORK), strict=False).network_address)


def _presented(request: Request) -> str:
    authorization = request.headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return request.headers.get("x-api-key", "")
