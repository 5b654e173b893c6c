"""The examples of docs/reference/files.md are read by the code that reads such files."""

import re

import pytest

from project.records.ballots import Ballot
from project.records.data import Row
from project.records.preferences import PreferencePair, RatedAnswer
from project.records.record import Record
from project.records.scores import ItemScore
from project.records.traffic import Traffic
from tests.conftest import ROOT

LINES = re.findall(r"^\{.*\}$", (ROOT / "docs/reference/files.md").read_text(), re.MULTILINE)
RECORDS = (Row, Row, Row, PreferencePair, RatedAnswer, ItemScore, Ballot, Traffic)


@pytest.mark.parametrize(("line", "record"), [*zip(LINES, RECORDS, strict=True)])
def test_an_example_is_read_and_holds_no_field_that_nobody_knows(
    line: str, record: type[Record]
) -> None:
    strict = type("Strict", (record,), {"model_config": {"extra": "forbid"}})
    strict.model_validate_json(line)
