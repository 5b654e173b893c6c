"""A record: a frozen value with canonical bytes and a digest."""

import json
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from project.canonical import canonical_json, digest_bytes
from project.errors import InputError, plain_words
from project.files import write_bytes, write_lines
from project.untrusted_input import unique_keys

BOM = b"\xef\xbb\xbf"  # that some programs put before UTF-8
HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # half of a character, as JSON writes it
Digest = str  # SHA-256, 64 hex digits


# Of a field that records did not have from the start: without a value it is left out of the bytes,
# so that what was stored before keeps its digest.
LATER = Field(exclude_if=lambda value: value is None)


def later(default: Any) -> Any:
    """The same for a field whose default is something: at its default it is left out."""
    return Field(default=default, exclude_if=lambda value: value == default)


class Record(BaseModel):
    """A frozen value with canonical bytes; unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def canonical(self) -> bytes:
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> Digest:
        return digest_bytes(self.canonical())

    def write(self, path: Path) -> None:
        """Write the canonical JSON and a newline, whole or not at all."""
        write_bytes(path, self.canonical() + b"\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one record from a JSON file; raises InputError naming file and field."""
        return cls.parse(read_input(path), path)

    @classmethod
    def read_lines(cls, path: Path) -> tuple[Self, ...]:
        """Read a JSON Lines file, blank lines aside; raises InputError naming file, line, field."""
        lines = enumerate(read_input(path).splitlines(), start=1)
        return tuple(cls.parse(line, path, number) for number, line in lines if line.strip())

    @classmethod
    def parse(cls, data: bytes, path: Path, line: int | None = None) -> Self:
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise invalid(error, path, line) from None


def read_input(path: Path) -> bytes:
    """Read a file that the user named, without a byte order mark; raises InputError when it cannot
    be read.
    """
    try:
        return path.read_bytes().removeprefix(BOM)
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=path) from None


def read_object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """The JSON object on one line of a file. Raises InputError naming file and line."""

    def refuse(problem: str) -> NoReturn:
        raise InputError(f"not JSON: {problem}", file=path, line=number) from None

    try:
        fields = json.loads(
            line,
            object_pairs_hook=partial(unique_keys, file=path, line=number),
            parse_constant=lambda name: refuse(f"it holds {name}"),
        )
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        refuse(str(error))
    except RecursionError:
        refuse("it is nested too deep")
    except ValueError:  # Python refuses to read integers of thousands of digits
        refuse("it holds a number that is too long")
    if not isinstance(fields, dict):
        raise InputError("a row must be a JSON object", file=path, line=number)
    if HALF.search(line) and is_half(fields):
        refuse("it holds half of a character (a lone surrogate)")
    return fields


def is_half(fields: dict[str, Any]) -> bool:
    """Whether a text in it was cut inside of what JSON writes as a pair."""
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except RecursionError:  # which whoever writes it finds too
        pass
    return False


def invalid(error: ValidationError, path: Path, line: int | None = None) -> InputError:
    """Turn pydantic's first complaint into an InputError with its place."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    return InputError(plain_words(first["msg"]), file=path, line=line, field=field)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON Lines, whole or not at all."""
    write_lines(path, (record.canonical() for record in records))


def short(digest: Digest | None) -> str:
    """The first 12 digits of a digest, as people read it."""
    return digest[:12] if digest else "none"
