"""Whatever form, ending, encoding and packing people's files have, the same rows come out."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from curation.sources.columns.column_guess import guess
from curation.sources.source_file import guess_format
from curation.sources.table_rows import NamedColumns, rows_of_table
from curation.sources.tables.read_table import read_tables
from project.errors import InputError
from project.records.data import Row

Pair = tuple[str, str]
Pairs = list[Pair]

TOPICS = ("loan", "card", "account", "fee", "branch", "limit", "cheque", "deposit")


def english(count: int) -> Pairs:
    """With what a careless reader trips over: quotes, delimiters, line breaks in a field."""
    odd = [
        'Say "yes", then sign.',
        "One; two | three.",
        "First line.\nSecond line.",
        "It’s 5 €, née.",
    ]
    return [
        (f"How do I open {TOPICS[i % 8]} number {i}?", f"Answer {i}: {odd[i % 4]}")
        for i in range(count)
    ]


def one_line(pairs: Pairs) -> Pairs:
    return [(asked, told.replace("\n", " ")) for asked, told in pairs]


def chinese(count: int) -> Pairs:
    return [
        (f"我的银行卡第{i}张丢了怎么办？", f"请您马上打电话给银行，号码{i}。") for i in range(count)
    ]


# --- forms ----------------------------------------------------------------------------------------


def delimited(delimiter: str, **options: Any) -> Callable[[Pairs], str]:
    def write(pairs: Pairs) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter, **options)
        writer.writerows([("question", "answer"), *pairs])
        return text.getvalue()

    return write


def records(pairs: Pairs) -> list[dict[str, str]]:
    return [{"question": asked, "answer": told} for asked, told in pairs]


def dumped(make: Callable[[Pairs], Any], **options: Any) -> Callable[[Pairs], str]:
    return lambda pairs: json.dumps(make(pairs), ensure_ascii=False, **options)


def by_topic(pairs: Pairs) -> dict[str, list[dict[str, str]]]:
    found = {topic: records(pairs[i::8]) for i, topic in enumerate(TOPICS)}
    return {topic: some for topic, some in found.items() if some}


def json_lines(pairs: Pairs) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records(pairs))


def squad(pairs: Pairs) -> Any:
    asked = [
        {"question": q, "id": i, "answers": [{"text": a, "answer_start": 0}]}
        for i, (q, a) in enumerate(pairs)
    ]
    return {"version": "1", "data": [{"title": "T", "paragraphs": [{"context": "", "qas": asked}]}]}


TEXTS: dict[str, Callable[[Pairs], str]] = {
    "commas": delimited(","),
    "semicolons": delimited(";"),
    "tabs": delimited("\t"),
    "bars": delimited("|"),
    "all quoted": delimited(",", quoting=csv.QUOTE_ALL, lineterminator="\n"),
    "JSON Lines": json_lines,
    "a list": dumped(records, indent=1),
    "a list on one line": dumped(records),
    "columns": dumped(lambda pairs: {
        "question": [q for q, _ in pairs], "answer": [a for _, a in pairs]
    }),
    "pandas": dumped(lambda pairs: {
        name: {str(i): pair[place] for i, pair in enumerate(pairs)}
        for place, name in enumerate(("question", "answer"))
    }),
    "one level": dumped(lambda pairs: {"faq": records(pairs)}),
    "two levels": dumped(lambda pairs: {"bank": {"faq": records(pairs)}}, indent=1),
    "three levels": dumped(
        lambda pairs: {"bank": {"retail": {"faq": records(pairs)}}, "v": 1}, indent=1
    ),
    "by topic": dumped(by_topic, indent=1),
    "by name": dumped(lambda pairs: {f"q{i}": one for i, one in enumerate(records(pairs))}),
    "answers by questions": dumped(dict),
    "records in records": dumped(lambda pairs: [
        {"title": topic, "faqs": some} for topic, some in by_topic(pairs).items()
    ]),
    "SQuAD": dumped(squad),
    "objects in records": dumped(lambda pairs: [
        {"question": {"text": q}, "answer": {"text": a, "votes": 1}} for q, a in pairs
    ]),
}  # fmt: skip
ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".data", "")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")


def workbook(pairs: Pairs) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in [("question", "answer"), *pairs]:
        book.active.append(row)
    book.create_sheet("about").append(["written by the branch"])
    book.save(file)
    return file.getvalue()


def stored(pairs: Pairs) -> bytes:
    file = io.BytesIO()
    parquet.write_table(
        pa.table({n: [p[i] for p in pairs] for i, n in enumerate(("question", "answer"))}), file
    )
    return file.getvalue()


def nested(pairs: Pairs) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({"id": list(range(len(pairs))), "faq": records(pairs)}), file)
    return file.getvalue()


BYTES = {"xlsx": workbook, "parquet": stored, "nested parquet": nested}


# --- what comes out -------------------------------------------------------------------------------


def found_in(path: Path) -> Pairs:
    """As `init` reads a file: its form, its columns, its rows."""
    assert guess_format(path) == "table"
    tables = read_tables(path)
    columns = guess(tables, NamedColumns()).columns
    reads = [read for table in tables for read in rows_of_table(table, columns)]
    return [(row.prompt_text, row.completion_text) for row in map(made, reads)]


def made(read: Any) -> Row:
    assert isinstance(read.made, Row), read
    return read.made


def comparable(pairs: Pairs) -> Pairs:
    return sorted(
        (asked.replace("\r\n", "\n"), told.replace("\r\n", "\n")) for asked, told in pairs
    )


@pytest.mark.parametrize(("form", "ending"), product(TEXTS, ENDINGS))
def test_what_a_text_holds_decides_and_never_its_ending(form: str, ending: str) -> None:
    pairs, path = english(24), Path(f"faq{ending}")
    encoding = ENCODINGS[([*TEXTS].index(form) + ENDINGS.index(ending)) % len(ENCODINGS)]
    path.write_bytes(TEXTS[form](pairs).encode(encoding))
    assert comparable(found_in(path)) == comparable(pairs), encoding


@pytest.mark.parametrize("form", TEXTS)
def test_older_encodings_are_read_in_every_form(form: str) -> None:
    path = Path("faq.txt")
    for pairs, encoding in ((english(24), "windows-1252"), (chinese(24), "gb18030")):
        path.write_bytes(TEXTS[form](pairs).encode(encoding))
        if form == "answers by questions" and encoding == "gb18030":
            continue  # its questions have no blanks to tell them by
        assert comparable(found_in(path)) == comparable(pairs), encoding


@pytest.mark.parametrize("form", BYTES)
@pytest.mark.parametrize("name", ["faq.xlsx", "faq.csv", "faq"])
def test_so_it_is_with_workbooks_and_parquet(form: str, name: str) -> None:
    Path(name).write_bytes(BYTES[form](english(24)))
    assert comparable(found_in(Path(name))) == comparable(english(24))


@pytest.mark.parametrize("form", [*TEXTS, *BYTES])
@pytest.mark.parametrize("count", [3, 1000])
def test_few_rows_and_many_are_read_alike(form: str, count: int) -> None:
    pairs = english(count)
    data = BYTES[form](pairs) if form in BYTES else TEXTS[form](pairs).encode()
    Path("faq").write_bytes(data)
    assert comparable(found_in(Path("faq"))) == comparable(pairs)


@pytest.mark.parametrize("form", [*TEXTS, *BYTES])
def test_a_packed_file_and_a_folder_hold_what_is_in_them(form: str) -> None:
    pairs = english(24)
    halves = [
        BYTES[form](some) if form in BYTES else TEXTS[form](some).encode()
        for some in (pairs[:12], pairs[12:])
    ]
    folder = Path("faq")
    folder.mkdir()
    for name, data in zip(("a.txt", "b.txt"), halves, strict=True):
        (folder / name).write_bytes(data)
    with zipfile.ZipFile("faq.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/faq/._a.txt", b"\0\0")
        for file in folder.iterdir():
            archive.write(file)
    Path("faq.gz").write_bytes(gzip.compress(halves[0]))
    assert (
        comparable(found_in(Path("faq.zip"))) == comparable(found_in(folder)) == comparable(pairs)
    )
    if form not in BYTES or "parquet" in form:
        assert comparable(found_in(Path("faq.gz"))) == comparable(pairs[:12])


def test_a_text_with_tabs_is_a_table_even_where_a_line_of_it_is_torn() -> None:
    lines = "".join(f"{asked}\t{told}\t\n" for asked, told in one_line(english(24)))
    Path("faq.txt").write_text(f"question\tanswer\tnote\n{lines}Who?\tcut\n")
    assert guess_format(Path("faq.txt")) == "table"
    with pytest.raises(InputError, match=r"^faq\.txt:26: has 2 fields, the header has 3"):
        read_tables(Path("faq.txt"))


def test_a_text_in_paragraphs_is_no_table() -> None:
    Path("manual.txt").write_text("First, open the box.\n\nThen, with care, take it out.\n" * 9)
    assert guess_format(Path("manual.txt")) == "documents"


@pytest.mark.parametrize("name", ["answer.text", "answer"])
def test_a_field_of_an_object_can_be_named(name: str) -> None:
    answers = [{"text": f"That is {i}.", "by": "A person"} for i in range(20)]
    lines = [
        json.dumps({"prompt": f"What is {i}?", "answer": one}) for i, one in enumerate(answers)
    ]
    Path("faq.jsonl").write_text("\n".join(lines))
    (table,) = read_tables(Path("faq.jsonl"))
    columns = guess([table], NamedColumns(prompt=("prompt",), completion=name)).columns
    (first, *_) = rows_of_table(table, columns)
    assert made(first).completion_text == ("That is 0." if "." in name else json.dumps(answers[0]))


def test_classes_are_not_taken_for_answers_that_lie_in_objects() -> None:
    qas = [{"question": f"Why {i}?", "answers": [{"text": f"So {i}."}]} for i in range(30)]
    groups = [{"category": "ab"[i % 2], "context": "", "qas": [one]} for i, one in enumerate(qas)]
    Path("squad.json").write_text(json.dumps({"data": groups}))
    assert (
        guess(read_tables(Path("squad.json")), NamedColumns()).columns.completion == "answers.text"
    )
