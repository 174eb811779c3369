import pytest

from streamapp.embedded.proxies import past_proxies


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"no_proxy": "a.org"}, "a.org,127.0.0.1,localhost"),
        ({"NO_PROXY": "a.org, b.org"}, "a.org,b.org,127.0.0.1,localhost"),
        ({"no_proxy": "a.org,localhost", "NO_PROXY": "b.org"}, "a.org,localhost,b.org,127.0.0.1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_both_names_have_the_hosts_of_both_and_loopback(given: dict[str, str], hosts: str) -> None:
    assert past_proxies(given) == {"no_proxy": hosts, "NO_PROXY": hosts}
