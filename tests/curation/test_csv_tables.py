"""Delimited text: every record has the header's fields, or is named with its line."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.sources.tables.csv_table import read_csv
from curation.sources.tables.table import Table, TextFile
from project.errors import InputError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
RECORDS = st.lists(st.tuples(TEXT, TEXT), max_size=5)


def table_of(text: str, **options: Any) -> Table:
    return read_csv(TextFile(Path("t.csv"), text), **options)


def values(text: str, **options: Any) -> list[tuple[str, ...]]:
    return [tuple(row.fields.values()) for row in table_of(text, **options).rows]


# --- what is read -------------------------------------------------------------------------------


# With line feeds alone, the library quotes no carriage return, which then ends the line.
WRITERS: list[dict[str, Any]] = [{}, {"lineterminator": "\n", "quoting": csv.QUOTE_ALL}]


@given(RECORDS, st.sampled_from(",;\t|"), st.sampled_from(WRITERS))
@example([("a\x0bb\x0c\x1c\x85\u2028", "\ufeff")], ",", {})
def test_what_a_csv_writer_wrote_reads_back(
    records: list[tuple[str, str]], delimiter: str, options: dict[str, Any]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, **options)
    writer.writerows([("q", "a"), *records])
    assert values(text.getvalue()) == records


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("q,a\n1,2\n\n\n", [("1", "2")]),
        ("q,a\r1,2\r3,4", [("1", "2"), ("3", "4")]),
        ("\n\nq,a\n\n1,2\n   \n", [("1", "2")]),
        ("q,a\n,\n", [("", "")]),
        ("q,a\nNULL,N/A\n", [("NULL", "N/A")]),
        ('q,a\n5" pipe,x\n', [('5" pipe', "x")]),
        ("q\none\ntwo\n", [("one",), ("two",)]),
        ('q\n"Hello, world"\n', [("Hello, world",)]),
        ("q,a,,\n1,2,,\n", [("1", "2")]),
        ("sep=;\nq;a\n1;2\n", [("1", "2")]),
        ('"q", "a"\n"1, 2", "3"\n', [("1, 2", "3")]),
        ('q,a\n"1, 2", "3, 4"\n', [("1, 2", "3, 4")]),
    ],
)
def test_usual_files_are_read(text: str, records: list[tuple[str, ...]]) -> None:
    assert values(text) == records


@pytest.mark.parametrize(
    "text",
    [
        "q;a\nHello, you;1,5\nOne, two;2,5\n",
        "q\ta\nHello, you\t1; 2\nOne, two\t3; 4\n",
        "q|a\nHello, you|x;y\nOne, two|z\n",
        'q,a\n"a;b;c",x\n"d;e;f",y\n',
    ],
)
def test_the_delimiter_is_the_one_by_which_records_are_like_the_header(text: str) -> None:
    table = table_of(text)
    assert (table.columns, len(table.rows)) == (("q", "a"), 2)


def test_a_record_is_on_the_line_where_it_begins() -> None:
    table = table_of('q,a\n"one\n\r\ntwo",x\n\n3,4\n')
    assert [row.line for row in table.rows] == [2, 6]


def test_quotes_in_a_tab_separated_file_may_be_text() -> None:
    text = 'q\ta\n"Hello" she said\tHi\nHe said "\tno\nno "\tyes\n'
    assert values(text) == [('"Hello" she said', "Hi"), ('He said "', "no"), ('no "', "yes")]
    assert table_of(text).notes == ("its quotes are read as text: they enclose no fields",)


def test_quotes_in_a_tab_separated_file_enclose_where_that_makes_records() -> None:
    assert values('q\ta\n"a\tb"\t"c\nd"\n') == [("a\tb", "c\nd")]


def test_a_field_may_be_longer_than_the_library_takes_by_default() -> None:
    long = "x" * 200_000
    assert values(f"q,a\n{long},1\n") == [(long, "1")]


# --- the header ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (" q ,\ta", ("q", "a")),
        ("\ufeffq,a", ("q", "a")),
        (",a", ("column 1", "a")),
        ('"q\nx",a', ("q\nx", "a")),
    ],
)
def test_names_lose_the_blanks_around_them(header: str, columns: tuple[str, ...]) -> None:
    assert table_of(f"{header}\n1,2\n").columns == columns


def test_a_header_alone_is_a_table_without_rows() -> None:
    table = table_of("q,a\n")
    assert (table.columns, table.rows) == (("q", "a"), ())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("q, q\n1,2\n", "t.csv:1: has the column 'q' twice"),
        ("\n,column 1\n1,2\n", "t.csv:2: has the column 'column 1' twice"),
        (",\n1,2\n", "t.csv:1: the header has no names"),
        ("q,\n1,\n2,x\n", "t.csv:3: has a value in a column that has no name"),
        ("FAQ,\nq,a\n1,2\n", "t.csv:2: .* delete a title above the line of names"),
        ('"q"x,a\n1,2\n', "t.csv:1: has text after a closing quote"),
    ],
)
def test_a_header_that_names_nothing_for_sure_is_refused(text: str, complaint: str) -> None:
    for skip in (False, True):
        with pytest.raises(InputError, match=f"^{complaint}"):
            table_of(text, skip=skip)


# --- what is no record --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1,2,3", "has 3 fields, the header has 2: quote the field that holds the delimiter ','"),
        ("1", "has 1 field, the header has 2: a field is missing, or a line break"),
        ('"1"x,2', "has text after a closing quote"),
    ],
)
def test_what_is_no_record_is_named_or_left_out_and_listed_but_never_cut_or_shifted(
    line: str, complaint: str
) -> None:
    text = f'q,a\n"x\ny",z\n{line}\n5,6\n7,8\n'
    with pytest.raises(InputError, match=rf"^t\.csv:4: {complaint}"):
        table_of(text)
    table = table_of(text, skip=True)
    assert [row.line for row in table.rows] == [2, 5, 6]
    (left_out,) = table.unreadable
    assert left_out.line == 4
    assert left_out.why.startswith(complaint)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('q,a\n1,2\n"open,3\n4,5\n', 3),
        ('q,a\n"x\ny","open\n4,5\n', 3),
        ('q,a\n1,"open\n3,"closed"\n5,6\n', 2),
        ('q,a\n"1"x,"open\n3,4"\n', 2),
        ('"q,a\n1,2\n', 1),
        ('q\ta\n"1"\t"open\n"3"\t""\n', 2),
    ],
)
def test_a_quote_left_open_is_always_refused_with_the_line_of_its_field(
    text: str, line: int
) -> None:
    for skip in (False, True):
        with pytest.raises(InputError, match=rf"^t\.csv:{line}: a quote is not closed"):
            table_of(text, skip=skip)


# --- no header ----------------------------------------------------------------------------------

TALK = [(f"What is a {word}?", f"A {word} is a word. Ask again!") for word in "abcdefghijkl"]


def test_a_first_line_that_reads_like_the_others_is_a_record() -> None:
    table = table_of("".join(f"{q}\t{a}\n" for q, a in TALK))
    assert table.columns == ("column 1", "column 2")
    assert [row.line for row in table.rows] == list(range(1, 13))
    assert table.notes[0].startswith(
        "its first line reads like a record, so its columns are called"
    )


def test_so_is_one_whose_text_comes_again_below() -> None:
    text = "".join(f"How do I close it?\tHow can I close it, way {i}?\n" for i in range(12))
    assert table_of(text).columns == ("column 1", "column 2")


@pytest.mark.parametrize(
    "header", ["question\tanswer", "What is your question?\tWhat is our answer?", "Dr. No\tMr. Yes"]
)
def test_names_may_ask_and_have_points(header: str) -> None:
    table = table_of(f"{header}\n" + "".join(f"{q}\t{a}\n" for q, a in TALK))
    assert len(table.rows) == len(TALK)


def test_a_header_that_comes_again_is_no_record() -> None:
    text = "q,a\n1,2\nq,a\n3,4\n"
    with pytest.raises(InputError, match=r"^t\.csv:3: says the header again"):
        table_of(text)
    assert [row.line for row in table_of(text, skip=True).rows] == [2, 4]
