"""What goes wrong in words that say where, what to do next and what to install, and the exit
code that says how.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


class IncumbentError(Exception):
    """The work failed: exit code 1."""

    exit_code = 1


class InputError(IncumbentError):
    """Bad usage or bad input: exit code 2. The message names file, line and field where known."""

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        place = str(file) if file is not None else ""
        if line is not None:
            place += f":{line}"
        parts = [place, field or "", problem]
        super().__init__(": ".join(part for part in parts if part))


# What pydantic says of a value, and what people read who do not write Python.
PLAIN_WORDS = {
    "Value error, ": "",  # of a check of ours
    "Input should be a valid integer, unable to parse string as an integer": "is no whole number",
    "Input should be a valid number, unable to parse string as a number": "is no number",
    "Input should be a valid tuple": "must be a list",
    "Input should be a valid dictionary": "must hold names with values",
    "Input should be": "must be",
    "Tuple should have": "must have",
    "List should have": "must have",
    "Dictionary should have": "must have",
    " after validation, not": ", not",
}


def plain_words(refusal: str) -> str:
    """Why pydantic refuses a value, in words of files and not of Python."""
    for words, plain in PLAIN_WORDS.items():
        refusal = refusal.replace(words, plain)
    return refusal


def first_problem(error: "ValidationError") -> str:
    """The first of pydantic's complaints, in the same words."""
    return plain_words(error.errors()[0]["msg"])


class StoppedError(IncumbentError):
    """A job was asked to stop, and stopped before its end."""


def refuse_stopped(stop: Event) -> None:
    """Raise StoppedError where the event is set: for long work, between its parts."""
    if stop.is_set():
        raise StoppedError("stopped before its end")


# --- extras ---------------------------------------------------------------------------------------

# Which extra of Incumbent brings a library, so that an error can say what to install.

# Of libraries whose module has another name than their distribution.
DISTRIBUTIONS = {
    "argon2": "argon2-cffi",
    "bs4": "beautifulsoup4",
    "detect_secrets": "bc-detect-secrets",
    "docx": "python-docx",
    "markdown_it": "markdown-it-py",
    "mlflow": "mlflow-skinny",
    "opentelemetry": "opentelemetry-api",
    "sklearn": "scikit-learn",
    "stdnum": "python-stdnum",
}
# Such as: psycopg[binary]>=3.2; extra == "postgresql"
REQUIRED_BY_EXTRA = re.compile(r"([\w.-]++)[^;]*;.*\bextra == ['\"]([\w-]+)['\"]")


@contextmanager
def name_missing_extras() -> Iterator[None]:
    """Turn a library that is missing into an InputError with the pip command that brings it.

    What no extra brings stays as it is: it is a fault of ours or of the installation.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or (extra := extra_of(error.name)) is None:
            raise
        problem = f"this needs {error.name}, which is not installed"
        raise InputError(f"{problem}: {pip_install(extra)}") from error


def pip_install(extra: str) -> str:
    """The command that brings an extra, from where Incumbent itself was installed (PEP 610)."""
    address = address_of(installed_from())
    return f"pip install 'incumbent[{extra}]{address and f' @ {address}'}'"


def installed_from() -> dict[str, Any]:
    """Where Incumbent was installed from, as pip notes it; empty where that is an index."""
    # Imported here because it takes a while, and a program that lacks nothing never asks.
    from importlib.metadata import distributions

    # In a clone lies the metadata of its build too, which does not know.
    notes = (there.read_text("direct_url.json") for there in distributions(name="incumbent"))
    note: dict[str, Any] = json.loads(next(filter(None, notes), "{}"))
    return note


def address_of(note: Mapping[str, Any]) -> str:
    """What pip takes behind an "@"."""
    url: str = note.get("url", "")
    if git := note.get("vcs_info"):
        return f"{git['vcs']}+{url}@{git['commit_id']}"
    return url


def extra_of(library: str) -> str | None:
    """The extra that brings a library, by its module or its distribution; None where none does.

    A module inside a library has none: where it is missing, the library itself is there.
    """
    return extras().get(normalized(DISTRIBUTIONS.get(library, library)))


@cache
def extras() -> dict[str, str]:
    """{distribution: the extra that names it}, as Incumbent's own metadata has it."""
    # Imported here because it takes a while, and a program that lacks nothing never asks.
    from importlib.metadata import PackageNotFoundError, requires

    try:
        required = requires("incumbent") or ()
    except PackageNotFoundError:  # run from its source, and not installed
        return {}
    matches = map(REQUIRED_BY_EXTRA.match, required)
    brought = {normalized(match[1]): match[2] for match in matches if match}
    return {name: extra for name, extra in brought.items() if name != "incumbent"}


def normalized(distribution: str) -> str:
    """PEP 503, so that lm_eval is lm-eval."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
