"""What somebody accepted is checked as all other rows are: nobody's word excuses it."""

import csv
from pathlib import Path

import pytest
import yaml

from curation.curate import main
from curation.eval_sets import EVAL_SETS, Extension, append_change
from project.paths import ACCOUNT, ORIGINS, RAW, rows_of
from project.records.data import Origin, Row, Split
from project.records.record import write_records

LABELLED = "labelled.jsonl"
GOOD = Row.of("which coin has a hole?", "the five", group="hole", source=LABELLED)
PERSONAL = Row.of("whom do I call?", "Call Jane, 030 1234567.", group="call", source=LABELLED)
TALE = " ".join(f"word{i}" for i in range(600))
LONG = Row.of("which is the longest?", TALE, group="long", source=LABELLED)
PARAMS = {"curation": {"curate": {"personal_data": "drop"}}}


@pytest.fixture(autouse=True)
def curated(pinned_base: None) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    base = [Row.of(f"number {i}?", f"it is {i}", group=f"g{i}", source="a.csv") for i in range(60)]
    rows = [*base, GOOD, PERSONAL, LONG]
    write_records(RAW, rows)
    write_records(ORIGINS, [Origin(file=row.source, line=1, row=row.id) for row in rows])
    ids = (GOOD.id, PERSONAL.id, LONG.id)
    at = "2026-03-01T00:00:00Z"
    append_change(Extension(at=at, by="ann", reason="ok", source=LABELLED, rows=ids), EVAL_SETS)
    main()


def test_an_accepted_row_that_is_private_or_too_long_is_left_out_and_the_account_says_why() -> None:
    kept = {row.id for part in Split for row in Row.read_lines(rows_of(part))}
    assert GOOD.id in kept
    assert {PERSONAL.id, LONG.id}.isdisjoint(kept)
    with ACCOUNT.open(newline="") as lines:
        whys = {line["row"]: line["why"] for line in csv.DictReader(lines)}
    assert whys[PERSONAL.id] == "with what seems to be personal data"
    assert whys[LONG.id] == "longer than base.max_length"
