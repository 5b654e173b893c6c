"""JSON as other programs write it: JSON Lines under any name, CRLF, byte order marks, NaN."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from project.errors import InputError
from project.records.record import BOM, read_input
from project.untrusted_input import quoted

CUT = "the file ends inside of a line: the run was stopped while it wrote, or the copy is not whole"


def read_json(path: Path) -> Any:
    """The one value of a JSON file. Raises InputError."""
    return parsed(read_input(path), path)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each row: of JSON Lines, or of one array over several lines.

    Raises InputError naming file and line. Lines end with a line feed alone, as texts may hold
    every other character by which Python would split them.
    """
    first = first_line(path)
    if not first:
        return
    if isinstance(complete(first), dict):
        yield from lines_of(path)
        return
    rows = read_json(path)
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        yield number, an_object(row, path, number)


def first_line(path: Path) -> bytes:
    """The first line that holds something, empty where none does. Raises InputError."""
    try:
        with path.open("rb") as stream:
            lines = (line.removeprefix(BOM) for line in stream)
            return next((line for line in lines if line.strip()), b"")
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=path) from None


def complete(line: bytes) -> Any:
    """The JSON value on the line, None where it is only a part of one."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def lines_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                line = line.removeprefix(BOM)
            if line.strip():
                yield number, an_object(parsed(line, path, number), path, number)


def parsed(data: bytes, path: Path, number: int | None = None) -> Any:
    """A JSON value in which NaN and infinity are allowed. Raises InputError."""
    try:
        return json.loads(data)
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        cut = number is not None and not data.endswith(b"\n")
        problem = CUT if cut else f"is not JSON: {error.msg}"
        number = number or error.lineno
    except RecursionError:
        problem = "is nested too deep"
    except ValueError:  # Python refuses to read integers of thousands of digits
        problem = "holds a number that is too long"
    raise InputError(problem, file=path, line=number)


def an_object(value: Any, path: Path, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{quoted(value)} is no JSON object", file=path, line=number)
    return value
