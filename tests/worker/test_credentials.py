"""Faust's clients show the broker what all others of ours show it."""

from pathlib import Path

import pytest
from certificates import Authority
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from streamapp.agents.credentials import credentials
from streamapp.clients import kafka
from streamapp.contracts.settings import load_settings

SASL = {"sasl_username": "worker", "sasl_password": "geheim"}


@pytest.mark.parametrize(
    ("protocol", "user"), [("PLAINTEXT", {}), ("SSL", {}), ("SASL_PLAINTEXT", SASL), ("SASL_SSL", SASL)]
)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_credentials_are_those_of_every_client(
    protocol: str, user: dict[str, str], mechanism: str, tmp_path: Path
) -> None:
    files = {"ssl_ca_file": Authority(tmp_path).file} if protocol.endswith("SSL") else {}
    settings = load_settings(security_protocol=protocol, sasl_mechanism=mechanism, **user, **files)
    ours = kafka.connection(settings, "worker")
    fausts = dict(credentials_to_aiokafka_auth(credentials(settings)))
    contexts = [options.pop("ssl_context", None) for options in (ours, fausts)]
    assert fausts == {name: value for name, value in ours.items() if name not in {"bootstrap_servers", "client_id"}}
    authorities = [context and context.get_ca_certs() for context in contexts]
    assert authorities[0] == authorities[1]
    assert bool(authorities[0]) == protocol.endswith("SSL")
