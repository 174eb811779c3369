"""Valkey that lets in whom it knows over TLS, with the users of docs/security.md."""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from certificates import Authority
from msgspec import structs
from secured_kafka import PAGE
from tls_front import tls_front

from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


def passwords() -> dict[str, str]:
    """Return a password a user, each of which is found wherever it is shown."""
    return {user: f"geheim-redis-{user}-{uuid.uuid4().hex}" for user in ("edge", "sinks", "reader", "admin")}


class SecuredRedis:
    """The server, and TLS in front of it.

    Args:
        processes: Starts and ends them.
        folder: Folder for the users' file.
        authority: Makes the certificate.
        users: Passwords by user; `admin` is one of them, and may do anything.
    """

    def __init__(self, processes: Processes, folder: Path, authority: Authority, users: Mapping[str, str]) -> None:
        self.port, self._behind = free_port(), free_port()
        self._processes = processes
        self._authority = authority
        self._users = dict(users)
        self._folder = folder

    async def start(self) -> None:
        """Start both."""
        users = self._folder / "users.acl"
        users.write_text(self._acl())
        program = services.valkey(self._behind, self._folder)
        options = ("--aclfile", str(users))
        await self._processes.run(structs.replace(program, name="secured-valkey", argv=program.argv + options))
        await self._processes.run(tls_front(self.port, self._behind, self._authority.issue("redis")))

    def settings(self, user: str) -> dict[str, Any]:
        """Return a user's settings."""
        return {
            "redis_url": f"rediss://127.0.0.1:{self.port}/0",
            "redis_username": user,
            "redis_password": self._users[user],
            "redis_ssl_ca_file": self._authority.file,
        }

    def _acl(self) -> str:
        """Return what the page says, with passwords, and an administrator."""
        (acl,) = re.findall(r"```\n(user default .*?)```", PAGE.read_text(), re.DOTALL)
        for user, password in self._users.items():
            acl = acl.replace(f">{user.upper()}_PASSWORD", f">{password}")
        return f"{acl}user admin on >{self._users['admin']} ~* &* +@all\n"
