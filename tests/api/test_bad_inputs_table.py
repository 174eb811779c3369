"""The table of bad inputs in the documentation, against the tests and the problems that there are."""

import re
from pathlib import Path

import bad_inputs
from bad_inputs import BODIES

from api.problems.kinds import KINDS

TESTS = Path(bad_inputs.__file__).parent
TABLE = (TESTS.parent / "docs/limits.md").read_text().partition("<!-- bad inputs -->")[2]
ROWS = {int(number): text for number, text in re.findall(r"^\| (\d+) \|(.*)\|$", TABLE, re.MULTILINE)}


def test_every_row_of_the_table_has_a_test() -> None:
    texts = [path.read_text() for path in TESTS.rglob("test_*.py")]
    marked = {int(number) for text in texts for number in re.findall(r"@pytest\.mark\.bad_input\((\d+)\)", text)}
    assert marked | {case.number for case in BODIES} == set(range(1, 31)) == ROWS.keys()


def test_the_table_says_what_the_tests_show() -> None:
    assert [case for case in BODIES if f"{case.status} `{case.code}`" not in ROWS[case.number]] == []


def test_the_codes_of_the_table_have_its_statuses() -> None:
    told = re.findall(r"(\d{3}) `([a-z_]+)`", TABLE)
    assert len(told) >= 30
    assert [(int(status), code) for status, code in told if KINDS[code][0] != int(status)] == []
