"""Settings of connections: what does not fit together is refused by name, and secrets come from files, unseen."""

from pathlib import Path

import pytest
from certificates import Authority
from pydantic import ValidationError

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import Settings, load_settings, variable
from streamapp.contracts.settings.connections import OPEN, PREFIX
from streamapp.contracts.shown import describe

MARK = "geheim-4711"
SASL = {"security_protocol": "SASL_SSL", "sasl_username": "edge", "sasl_password": MARK}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"security_protocol": "TLS"}, "SECURITY_PROTOCOL"),
        ({"security_protocol": "SASL_SSL"}, "SASL_USERNAME, STREAMAPP_SASL_PASSWORD: missing"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "edge"}, "SASL_PASSWORD: missing"),
        (SASL | {"sasl_mechanism": "GSSAPI"}, "SASL_MECHANISM"),
        (SASL | {"security_protocol": "SSL"}, "SASL_PASSWORD: of no use while STREAMAPP_SECURITY_PROTOCOL is SSL"),
        ({"sasl_password": MARK}, "SASL_PASSWORD: of no use while STREAMAPP_SECURITY_PROTOCOL is PLAINTEXT"),
        ({"ssl_ca_file": __file__}, "SSL_CA_FILE: of no use while STREAMAPP_SECURITY_PROTOCOL is PLAINTEXT"),
        (SASL | {"security_protocol": "SASL_PLAINTEXT", "ssl_ca_file": __file__}, "SSL_CA_FILE: of no use"),
        (SASL | {"ssl_ca_file": "/nowhere.pem"}, "SSL_CA_FILE: Path does not point to a file"),
        (SASL | {"ssl_ca_file": __file__}, "SSL_.*test_connections.py holds no certificates"),
        (SASL | {"ssl_cert_file": __file__}, "SSL_.*test_connections.py and the same file hold no certificate"),
        (SASL | {"ssl_key_file": __file__}, "SSL_KEY_FILE: of no use without STREAMAPP_SSL_CERT_FILE"),
        ({"redis_username": "edge"}, "REDIS_PASSWORD: missing"),
        ({"redis_ssl_ca_file": __file__}, "REDIS_SSL_CA_FILE: of no use while STREAMAPP_REDIS_URL"),
        ({"redis_url": "rediss://r", "redis_ssl_ca_file": __file__}, "REDIS_SSL_.*holds no certificates"),
        ({"redis_url": "rediss://r?ssl_cert_reqs=none"}, "REDIS_URL: has options of TLS"),
        ({"redis_url": f"redis://u:{MARK}@r", "redis_password": MARK}, "REDIS_PASSWORD: STREAMAPP_REDIS_URL has"),
        ({"redis_url": f"http://u:{MARK}@r"}, "REDIS_URL: .* must start with redis://"),
        ({"redis_url": f"redis://:{MARK}/2@r:1/0"}, "REDIS_URL: .* is no URL; .* / as %2F"),
        ({"redis_url": f"redis://:4711/{MARK}@r:1/0"}, "REDIS_URL: .* is no URL"),
        ({"redis_url": f"redis://:{MARK}\u2100@r:1/0"}, "REDIS_URL: .* is no URL"),
        ({"mlflow_tracking_uri": f"http://u:{MARK}/2@r:1"}, "MLFLOW_TRACKING_URI: .* is no URL"),
        ({"mlflow_tracking_uri": f"https://u:4711?{MARK}@r:1"}, "MLFLOW_TRACKING_URI: .* is no URL"),
        ({"broker": f"edge:{MARK}@kafka:9092"}, "BROKER: .*SASL_USERNAME"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(SettingsError, match=f"STREAMAPP_{named}") as caught:
        load_settings()
    assert MARK not in str(caught.value)
    with pytest.raises(ValidationError) as raw:
        Settings()
    assert MARK not in str(raw.value)


def test_a_key_with_a_password_needs_it_and_nobody_is_asked_at_the_terminal(authority: Authority) -> None:
    file = authority.issue("locked", password=MARK)
    files = {"ssl_ca_file": authority.file, "ssl_cert_file": file, "security_protocol": "SSL"}
    with pytest.raises(SettingsError, match="STREAMAPP_SSL_"):
        load_settings(**files)
    assert load_settings(**files, ssl_key_password=MARK).kafka_identity.context().cert_store_stats()["x509_ca"] == 1


def test_files_are_read_below_variables_and_named_as_the_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "streamapp_sasl_password").write_text(f"{MARK}\n")
    (tmp_path / "STREAMAPP_REDIS_PASSWORD").write_text(f"{MARK}\n")
    (tmp_path / "streamapp_sasl_username").write_text("from-file")
    (tmp_path / "theirs").write_bytes(b"\xff")
    monkeypatch.setenv("STREAMAPP_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("STREAMAPP_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("STREAMAPP_SASL_USERNAME", "from-variable")
    settings = load_settings()
    assert settings.sasl_password.get_secret_value() == settings.redis_password.get_secret_value() == MARK
    assert settings.sasl_username == "from-variable"
    rows = {row.name: row for row in describe(settings)}
    assert (rows["STREAMAPP_SASL_PASSWORD"].source, rows["STREAMAPP_SASL_PASSWORD"].value) == ("file", "****")
    assert (rows["STREAMAPP_SASL_USERNAME"].source, rows["STREAMAPP_SSL_KEY_PASSWORD"].value) == ("environment", "")
    assert MARK not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "streamapp_sasl_password").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"sasl_password.*decode"):
        load_settings(secrets_dir=tmp_path)


def test_a_mapping_that_is_no_json_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMAPP_MODELS", "{")
    with pytest.raises(SettingsError, match="models"):
        load_settings()


def test_security_can_be_taken_away_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SASL, "redis_password": MARK}.items():
        monkeypatch.setenv(variable(name), value)
    for name, value in OPEN.items():
        monkeypatch.setenv(variable(name), value)
    settings = load_settings()
    assert (settings.security_protocol, settings.uses_sasl, settings.uses_ssl) == ("PLAINTEXT", False, False)
    assert settings.redis_password.get_secret_value() == ""
