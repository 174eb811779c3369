"""Where pages listen: at the wanted port, at another where that is taken, and nowhere at a wrong address."""

import pytest

from streamapp.clients.listening import address, listening
from streamapp.contracts.errors import SettingsError
from streamapp.embedded.processes import free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_port_that_is_taken_is_replaced_by_one_that_is_free(host: str) -> None:
    wanted = free_port()
    with listening(host, wanted, "worker_web") as first, listening(host, wanted, "worker_web") as second:
        assert first.getsockname()[1] == wanted
        assert second.getsockname()[1] not in {0, wanted}


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no such host"])
def test_an_address_that_is_not_ours_is_told_with_the_settings(host: str) -> None:
    with pytest.raises(
        SettingsError, match=r"STREAMAPP_WORKER_WEB_HOST has to be .*STREAMAPP_WORKER_WEB_PORT"
    ) as told:
        listening(host, 6066, "worker_web")
    assert f"{host}:6066" in str(told.value)


def test_an_address_is_written_as_urls_have_it() -> None:
    assert (address("127.0.0.1", 80), address("::1", 80)) == ("127.0.0.1:80", "[::1]:80")
