"""The table of problems is complete, and so are its tests."""

from pathlib import Path

from api.errors import EdgeCode
from api.problems.kinds import KINDS
from streamapp.contracts.errors import Code

#: Not of requests over HTTP: the worker's.
NEVER = {Code.NULL_RECORD, Code.MODEL_FAILED, Code.MODEL_TIMEOUT}


def test_every_code_has_a_status() -> None:
    assert set(KINDS) == set(Code) | set(EdgeCode)


def test_every_code_is_provoked_by_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("*.py"))
    assert [code for code in KINDS if code not in NEVER and f'"{code}"' not in tests] == []
