"""All that a file says, however it is packed, encoded and escaped: for a search."""

import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from curation.sources.tables.encodings.decoding import marked
from curation.sources.tables.file_bytes import GZIP, PARQUET

ZIP = b"PK\x03\x04"  # DOCX is one
HEAD = 4096  # bytes at which a file is looked at to tell whether it is a text
TAG = re.compile(r"<[^<>]*>")
# As JSON writes a character.
ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([nrt"/]))')
BLANKS = {"n": "\n", "r": "\r", "t": "\t"}
BROKEN = (OSError, EOFError, RuntimeError, ValueError, zlib.error, zipfile.BadZipFile)


def text_in(data: bytes) -> str:
    """The text of a file; nothing of what is neither a text nor packed in a way that is known."""
    try:
        if data.startswith(GZIP):
            return text_in(unpacked(data))
        if data.startswith(PARQUET):
            return "\n".join(strings(records_of_parquet(data)))
        if data.startswith(ZIP):
            return "\n".join(parts_of_zip(data))
    except BROKEN:
        return ""
    if encoding := marked(data):
        return unescaped(data.decode(encoding, errors="replace"))
    return "" if b"\0" in data[:HEAD] else unescaped(decoded(data))


def unpacked(data: bytes) -> bytes:
    """Of a file that is torn, what is whole."""
    found, left = bytearray(), data
    try:
        while left.startswith(GZIP):
            stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            found += stream.decompress(left)
            left = stream.unused_data
    except zlib.error:
        pass
    return bytes(found)


def decoded(data: bytes) -> str:
    """UTF-8; of a line that is none the western encoding, where nearly every byte is a letter."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "\n".join(map(decoded_line, data.split(b"\n")))


def decoded_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def unescaped(text: str) -> str:
    """A text as its readers see it, where JSON or a page escapes characters."""
    if "\\" in text:
        text = ESCAPE.sub(character, text)
    return html.unescape(text) if "&" in text else text


def character(escape: re.Match[str]) -> str:
    code, letter = escape.groups()
    return chr(int(code, 16)) if code else BLANKS.get(letter, letter)


def records_of_parquet(data: bytes) -> list[dict[str, Any]]:
    # Imported here because few projects have such files.
    import pyarrow.parquet as parquet

    records: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    return records


def parts_of_zip(data: bytes) -> Iterator[str]:
    """The texts of the parts, without their tags: a name may stand in several."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        for name in packed.namelist():
            text = text_in(packed.read(name))
            yield TAG.sub("", text) if name.endswith((".xml", ".html", ".xhtml")) else text


def strings(value: Any) -> Iterator[str]:
    """Every text and number of a value of JSON, as it is written; the names of fields aside."""
    if isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings(part)
    elif value is not None and not isinstance(value, bool):
        yield decoded(value) if isinstance(value, bytes) else str(value)
