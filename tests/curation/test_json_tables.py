"""JSON, in whichever of the usual ways its records are written, is read or named with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.sources.tables.json_table import is_json, read_json
from curation.sources.tables.table import Table, TextFile
from project.errors import InputError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
FIELDS = st.dictionaries(TEXT, VALUES | TEXT | st.lists(TEXT, max_size=2), min_size=1, max_size=3)
RECORDS = st.lists(FIELDS, min_size=2, max_size=4)

USER = {"role": "user", "content": "?"}


def table_of(text: str, **options: Any) -> Table:
    return read_json(TextFile(Path("t.json"), text), **options)


def records(text: str, **options: Any) -> list[dict[str, Any]]:
    return [row.fields for row in table_of(text, **options).rows]


# --- what is read -------------------------------------------------------------------------------


@given(RECORDS, st.booleans())
@example([{"q": "a\u2028b\u0085c\x0cd"}, {"q": "\ufeff"}], False)
def test_what_json_wrote_reads_back(written: list[dict[str, Any]], escaped: bool) -> None:
    lines = "\r\n".join(json.dumps(one, ensure_ascii=escaped) for one in written)
    assert records(lines) == written
    assert records(json.dumps(written, ensure_ascii=escaped, indent=1)) == written
    assert records(json.dumps({"version": 1, "rows": written})) == written


@pytest.mark.parametrize(
    ("text", "form", "found"),
    [
        ('{"q": 1}', "json lines", [{"q": 1}]),
        ('\n{"q": 1}\n\n{"a": 2}\n', "json lines", [{"q": 1}, {"a": 2}]),
        ('{"q": 1}\r{"q": 2}', "json lines", [{"q": 1}, {"q": 2}]),
        ("[]", "json", []),
        ('{"q": ["1"], "a": [{"text": "x"}]}', "json", [{"q": "1", "a": {"text": "x"}}]),
        ('[{"q": 1}]', "json", [{"q": 1}]),
        ('{"data": [{"q": 1}]}', "json", [{"q": 1}]),
        (
            '{"q": ["1", "2"], "a": ["x", "y"]}',
            "json",
            [{"q": "1", "a": "x"}, {"q": "2", "a": "y"}],
        ),
        (
            '{"q": {"0": 1, "7": 2}, "a": {"0": 3, "7": 4}}',
            "json",
            [{"q": 1, "a": 3}, {"q": 2, "a": 4}],
        ),
        (json.dumps({"messages": [USER]}), "json lines", [{"messages": [USER]}]),
        (
            json.dumps({"q": "NULL", "tags": ["N/A"]}),
            "json lines",
            [{"q": "NULL", "tags": ["N/A"]}],
        ),
    ],
)
def test_usual_files_are_read(text: str, form: str, found: list[dict[str, Any]]) -> None:
    assert (table_of(text).format, records(text)) == (form, found)


def test_records_of_q_and_a_are_found_below_others() -> None:
    topics = [{"name": "fees", "faqs": [{"q": "1?", "a": "1"}, {"q": "2?", "a": "2"}]}]
    assert [one["a"] for one in records(json.dumps({"topics": topics}, indent=1))] == ["1", "2"]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "completion": "a", "assertions": [{"kind": "length", "most": 9}]},
        {"instruction": "q", "output": "a", "one": [{"x": 1}], "other": [{"y": 1}]},
        {"messages": [USER], "tools": [{"name": "f"}]},
    ],
)
def test_a_lone_row_keeps_its_lists(row: dict[str, Any]) -> None:
    table = table_of(json.dumps(row))
    assert (table.format, [one.fields for one in table.rows]) == ("json lines", [row])


def test_columns_are_named_in_the_order_in_which_they_first_come() -> None:
    assert table_of('{"q": 1}\n{"a": 2, "q": 3}\n{"b": 4}').columns == ("q", "a", "b")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('\n{"q": 1}\n\n{"q": 2}\n', [2, 4]),
        ('[\n{"q": "\\n"}, {"q": 2},\n\n{"q":\n3}]', [2, 2, 4]),
        ('{"v": 1,\n"rows": [\n{"q": 1},\n{"q": 2}]}', [3, 4]),
        ('{"q": [1,\n2], "a":\n[3, 4]}', [1, 2]),
        ('{"q": {"0": 1,\n"1": 2}}', [1, 2]),
    ],
)
def test_a_record_is_on_the_line_where_it_begins(text: str, lines: list[int]) -> None:
    assert [row.line for row in table_of(text).rows] == lines


def test_what_stands_beside_the_list_of_records_is_told() -> None:
    table = table_of('{"version": 1, "rows": [{"q": 1}]}')
    assert table.notes == ("its records are in 'rows'; left aside: 'version'",)


def test_lists_of_like_records_are_read_together_with_what_stands_above_them() -> None:
    table = table_of('{"train": [{"q": 1}],\n"bank": {"test": [{"q": 2}]}}')
    assert [(row.line, row.fields) for row in table.rows] == [
        (1, {"part": "train", "q": 1}),
        (2, {"part": "bank > test", "q": 2}),
    ]
    assert table.notes == ("its records are in 'train', 'bank > test', its column 'part'",)


@pytest.mark.parametrize("text", ['{"q": NaN}\n{"q": 1e999}', '[{"q": -Infinity}, {"q": NaN}]'])
def test_nan_and_infinity_are_null_and_counted(text: str) -> None:
    table = table_of(text)
    assert [row.fields for row in table.rows] == [{"q": None}, {"q": None}]
    assert table.notes == ("2 times NaN or infinity, read as null",)


@pytest.mark.parametrize("text", ["[id],[name]\n1,2", "q,a\n{},[]", "\u2028{}"])
def test_brackets_alone_do_not_make_it_json(text: str) -> None:
    assert not is_json(text)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[{"q": 1},\n{"q": "x', "2: is not JSON: it is cut off"),
        ('[{"q": 1},\n{"q": 2}\n', "3: is not JSON: it is cut off"),
        ('[{"q": 1}\n{"q": 2}]', "2: is not JSON: ',' is missing"),
        ('[{"q": 1},\n]', "2: is not JSON: Expecting value"),
        ('[{"q": 1}]\n[]', "2: is not JSON: more follows behind its end"),
        ('{"rows": [{"q": 1},\n{"q": ', "2: is not JSON: it is cut off"),
        ('{\n"q": 1}\n{\n"q": 2}', "3: is not JSON: more follows behind its end"),
        ("{'q': 1}", "1: is not JSON: "),
        ('[["q", "a"],\n["1", "x"]]', "1: is a list of lists: write each record as an object"),
        ('{"columns": ["q"],\n"data": [["1"], ["2"]]}', "2: is a list of lists"),
        ("[" * 100_000, "1: is not JSON: it is nested too deep"),
        ('{"q":' * 100_000, "1: is not JSON: it is nested too deep"),
        ('{"q": [1],\n"\\ud83d": [2]}', "2: is not JSON: a key holds half of a character"),
        ('{"q": {"0": 1},\n"q": {"0": 2}}', "2: is not JSON: the key 'q' is there twice"),
    ],
)
def test_a_torn_file_is_refused_with_its_line(text: str, complaint: str) -> None:
    for skip in (False, True):
        with pytest.raises(InputError, match=rf"^t\.json:{complaint}"):
            table_of(text, skip=skip)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            '{"rows": [{"q": 1}], "people": [{"name": 2}]}',
            "holds several lists of records, 'rows', 'people'",
        ),
        ('{\n"name": "x", "license": "y"}', "holds one object, .* its keys are 'name', 'license'"),
        ('{\n"q": [1, 2], "a": [3]}', "holds one object, .* its keys are 'q', 'a': write a list"),
    ],
)
def test_an_object_that_is_no_table_is_refused_with_its_keys(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"^t\.json: {complaint}"):
        table_of(text)


BROKEN = [
    ('{"q": "x', "is not JSON: it is cut off"),
    ('{"q": 1} x', "is not JSON: more follows behind its end"),
    ("7", "is no JSON object"),
    ("null", "is no JSON object"),
    ('{"q": 1, "q": 2}', "has the key 'q' twice"),
    ('{"q": {"a": 1, "a": 2}}', "has the key 'a' twice"),
    ('{"q": "\\ud83d"}', "holds half of a character"),
    ('{"q": ' + "9" * 5000 + "}", "is not JSON: it holds a number that is too long"),
    ('{"q": ' + "[" * 100_000 + "}", "is not JSON: it is nested too deep"),
    ('{"q": ' + "[" * 200 + "]" * 200 + "}", "is nested more than 100 levels deep"),
]


@pytest.mark.parametrize(("line", "complaint"), BROKEN)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_broken_line_is_named_or_left_out_and_listed(
    line: str, complaint: str, place: int
) -> None:
    lines = ['{"q": 1}', '{"q": 2}']
    lines.insert(place, line)
    with pytest.raises(InputError, match=rf"^t\.json:{place + 1}: {complaint}"):
        table_of("\n".join(lines))
    table = table_of("\n".join(lines), skip=True)
    assert [row.fields for row in table.rows] == [{"q": 1}, {"q": 2}]
    assert [(one.line, one.why[: len(complaint)]) for one in table.unreadable] == [
        (place + 1, complaint)
    ]


@pytest.mark.parametrize(("line", "complaint"), [one for one in BROKEN if "not JSON" not in one[1]])
def test_a_bad_record_in_a_list_is_named_or_left_out_and_listed(line: str, complaint: str) -> None:
    text = f'[{{"q": 1}},\n{line},\n{{"q": 2}}]'
    with pytest.raises(InputError, match=rf"^t\.json:2: {complaint}"):
        table_of(text)
    table = table_of(text, skip=True)
    assert [row.line for row in table.rows] == [1, 3]
    assert [one.line for one in table.unreadable] == [2]
