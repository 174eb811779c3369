"""API keys and rates: how they are made, written and told apart."""

import pytest

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.keys import Scope, decode_keys, encode_keys, find, new_key
from streamapp.contracts.rates import Rate, parse_rate
from streamapp.contracts.settings import load_settings


def test_a_key_is_found_by_itself_and_by_nothing_else() -> None:
    made, token = new_key("shop", [Scope.PREDICT], "5/minute")
    keys = decode_keys(encode_keys([made, new_key("other", [Scope.READ])[0]]))
    assert find(keys, token) == made
    assert made.id in token
    other = new_key("shop", [Scope.PREDICT])[1]
    for wrong in ("", token[:-1], token + "x", other, made.id, made.sha256, token.partition("_")[2], "ñ€\ud800"[:2]):
        assert find(keys, wrong) is None


def test_the_file_has_nothing_of_the_secret() -> None:
    made, token = new_key("shop", [Scope.PREDICT, Scope.READ])
    assert token.rpartition(f"{made.id}_")[2] not in encode_keys([made]).decode()
    assert len(token.partition(f"{made.id}_")[2]) * 6 >= 256, "bits"


def test_admin_is_for_everything() -> None:
    assert [scope for scope in Scope if new_key("a", [Scope.READ])[0].allows(scope)] == [Scope.READ]
    assert all(new_key("a", [Scope.ADMIN])[0].allows(scope) for scope in Scope)


@pytest.mark.parametrize("name", ["", "a:b", "a b", "x" * 65, "a\n", "ñ"])
def test_a_name_that_cannot_be_part_of_keys_in_redis_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="No key was made"):
        new_key(name, [Scope.READ])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no json", "line 2 is no key"),
        (b"\xff", "line 2 is no key"),
        (b'{"id":"00000000"}', "line 2 is no key: .*missing"),
        (b'{"id":"00000000","name":"a","scopes":["all"],"sha256":"' + b"0" * 64 + b'"}', "line 2 is no key"),
        (b'{"id":"00000000","name":"a","scopes":[],"sha256":"' + b"0" * 64 + b'"}', "line 2 is no key"),
        (b'{"id":"0","name":"a","scopes":["read"],"sha256":"x","key":"y"}', "line 2 is no key"),
        (None, "line 2 repeats the id"),
    ],
)
def test_a_line_that_is_no_key_is_named(line: bytes | None, reason: str) -> None:
    first = encode_keys([new_key("shop", [Scope.READ])[0]])
    with pytest.raises(SettingsError, match=reason):
        decode_keys(first + (line or first))


def test_a_rate_is_a_number_and_a_period() -> None:
    assert [parse_rate(f"10/{period}") for period in ("second", "minute", "hour", "day")] == [
        Rate(10, 1),
        Rate(10, 60),
        Rate(10, 3600),
        Rate(10, 86_400),
    ]
    for wrong in ("", "0/second", "10", "10/week", "-1/second", "10/second ", "1.5/second"):
        with pytest.raises(ValueError, match="COUNT/second"):
            parse_rate(wrong)
        with pytest.raises(SettingsError, match="STREAMAPP_RATE_LIMIT"):
            load_settings(rate_limit=wrong)
