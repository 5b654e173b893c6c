"""Third-party input: JSON that is read strictly, and text that is quoted before it is shown."""

import json
import reprlib
from pathlib import Path
from typing import Any, NoReturn

from project.errors import InputError

SHOWN = 80  # characters of third-party text in a message


def quoted(value: object) -> str:
    """A third-party value as a short line of ASCII: no escape sequence reaches a terminal."""
    text = ascii(value) if isinstance(value, str) else reprlib.repr(value)  # it may be nested deep
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def one_line(value: object) -> str:
    """A value without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())


def refuse_doubled_keys(data: bytes, file: Path, line: int | None = None) -> None:
    """Raise InputError for JSON, known to be sound else, in which an object has a key twice."""

    def refuse_twice(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InputError(f"has the key {quoted(key)} twice", file=file, line=line)
            seen.add(key)

    json.loads(data, object_pairs_hook=refuse_twice)


def strict_json(data: bytes, file: Path, field: str | None = None) -> Any:
    """Parse UTF-8 JSON in which no object has a key twice and every number is a number.

    Raises InputError naming the file and the field that the caller gave.
    """

    def refuse(problem: str, line: int | None = None) -> NoReturn:
        raise InputError(problem, file=file, line=line, field=field) from None

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                refuse(f"has the key {quoted(key)} twice")
            found[key] = value
        return found

    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=object_of,
            parse_constant=lambda name: refuse(f"holds {name}, which is no JSON"),
        )
    except UnicodeDecodeError as error:
        refuse(f"is not UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        refuse(f"is not JSON: {error.msg}", error.lineno)
    except RecursionError:
        refuse("is nested too deep")
    except ValueError:  # Python refuses to read integers of thousands of digits
        refuse("holds a number that is too long")
