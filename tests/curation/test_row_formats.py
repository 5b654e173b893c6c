"""The usual shapes of rows are read; anything else is refused with file, line and field."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.sources.row_formats import read_rows
from project.errors import InputError
from project.records.data import Row

USER = {"role": "user", "content": "What is a bond?"}
ASSISTANT = {"role": "assistant", "content": "A loan that can be traded."}


def rows_of(*lines: Any) -> list[Row]:
    path = Path("rows.jsonl")
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return list(read_rows(path))


@pytest.mark.parametrize(
    "fields",
    [
        {"instruction": "What is a bond?", "input": "", "output": "A loan that can be traded."},
        {"instruction": "What is a bond?", "output": "A loan that can be traded."},
        {"prompt": "What is a bond?", "completion": "A loan that can be traded."},
        {"prompt": [USER], "completion": [ASSISTANT]},
        {"messages": [USER, ASSISTANT]},
    ],
)
def test_each_shape_becomes_the_same_row(fields: dict[str, Any]) -> None:
    (row,) = rows_of(fields)
    assert row.prompt_text == "What is a bond?"
    assert row.completion_text == "A loan that can be traded."


def test_an_input_stands_below_its_instruction() -> None:
    (row,) = rows_of({"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"})
    assert row.prompt_text == "Translate.\n\nGuten Tag"


def test_what_a_row_says_of_itself_is_kept() -> None:
    about = {"id": "r1", "group": "bonds", "slices": {"topic": "bonds"}, "source": "desk"}
    (row,) = rows_of({"prompt": "?", "completion": "!"} | about)
    assert (row.id, row.group, row.slices, row.source) == (
        "r1",
        "bonds",
        {"topic": "bonds"},
        "desk",
    )


def test_the_same_line_again_is_the_same_row() -> None:
    one, two = rows_of(*[{"prompt": "?", "completion": "!"}] * 2)
    assert one == two


def test_what_it_leaves_out_is_filled_in() -> None:
    one, two = rows_of({"prompt": "1?", "completion": "!"}, {"prompt": "2?", "completion": "!"})
    assert one.id != two.id
    assert one.group == one.id
    assert one.source == "rows.jsonl"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", r"^rows\.jsonl:2: not JSON"),
        ("[]", r"^rows\.jsonl:2: a row must be a JSON object"),
        ({"text": "raw"}, r"^rows\.jsonl:2: a row needs one of the fields 'instruction'"),
        ({"instruction": "?"}, r"^rows\.jsonl:2: instruction: .*'output'"),
        ({"prompt": "?"}, r"^rows\.jsonl:2: prompt: .* it has no 'completion'"),
        ({"messages": []}, r"^rows\.jsonl:2: messages: "),
        ({"prompt": "?", "completion": 3}, r"^rows\.jsonl:2: completion: "),
        ({"prompt": "?", "completion": "!", "grup": 1}, r"^rows\.jsonl:2: grup: Extra"),
        ({"prompt": "2", "completion": "!", "id": "one"}, r"^rows\.jsonl:2: id: 'one' is another"),
        ('{"prompt": "\\ud800", "completion": "!"}', r"^rows\.jsonl:2: .*half of a character"),
        ('{"prompt": "?", "completion": "!", "group": NaN}', r"^rows\.jsonl:2: .*NaN"),
        ("[" * 100_000, r"^rows\.jsonl:2: not JSON"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(line: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        rows_of({"prompt": "?", "completion": "!", "id": "one"}, line)
