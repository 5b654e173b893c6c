"""Word documents (DOCX): paragraphs, lists and tables in their order, without what was deleted."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from curation.sources.documents.document_file import documents_of, limited_bytes
from curation.sources.documents.docx_blocks import blocks_of
from curation.sources.documents.passages import Block
from curation.sources.reading import Read
from curation.sources.tables.long_records import MIB
from project.errors import InputError

LARGEST = 64 * MIB
LARGEST_INFLATED = 256 * MIB  # of all parts, pictures too: a small file can inflate without end
LARGEST_TEXT = 64 * MIB  # of one part of XML
OLD = b"\xd0\xcf\x11\xe0"
# What the library stumbles over, beside its own errors, in a file that breaks the format's rules.
STUMBLES = (
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    SyntaxError,  # such as lxml's
    TypeError,
    ValueError,
    zlib.error,
)
SAVE_ANEW = "open it and save it anew as DOCX, or as text"


def read_docx(path: Path) -> Iterator[Read]:
    """Documents of a Word document, each with its number in it. Raises InputError."""
    yield from documents_of(path, docx_blocks(path))


def docx_blocks(path: Path) -> list[Block]:
    """Raises InputError."""
    # Imported here because most projects read no documents.
    from docx import Document
    from docx.opc.exceptions import OpcError

    data = limited_bytes(path, LARGEST)
    refuse_bomb(data, path)
    try:
        return list(blocks_of(Document(io.BytesIO(data))))
    except (OpcError, zipfile.BadZipFile, *STUMBLES) as error:
        problem = f"is a broken Word document ({type(error).__name__}): {SAVE_ANEW}"
        raise InputError(problem, file=path) from None


def refuse_bomb(data: bytes, path: Path) -> None:
    """Raise InputError for what is no DOCX, and for one that inflates to more than can be read."""
    if data.startswith(OLD):
        problem = "is an old or an encrypted Word document: save it as DOCX, without a password"
        raise InputError(problem, file=path)
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, *STUMBLES):
        raise InputError(f"is no Word document: {SAVE_ANEW}", file=path) from None
    whole = sum(part.file_size for part in parts)
    text = max((part.file_size for part in parts if part.filename.endswith(".xml")), default=0)
    if whole > LARGEST_INFLATED or text > LARGEST_TEXT:
        problem = f"inflates to {max(whole, text) // MIB:,} MiB, more than is read"
        raise InputError(f"{problem}: {SAVE_ANEW}", file=path)
