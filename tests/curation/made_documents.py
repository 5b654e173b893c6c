"""Documents made by code: a PDF of given lines, a Word document, a page."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF whose pages show these lines, one below the other; a blank one is a gap."""
    contents = [drawn(lines) for lines in pages]
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        FONT,
    ]
    for number, content in enumerate(contents):
        objects += [page(5 + 2 * number), stream(content)]
    return of_objects(objects)


def page(content: int) -> bytes:
    resources = "/Resources << /Font << /F1 3 0 R >> >>"
    box = "/MediaBox [0 0 595 842]"
    return f"<< /Type /Page /Parent 2 0 R {box} {resources} /Contents {content} 0 R >>".encode()


def drawn(lines: Sequence[str]) -> bytes:
    said = b"BT /F1 10 Tf 50 800 Td 14 TL\n"
    for line in lines:
        escaped = line.replace("\\", "\\\\").replace("(", r"\(").replace(")", r"\)")
        said += b"(" + escaped.encode("cp1252") + b") Tj T*\n" if line else b"T*\n"
    return said + b"ET"


def stream(content: bytes, about: str = "") -> bytes:
    return f"<< /Length {len(content)} {about}>>\nstream\n".encode() + content + b"\nendstream"


def of_objects(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1, of which the first is the catalog."""
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    head = f"xref\n0 {size}\n0000000000 65535 f \n".encode()
    return data + head + table + trailer.encode()


def with_part(path: Path, name: str, content: bytes) -> None:
    """Replace a part of a Word document."""
    data = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)


def part(path: Path, name: str) -> bytes:
    """A part of a Word document."""
    with zipfile.ZipFile(path) as parts:
        return parts.read(name)
