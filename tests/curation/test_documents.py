"""Documents in the usual formats become passages of plain text, each with its place."""

import re
from pathlib import Path

import docx
import pypdf
import pytest

from curation.sources.documents.passages import LONGEST, TextBlock, passages
from curation.sources.documents.read_documents import read_documents
from project.errors import InputError
from project.records.data import Document
from tests.curation import made_documents

PARAGRAPH = "A bond is a loan to a state or to a firm, which pays it back on a day that is set."


def found(path: Path | str, encoding: str | None = None) -> list[tuple[int, str]]:
    """The place and the text of each document, or why there is none."""
    return [
        (
            read.origin.line,
            read.made.text if isinstance(read.made, Document) else f"{read.origin.why}",
        )
        for read in read_documents(Path(path), encoding=encoding)
    ]


def text_of(path: Path | str) -> str:
    return "\n\n".join(text for _, text in found(path))


def write(name: str, text: str, encoding: str = "utf-8") -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding, newline="")
    return name


# --- passages -----------------------------------------------------------------------------------


def test_a_long_text_is_cut_between_paragraphs() -> None:
    blocks = [TextBlock(f"{i} {PARAGRAPH}", i) for i in range(1, 101)]
    cut = list(passages(blocks))
    assert all(len(one.text) <= LONGEST for one in cut)
    assert "\n\n".join(one.text for one in cut) == "\n\n".join(one.text for one in blocks)
    assert [one.text.split()[0] for one in cut] == [str(one.place) for one in cut]


def test_a_paragraph_that_is_too_long_is_cut_at_the_end_of_a_sentence() -> None:
    cut = list(passages([TextBlock(" ".join([PARAGRAPH] * 200))]))
    assert all(one.text.endswith(".") for one in cut)
    assert " ".join(one.text for one in cut) == " ".join([PARAGRAPH] * 200)


def test_a_word_without_an_end_is_cut_too() -> None:
    cut = list(passages([TextBlock("x" * 10 * LONGEST)]))
    assert [len(one.text) for one in cut] == [LONGEST] * 10


def test_headings_stand_above_the_passages_of_their_section() -> None:
    bonds = [TextBlock("Money", level=1), TextBlock("Bonds", level=2), *[TextBlock(PARAGRAPH)] * 80]
    shares = [TextBlock("Shares", level=2), TextBlock(PARAGRAPH)]
    first, second, last = (one.text.split("\n\n")[:3] for one in passages([*bonds, *shares]))
    assert first == ["Money", "Bonds", PARAGRAPH]
    assert second == ["Money > Bonds", PARAGRAPH, PARAGRAPH]
    assert last == ["Money", "Shares", PARAGRAPH]


def test_headings_alone_are_no_passage() -> None:
    assert list(passages([TextBlock("Money", level=1), TextBlock("Bonds", level=2)])) == []


# --- text and Markdown --------------------------------------------------------------------------


def test_a_text_is_read_with_its_lines() -> None:
    long = f"{PARAGRAPH}\n\n" * 60
    places = found(write("a.txt", f"first\r\nline\r\n\r\n{long}"))
    assert places[0][1].startswith("first\nline\n\nA bond")
    assert [line for line, _ in places] == [1, 98]


def test_an_older_encoding_is_read_where_it_is_named() -> None:
    name = write("a.txt", "тариф и ставка", "cp1251")
    with pytest.raises(InputError, match=r"a\.txt:1: is not UTF-8"):
        found(name)
    assert found(name, "cp1251") == [(1, "тариф и ставка")]


MARKDOWN = """---
title: x
---
# Fees & *rates*

A [rate](https://example.org "x") is a `price` of **money**,
paid each year. ![chart](a.png) <b>Yes</b> [![badge](b.png)](https://x)

- one
  - inner
- two

2. second

| a | b |
| - | - |
| 1 | 2 |

> said

```python
# no heading
```

<div align="center"><img src="x"></div>
<!-- unseen -->
"""


def test_markdown_is_read_as_what_it_says() -> None:
    assert found(write("a.md", MARKDOWN)) == [
        (
            4,
            "Fees & rates\n\nA rate is a `price` of money, paid each year.  Yes\n\n"
            "- one\n  - inner\n- two\n\n2. second\n\na | b\n1 | 2\n\nsaid\n\n"
            "```python\n# no heading\n```",
        )
    ]


# --- pages --------------------------------------------------------------------------------------

PAGE = """<!doctype html><html><head><title>Bank</title><style>p {}</style></head><body>
<header><h1>The Bank</h1></header>
<nav><ul><li>Home</li></ul></nav>
<div class="site-nav"><a>Login</a></div>
<div class="content"><h2>Fees<a class="x" href="#fees">¶</a></h2>
<p>A fee   is<br>a <b>pri</b>ce.</p><script>alert(1)</script>
<ul><li>one<ul><li>inner</li></ul></li><li><p>two</p><p>more</p></li></ul>
<table><tr><th>what</th><th>price</th></tr><tr><td>card</td><td>5&nbsp;€</td></tr></table>
<pre>a
  b</pre><p hidden>unseen</p><!-- neither -->
tail</div>
<footer>© us</footer></body></html>"""


def test_of_a_page_the_main_text_is_read() -> None:
    assert found(write("a.html", PAGE)) == [
        (
            1,
            "Bank\n\nFees\n\nA fee is\na price.\n\n- one\n  - inner\n- two\n  more\n\n"
            "what | price\ncard | 5 €\n\n```\na\n  b\n```\n\ntail",
        )
    ]


def test_what_calls_itself_main_is_the_main_text() -> None:
    body = f"<div>around</div><main><p>{PARAGRAPH} {PARAGRAPH} {PARAGRAPH}</p></main>"
    assert text_of(write("a.htm", body)) == f"{PARAGRAPH} {PARAGRAPH} {PARAGRAPH}"


def test_most_of_a_page_is_never_taken_for_navigation() -> None:
    assert text_of(write("a.html", f"<div id='sidebar-page'>{PARAGRAPH}</div>")) == PARAGRAPH


def test_the_encoding_that_a_page_names_is_read() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>ставка'
    assert text_of(write("a.html", page, "cp1251")) == "ставка"


# --- PDF ----------------------------------------------------------------------------------------


def test_a_pdf_is_read_as_paragraphs_without_headers_and_page_numbers() -> None:
    pages = [
        [
            f"Report of the year {2020 + i}",
            "A bond is a loan to a state or to a firm, which pays it back on a day that is un-",
            "known to nobody, and a well-known rate of interest is paid on it in each year until",
            f"then, number {'abc'[i]}.",
            f"It ends on day {'abc'[i]}.",
            f"Page {i + 1} of 3",
        ]
        for i in range(3)
    ]
    pages[0][1:1] = ["A title", ""]
    Path("a.pdf").write_bytes(made_documents.pdf(pages))
    said = (
        "A bond is a loan to a state or to a firm, which pays it back on a day that is unknown to "
        "nobody, and a well-known rate of interest is paid on it in each year until then, number "
    )
    ends = [f"{said}{c}.\n\nIt ends on day {c}." for c in "abc"]
    assert found("a.pdf") == [(1, "\n\n".join(["A title", *ends]))]


def test_a_passage_of_a_pdf_has_the_page_on_which_it_begins() -> None:
    Path("a.pdf").write_bytes(made_documents.pdf([[f"{c} {PARAGRAPH}"] * 40 for c in "abc"]))
    assert [(page, text[0]) for page, text in found("a.pdf")] == [(1, "a"), (2, "b"), (3, "c")]


def test_a_word_that_is_cut_at_a_hyphen_of_its_own_keeps_it() -> None:
    lines = ["It is a well-known rate, as all of the banks of the city say, and so it is a well-"]
    Path("a.pdf").write_bytes(made_documents.pdf([[*lines, "known fee."]]))
    assert text_of("a.pdf").endswith("it is a well-known fee.")


def test_a_pdf_without_a_text_says_why() -> None:
    Path("scan.pdf").write_bytes(made_documents.pdf([[], []]))
    assert found("scan.pdf")[0][1].startswith("without a text: its pages are pictures")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret")
    writer.write("locked.pdf")
    assert found("locked.pdf")[0][1].startswith("encrypted")


# --- Word ---------------------------------------------------------------------------------------

DELETED = '<w:del w:id="1"><w:r><w:delText>not </w:delText></w:r></w:del>'
INSERTED = '<w:ins w:id="2"><w:r><w:t>really </w:t></w:r></w:ins>'


def word_document(name: str) -> Path:
    document = docx.Document()
    document.add_heading("Fees", level=1)
    document.add_paragraph("It is CHANGE a price.")
    document.add_paragraph("one", style="List Bullet")
    document.add_paragraph("two", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["what", "price", "card", "5 €"], strict=True):
        cell.text = text
    document.add_paragraph("The\tend")
    document.sections[0].footer.paragraphs[0].text = "page 1"
    document.save(name)
    return Path(name)


def test_a_word_document_is_read_in_its_order_with_its_changes_accepted() -> None:
    path = word_document("a.docx")
    body = made_documents.part(path, "word/document.xml").decode()
    changes = f"</w:t></w:r>{DELETED}{INSERTED}<w:r><w:t>"
    made_documents.with_part(path, "word/document.xml", body.replace("CHANGE ", changes).encode())
    assert found(path) == [
        (1, "Fees\n\nIt is really a price.\n\n- one\n- two\n\nwhat | price\ncard | 5 €\n\nThe\tend")
    ]


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_is_all_of_its_documents_in_the_order_of_their_names() -> None:
    write("f/b.txt", "second")
    write("f/a/x.md", "# first\n\nsaid")
    write("f/c.rtf", "{\\rtf1}")
    write("f/.git/x.txt", "hidden")
    write("f/pic.png", "no text")
    write("f/empty.txt", "")
    reads = list(read_documents(Path("f")))
    assert [(read.origin.file, read.origin.why or "read") for read in reads] == [
        ("x.md", "read"),
        ("b.txt", "read"),
        ("c.rtf", "in a format that is not read: save it as PDF, DOCX, HTML, Markdown or text"),
        ("empty.txt", "without a text"),
    ]
    assert all(isinstance(one.made, Document) == (one.origin.why is None) for one in reads)
    assert [one.made.id for one in reads if isinstance(one.made, Document)] == [
        one.origin.row for one in reads[:2]
    ]


def test_a_folder_without_documents_is_refused() -> None:
    write("f/a.csv", "q,a")
    with pytest.raises(InputError, match=re.escape("f: is a folder without documents")):
        found("f")


@pytest.mark.parametrize("name", ["report", "page", "paper"])
def test_a_file_without_an_ending_is_what_its_bytes_say(name: str) -> None:
    Path("report").write_bytes(made_documents.pdf([["said"]]))
    write("page", "<!DOCTYPE html><p>said</p>")
    word = docx.Document()
    word.add_paragraph("said")
    word.save("paper")
    assert text_of(name) == "said"
