"""Apache Kafka that lets in whom it knows, and each only to what it was granted.

SASL (SCRAM and PLAIN) over TLS on one port and without it on another, certificates of clients on a third. ACLs are
those of docs/security.md.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from apache_kafka import ApacheKafka
from certificates import Authority

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings, load_settings
from streamapp.embedded.processes import Processes, free_port

ADMIN = "admin"
ROLES = ("worker", "edge", "sinks", "producer", "operator")
USERS = (*ROLES, ADMIN)
PAGE = Path(__file__).parents[1] / "docs/security.md"
_RESOURCES = {"topic": 2, "group": 3, "transactional id": 5}
_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_LITERAL, _PREFIXED = 3, 4
_ALLOW = 3


def passwords() -> dict[str, str]:
    """Return a password a user, each of which is found wherever it is shown."""
    return {user: f"geheim-{user}-{uuid.uuid4().hex}" for user in USERS}


class Grant(NamedTuple):
    """What a user may do with a resource of Kafka; a name that ends with `*` is that of many."""

    user: str
    resource: str
    name: str
    operation: str


def grants() -> Iterator[Grant]:
    """Return what the page says that each role needs."""
    page = PAGE.read_text().partition("\n## Kafka")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| `.*\|$", page, re.MULTILINE):
        users, resource, names, operations = (cell.strip() for cell in row.strip("|").split("|"))
        for user in re.findall(r"`([^`]+)`", users):
            for name in re.findall(r"`([^`]+)`", names):
                yield from (Grant(user, resource, name, operation) for operation in operations.split(", "))


class SecuredKafka(ApacheKafka):
    """The broker.

    Args:
        processes: Starts and ends it.
        folder: Folder for its configuration and data.
        authority: Makes its certificate.
        users: Passwords by user; one of them is the administrator's.
    """

    def __init__(self, processes: Processes, folder: Path, authority: Authority, users: Mapping[str, str]) -> None:
        super().__init__(processes, folder)
        self.mutual_port = free_port()
        self.unencrypted_port = free_port()
        self.users = dict(users)
        self._authority = authority
        self._certificate = authority.issue("kafka")

    def settings(self, user: str, **overrides: object) -> Settings:
        """Return settings for a user, with SCRAM over TLS unless they say otherwise."""
        secured = {
            "broker": self.address,
            "security_protocol": "SASL_SSL",
            "sasl_username": user,
            "sasl_password": self.users[user],
            "ssl_ca_file": self._authority.file,
        }
        return load_settings(**secured | overrides)

    async def grant(self) -> None:
        """Grant each role what the page says."""
        admin = AIOKafkaAdminClient(**kafka.connection(self.settings(ADMIN), "test"))
        await admin.start()
        try:
            for grant in grants():
                ((code, message),) = (await admin._send_request(_request(grant))).creation_responses
                assert code == 0, f"{grant}: {message}"
        finally:
            await admin.close()

    def _client(self) -> dict[str, object]:
        return kafka.connection(self.settings(ADMIN), "test")

    def _format_options(self) -> tuple[str, ...]:
        scram = [f"{way}=[name={u},password={p}]" for u, p in self.users.items() for way in _SCRAM]
        return tuple(argument for one in scram for argument in ("--add-scram", one))

    def _settings(self) -> dict[str, str]:
        listeners = (
            f"SASL_SSL://{self.address},SSL://127.0.0.1:{self.mutual_port},"
            f"SASL_PLAINTEXT://127.0.0.1:{self.unencrypted_port}"
        )
        plain = " ".join(f'user_{user}="{password}"' for user, password in self.users.items())
        own = f'username="{ADMIN}" password="{self.users[ADMIN]}"'
        usual = super()._settings()
        return {
            **usual,
            "listeners": f"{listeners},CONTROLLER://{usual['controller.quorum.bootstrap.servers']}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in _PROTOCOLS.items()),
            "inter.broker.listener.name": "SASL_SSL",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
            **{
                f"listener.name.{listener}.{mechanism}.sasl.jaas.config": f"{_MODULE}{module} required {options};"
                for listener in ("sasl_ssl", "sasl_plaintext")
                for mechanism, module, options in (
                    ("scram-sha-512", "scram.ScramLoginModule", own),
                    ("scram-sha-256", "scram.ScramLoginModule", own),
                    ("plain", "plain.PlainLoginModule", plain),
                )
            },
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._certificate),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._authority.file),
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.ssl.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # The controller's listener, which has no client, knows nobody by name.
            "super.users": f"User:{ADMIN};User:ANONYMOUS",
        }


_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_PROTOCOLS = {name: name for name in ("SASL_SSL", "SASL_PLAINTEXT", "SSL")} | {"CONTROLLER": "PLAINTEXT"}
_MODULE = "org.apache.kafka.common.security."


def _request(grant: Grant) -> CreateAclsRequest:
    pattern = _PREFIXED if grant.name.endswith("*") else _LITERAL
    name = grant.name.removesuffix("*")
    operation = _OPERATIONS[grant.operation]
    return CreateAclsRequest(_RESOURCES[grant.resource], name, pattern, f"User:{grant.user}", "*", operation, _ALLOW)
