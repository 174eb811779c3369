"""Keeps loopback out of the reach of a person's HTTP proxy."""

from collections.abc import Mapping
from typing import Final

_LOOPBACK: Final = ("127.0.0.1", "localhost")
_ALL: Final = "*"


def past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables that make HTTP clients reach loopback directly.

    Args:
        environ: Variables whose own exceptions stay in force.

    Returns:
        `no_proxy` and `NO_PROXY` with the same hosts: some clients read the first of them that is set, others the
        second, and few read both.
    """
    names = ("no_proxy", "NO_PROXY")
    given = [host.strip() for name in names for host in environ.get(name, "").split(",")]
    hosts = dict.fromkeys(filter(None, (*given, *_LOOPBACK)))
    return dict.fromkeys(names, _ALL if _ALL in hosts else ",".join(hosts))  # a wildcard counts only alone
