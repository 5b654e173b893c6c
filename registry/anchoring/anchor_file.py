"""A file of anchors: JSON Lines that only ever grow, an anchor a line."""

import os
from pathlib import Path
from typing import IO

from project.errors import IncumbentError
from project.files import make_folder, sync
from project.records.record import read_input
from registry.anchoring.anchor import Anchor, FoundAnchor

BEGINNING = b'{"at":"'  # of every anchor's canonical JSON


def append(path: Path, anchor: Anchor) -> None:
    """Add a line, which is on the disk when the call returns. Raises IncumbentError if it is not.

    Nothing before it is touched, so it works where a file may only grow (`chattr +a`). After a
    line that a crash cut off, it begins a new one.
    """
    try:
        make_folder(path.parent)
        with path.open("ab+") as stream:
            line = anchor.canonical() + b"\n"
            stream.write(line if ends_whole(stream) else b"\n" + line)
            stream.flush()
            os.fsync(stream.fileno())
        sync(path.parent)
    except OSError as error:
        problem = error.strerror or "cannot be written"
        raise IncumbentError(f"{path}: {problem}: the anchor was not written") from None


def read_file(path: Path) -> list[FoundAnchor]:
    """Every anchor of a file, and every line that a crash cut off, in the file's order.

    Raises InputError naming file, line and field for what is neither.
    """
    found = []
    for number, line in enumerate(read_input(path).split(b"\n"), start=1):
        if line.strip():
            anchor = None if cut_off(line) else Anchor.of_line(line, path, number)
            found.append(FoundAnchor(f"{path}:{number}", anchor))
    return found


def cut_off(line: bytes) -> bool:
    """Whether a line begins as an anchor does, and has no end. Its texts hold no braces."""
    begins = line.startswith(BEGINNING) or BEGINNING.startswith(line)
    return begins and line.count(b"{") > line.count(b"}")


def ends_whole(stream: IO[bytes]) -> bool:
    """Whether a file is empty or its last line has its end."""
    if not stream.seek(0, os.SEEK_END):
        return True
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"
