"""PDF as documents: the text of its pages, as it was before it was set."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from curation.sources.documents.document_file import documents_of, limited_bytes, unread
from curation.sources.documents.page_lines import paragraphs
from curation.sources.reading import Read
from curation.sources.tables.long_records import MIB
from project.errors import InputError

if TYPE_CHECKING:
    from pypdf import PdfReader

LARGEST = 128 * MIB
MOST_TEXT = 16 * MIB  # characters of all pages; a small file can draw one text again and again
ENCRYPTED = "encrypted: save it without a password"
SCANNED = "without a text: its pages are pictures, run OCR over it first"
# What the library stumbles over, beside its own errors, in a file that breaks the format's rules.
STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # and RecursionError, in a loop
    TypeError,
    ValueError,
)
SAVE_ANEW = "print it to a new PDF, or save it as text"


def read_pdf(path: Path) -> Iterator[Read]:
    """Documents of a PDF, each with the page on which it begins.

    One that is encrypted, or holds pictures alone, gives a record that says so. Raises InputError
    for a file that is broken, or that takes more memory than a document can need.
    """
    pages = page_texts(path)
    if isinstance(pages, str):
        yield unread(path, pages)
    else:
        yield from documents_of(path, paragraphs(pages))


def page_texts(path: Path) -> list[str] | str:
    """The text of each page, or why there is none. Raises InputError."""
    # Imported here because most projects read no documents.
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of what it mends
    data = io.BytesIO(limited_bytes(path, LARGEST))
    try:
        reader = PdfReader(data, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            return ENCRYPTED
        texts = list(texts_of(reader, path))
    except (DependencyError, FileNotDecryptedError):
        return ENCRYPTED
    except (PyPdfError, *STUMBLES) as error:
        problem = f"is a broken PDF ({type(error).__name__}): {SAVE_ANEW}"
        raise InputError(problem, file=path) from None
    return texts if any(text.strip() for text in texts) else SCANNED


def texts_of(reader: "PdfReader", path: Path) -> Iterator[str]:
    """Raises InputError where the pages hold more text than any document does."""
    total = 0
    for page in reader.pages:
        text = page.extract_text()
        total += len(text)
        if total > MOST_TEXT:
            problem = f"holds more than {MOST_TEXT // MIB} MiB of text: split it into several"
            raise InputError(problem, file=path)
        yield text
