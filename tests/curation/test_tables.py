"""Files and folders of anybody's become tables by what their bytes are, or are refused."""

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from curation.sources.tables.read_table import read_table, read_tables
from curation.sources.tables.table import Table, find_column, plain_name
from curation.sources.tables.unpacked_file import files_of, left_aside
from project.errors import InputError

RECORDS = [{"q": "What is a bond?", "a": "A loan that can be traded."}, {"q": "?", "a": "!"}]


def table_of(data: bytes, name: str = "table", **options: Any) -> Table:
    path = Path(name)
    path.write_bytes(data)
    return read_table(path, **options)


def records_of(table: Table) -> list[dict[str, Any]]:
    return [row.fields for row in table.rows]


def csv_bytes(delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["q", "a"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(RECORDS)
    return text.getvalue().encode()


def parquet_bytes(**columns: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table(columns or {"q": ["1", "2"], "a": ["x", "y"]}), file)
    return file.getvalue()


def zip_bytes(**parts: bytes) -> bytes:
    """Not packed, so that what is spoilt are the files in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (parts or {"a.csv": csv_bytes()}).items():
            archive.writestr(name, data)
    return file.getvalue()


def workbook_bytes() -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (["q", "a"], *RECORDS[0].items(), ["1", "=A1", "=A2"]):
        book.active.append(row)
    book.save(file)
    with zipfile.ZipFile(file) as packed:
        return zip_bytes(**{name: packed.read(name) for name in packed.namelist()})


LINES = "\n".join(map(json.dumps, RECORDS)).encode()


# --- bytes decide -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("table.json", LINES, "json lines"),
        ("table.csv", json.dumps(RECORDS).encode(), "json"),
        ("table.parquet", csv_bytes(), "csv"),
        ("table.txt", csv_bytes("\t"), "csv"),
        ("table.csv", csv_bytes(";"), "csv"),
        ("table", csv_bytes("|"), "csv"),
        ("table.csv", gzip.compress(LINES, mtime=0), "json lines"),
    ],
)
def test_a_file_is_what_its_bytes_say_and_not_its_name(name: str, data: bytes, form: str) -> None:
    table = table_of(data, name)
    assert (table.format, table.columns, records_of(table)) == (form, ("q", "a"), RECORDS)


def test_a_gzip_file_may_hold_parquet() -> None:
    assert table_of(gzip.compress(parquet_bytes())).format == "parquet"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (bytes(100), "is binary data"),
        (bytes(range(1, 256)), "is binary data"),
        (b"q,a\nx,\x00y\n" + b"q,a\n" * 99, ":2: holds a NUL"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"PK\x03\x04....xl/workbook.xml", "is a broken ZIP archive: write or copy it again"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00",
            r"old or an encrypted Excel .* as XLSX without a password",
        ),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"SQLite format 3\0", "is an SQLite database"),
        (b"\n<!DOCTYPE HTML><title>Log in</title>", "is a web page, perhaps an error"),
        (b"<html>", "is a web page"),
        (b"<?xml version='1.0'?>", "is XML"),
        (b"\x1f\x8b\x08\x00", "is a broken gzip file"),
        (gzip.compress(csv_bytes(), mtime=0)[:-12], "is a broken gzip file"),
        (gzip.compress(gzip.compress(b"q", mtime=0), mtime=0), "is packed by gzip twice"),
        (b"PAR1", "is a broken Parquet file"),
        (parquet_bytes()[:-9], "is a broken Parquet file"),
    ],
)
def test_what_is_no_table_is_refused_with_what_it_is(data: bytes, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"^table.*{complaint}"):
        table_of(data)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (os.mkfifo, "is no regular file"),
    ],
)
def test_a_path_that_is_no_file_is_refused(make: Callable[[Path], None], complaint: str) -> None:
    make(Path("table"))
    with pytest.raises(InputError, match=f"^table: {complaint}"):
        read_table(Path("table"))


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_is_all_of_its_files_in_the_order_of_their_names() -> None:
    for name in (
        "b.csv",
        "a.json",
        "c/d.csv",
        ".gitignore",
        ".git/e.csv",
        "README.md",
        "a.json.dvc",
    ):
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(csv_bytes())
    names = [str(table.path) for table in read_tables(Path("data"))]
    assert names == ["data/a.json", "data/b.csv", "data/c/d.csv"]


def test_a_file_is_a_list_of_one_table() -> None:
    Path("a.csv").write_bytes(csv_bytes())
    assert read_tables(Path("a.csv")) == [read_table(Path("a.csv"))]


@pytest.mark.parametrize("name", ["README", ".hidden"])
def test_a_folder_without_files_of_data_is_refused(name: str) -> None:
    Path("data").mkdir()
    Path("data", name).write_bytes(csv_bytes())
    with pytest.raises(InputError, match=r"^data: is a folder without CSV, JSON"):
        read_tables(Path("data"))


def test_what_else_lies_in_a_folder_is_left_aside_and_can_be_named() -> None:
    Path("data").mkdir()
    for name in ("faq.CSV", "faq", "LICENSE", "logo.PNG", "notes.md", ".DS_Store", "~$faq.xlsx"):
        Path("data", name).write_bytes(csv_bytes())
    assert [path.name for path in files_of(Path("data"))] == ["faq", "faq.CSV"]
    assert [path.name for path in left_aside(Path("data"))] == ["LICENSE", "logo.PNG", "notes.md"]
    assert left_aside(Path("data", "notes.md")) == []


def test_a_file_that_was_named_is_read_whatever_it_is_called() -> None:
    Path("notes.md").write_bytes(csv_bytes())
    assert read_tables(Path("notes.md"))[0].format == "csv"


# --- Parquet ------------------------------------------------------------------------------------


def test_parquet_values_become_what_json_knows() -> None:
    maps = pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))
    table = table_of(
        parquet_bytes(
            text=["x"],
            number=[1],
            price=[Decimal("1.20")],
            at=[datetime(2026, 1, 31, 12)],
            turns=[[{"role": "user", "content": "?"}]],
            map=maps,
            nothing=pa.array([None], pa.string()),
        )
    )
    assert [(row.line, row.fields) for row in table.rows] == [
        (
            1,
            {
                "text": "x",
                "number": 1,
                "price": "1.20",
                "at": "2026-01-31T12:00:00",
                "turns": [{"role": "user", "content": "?"}],
                "map": {"k": 1},
                "nothing": None,
            },
        )
    ]


def test_columns_of_bytes_are_left_out_of_parquet_with_a_note() -> None:
    picture = [{"bytes": b"\x89PNG", "path": "a.png"}]
    table = table_of(parquet_bytes(q=["?"], raw=[b"\xff"], picture=picture))
    assert records_of(table) == [{"q": "?"}]
    assert table.notes == ("columns of bytes are left out: 'raw', 'picture'",)


def test_nan_in_parquet_is_null_and_counted() -> None:
    table = table_of(parquet_bytes(x=[1.5, float("nan")]))
    assert records_of(table) == [{"x": 1.5}, {"x": None}]
    assert table.notes == ("1 times NaN or infinity, read as null",)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (pa.table([["x"], ["y"]], ["q", "q"]), "has several columns named 'q'"),
        (pa.table({"raw": [b"x"]}), "has no column but of bytes"),
    ],
)
def test_parquet_without_plain_columns_is_refused(columns: pa.Table, complaint: str) -> None:
    file = io.BytesIO()
    parquet.write_table(columns, file)
    with pytest.raises(InputError, match=complaint):
        table_of(file.getvalue())


# --- whatever comes -----------------------------------------------------------------------------

SOUND = [csv_bytes(), csv_bytes("\t"), LINES, json.dumps({"data": RECORDS}, indent=1).encode()]
SOUND += [b'{"q": {"0": 1, "1": 2}}', parquet_bytes(), gzip.compress(LINES, mtime=0)]
SOUND += [zip_bytes(), workbook_bytes()]
SOUND += [csv_bytes().decode().encode("utf-16"), "q,a\né,“x”\n".encode("windows-1252")]
PIECES = [
    b'"',
    b'"a"b',
    b"\n",
    b"\r",
    b",",
    b"\t",
    b"{",
    b"}",
    b"[" * 2000,
    b"\0",
    b"\xff",
    b"\xc3\xa9",
]
PIECES += [b"- ", b": ", b"*a", b"<f>", b"#REF!"]
PIECES += [b"NaN", b"1e999", b"9" * 5000, b'"\\ud800"', b"\xef\xbb\xbf", "\u2028".encode()]


@st.composite
def spoilt(draw: st.DrawFn, sound: Sequence[bytes] = SOUND) -> bytes:
    """A sound file with pieces put in, cut out or written over."""
    data = draw(st.sampled_from(sound))
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        data = data[:start] + piece + data[start + length :]
    return data


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80) | spoilt(), st.booleans())
@example(b"\n" * 10, False)
def test_any_bytes_are_a_table_or_refused(data: bytes, skip: bool) -> None:
    try:
        table = table_of(data, skip=skip)
    except InputError:
        return
    refuse_odd_values(table)


YAML = [
    b"nlu:\n- intent: a\n  examples: |\n    - b\nresponses:\n  utter_a:\n  - text: c\n"
    b"rules:\n- steps:\n  - intent: a\n  - action: utter_a\n",
    b"categories:\n- a\nconversations:\n- - b\n  - c\n",
    b"faq:\n- question: a\n  answer: b\n",
]


@settings(max_examples=100, deadline=None)
@given(spoilt(YAML))
@example(YAML[0].replace(b"responses:\n  utter_a:\n", b"responses:\n"))
def test_any_yaml_is_a_table_or_refused(data: bytes) -> None:
    try:
        table = table_of(data, "table.yml")
    except InputError:
        return
    refuse_odd_values(table)


def refuse_odd_values(table: Table) -> None:
    for record in records_of(table):
        assert record.keys() <= set(table.columns)
        json.dumps(record, ensure_ascii=False, allow_nan=False).encode()


# --- test column names ----------------------------------------------------------------------------

# Names of columns that people write in different ways are one, where that is sure.


def with_columns(*names: str) -> Table:
    return Table(Path("a.csv"), "csv", names, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Question", " question? "),
        ("Ticket Description", "ticket_description"),
        ("ticketDescription", "Ticket-Description"),
        ("\ufeffRéponse", "reponse:"),
        ("Re\u0301ponse", "Réponse"),
        ("Ｑｕｅｓｔｉｏｎ", "question"),
        ("Straße", "STRASSE"),
        ("答 案", "答案："),
    ],
)
def test_names_that_differ_by_a_mark_or_a_blank_are_one(one: str, other: str) -> None:
    assert plain_name(one) == plain_name(other)


@pytest.mark.parametrize(("one", "other"), [("काल", "कल"), ("C", "C+"), ("?", "!"), ("q1", "q2")])
def test_names_that_differ_by_more_are_two(one: str, other: str) -> None:
    assert plain_name(one) != plain_name(other)


def test_a_column_is_found_by_its_name_or_else_by_its_plain_name() -> None:
    table = with_columns("Question", "question", "Answer (en)")
    assert find_column(table, "question") == "question"
    assert find_column(table, "answer_en") == "Answer (en)"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("topic", "topic: no such column; the columns are 'Question', 'question'"),
        ("QUESTION", "QUESTION: could be any of 'Question', 'question'; the columns are"),
    ],
)
def test_a_column_that_is_not_meant_for_sure_is_refused(name: str, complaint: str) -> None:
    table = with_columns("Question", "question")
    with pytest.raises(InputError, match=rf"^a\.csv: {complaint}"):
        find_column(table, name)


def test_a_message_shows_names_in_any_script_safely_and_not_without_end() -> None:
    table = with_columns("答案", "\x1b[2J", "x" * 99, *map(str, range(40)))
    with pytest.raises(InputError) as refused:
        find_column(table, "q")
    shown = str(refused.value)
    assert "'答案', '\\x1b[2J', 'xxx" in shown
    assert shown.endswith(
        "xx…', '0', '1'" + "".join(f", '{n}'" for n in range(2, 27)) + " and 13 more"
    )
