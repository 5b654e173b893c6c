"""The record of what changed the eval sets is read strictly, and only ever grows."""

from pathlib import Path

import pytest

from curation.eval_sets import (
    EVAL_SETS,
    Extension,
    Rotation,
    accepted_ids,
    append_change,
    read_changes,
    retired_ids,
)
from project.errors import InputError
from project.records.data import Row, Split

AT = "2026-03-01T00:00:00Z"
EXTENSION = Extension(at=AT, by="ann", reason="checked", source="labelled.jsonl", rows=("a", "b"))
ROTATION = Rotation(at=AT, by="bob", reason="worn out", part=Split.SEALED, rows=("c",))


def test_changes_come_back_in_their_order_with_their_lines() -> None:
    assert read_changes() == {}
    append_change(EXTENSION)
    append_change(ROTATION)
    assert read_changes() == {1: EXTENSION, 2: ROTATION}
    row = Row.of("why?", "so", group="g", source="s").model_copy(update={"id": "c"})
    assert (accepted_ids(read_changes()), retired_ids(read_changes(), [row])) == ({"a", "b"}, {"c"})
    assert str(ROTATION) == f"{AT}: bob let 1 sealed items leave: worn out"


def test_a_last_line_without_an_end_is_ended() -> None:
    EVAL_SETS.parent.mkdir()
    EVAL_SETS.write_bytes(EXTENSION.canonical())
    append_change(ROTATION)
    assert list(read_changes().values()) == [EXTENSION, ROTATION]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Invalid JSON"),
        ('{"change": "drop"}', "does not match any of the expected tags"),
        (EXTENSION.canonical().decode().replace('"ann"', '" "'), "extend.by: "),
        (EXTENSION.canonical().decode().replace(AT, "today"), "extend.at: .*no RFC 3339 time"),
        (EXTENSION.canonical().decode().replace('["a","b"]', "[]"), "extend.rows: "),
        (ROTATION.canonical().decode().replace('"sealed"', '"train"'), "rotate.part: "),
        (
            ROTATION.model_copy(update={"prompts": ("a" * 64,) * 2}).canonical().decode(),
            "rotate.*as many prompts as rows",
        ),
    ],
)
def test_a_line_that_is_no_change_is_named_with_file_line_and_field(line: str, said: str) -> None:
    EVAL_SETS.parent.mkdir()
    EVAL_SETS.write_text(f"\n{EXTENSION.canonical().decode()}\n{line}\n")
    with pytest.raises(InputError, match=rf"^datasets/eval_sets\.jsonl:3: .*{said}"):
        read_changes()


def test_a_broken_record_is_not_written_on() -> None:
    EVAL_SETS.parent.mkdir()
    EVAL_SETS.write_text("{\n")
    with pytest.raises(InputError, match=r"eval_sets\.jsonl:1: "):
        append_change(EXTENSION)
    assert Path(EVAL_SETS).read_text() == "{\n"
