"""Passwords stay out of the log of aiokafka: at the level DEBUG it writes out every request, with SASL's tokens too.

SASL's mechanism PLAIN sends the password as it is. `install` keeps these requests and their answers from the log,
whoever sets the level and wherever the records go.
"""

import logging
from typing import Any, Final

_LOGGER: Final = logging.getLogger("aiokafka.conn")


def install() -> None:
    """Have aiokafka in this process write none of them. May be called more than once."""
    _LOGGER.addFilter(_has_no_token)


def _has_no_token(record: logging.LogRecord) -> bool:
    arguments: Any = record.args or ()
    return not any(type(argument).__name__.startswith("SaslAuthenticate") for argument in arguments)
