"""Third-party input: JSON that is read strictly, and text that is quoted before it is shown."""

import json
import re
import reprlib
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from project.errors import InputError

CREDENTIALS = re.compile(r"(?<=//)[^/\s@]+@")  # in an address

SHOWN = 80  # characters of third-party text in a message


def quoted(value: object) -> str:
    """A third-party value as a short line of ASCII: no escape sequence reaches a terminal."""
    text = ascii(value) if isinstance(value, str) else reprlib.repr(value)  # it may be nested deep
    return cut(text.encode("ascii", "backslashreplace").decode(), SHOWN)


def one_line(value: object) -> str:
    """A value without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())


def without_credentials(text: str) -> str:
    """What a program said, without the user and the password of an address in it."""
    return CREDENTIALS.sub("", text)


def shortened(value: object, most: int = SHOWN) -> str:
    """The beginning of a value, on one line."""
    return cut(one_line(value), most)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def unique_keys(
    pairs: list[tuple[str, Any]], *, file: Path, line: int | None = None, field: str | None = None
) -> dict[str, Any]:
    """A JSON object. Raises InputError when it has a key twice; for json.loads as its hook."""
    members: dict[str, Any] = {}
    for key, value in pairs:
        if key in members:
            raise InputError(f"has the key {quoted(key)} twice", file=file, line=line, field=field)
        members[key] = value
    return members


def refuse_doubled_keys(data: bytes, file: Path, line: int | None = None) -> None:
    """Raise InputError for JSON, known to be sound else, in which an object has a key twice."""
    json.loads(data, object_pairs_hook=partial(unique_keys, file=file, line=line))


def strict_json(data: bytes, file: Path, field: str | None = None) -> Any:
    """Parse UTF-8 JSON in which no object has a key twice and every number is a number.

    Raises InputError naming the file and the field that the caller gave.
    """

    def refuse(problem: str, line: int | None = None) -> NoReturn:
        raise InputError(problem, file=file, line=line, field=field) from None

    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=partial(unique_keys, file=file, field=field),
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
