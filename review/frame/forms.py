"""What people type into forms."""

from typing import Annotated

from fastapi import Form

from project.errors import InputError

LONGEST_REASON = 2_000  # characters

Reason = Annotated[str, Form(max_length=LONGEST_REASON)]


def written(text: str) -> str:
    """A text as it is kept: browsers end lines in their own way. Raises InputError for a NUL."""
    if "\0" in text:
        raise InputError("holds a character that no text has (NUL)")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def given_reason(text: str) -> str:
    """A reason as it is kept. Raises InputError for one that says nothing."""
    reason = text.strip()
    if not any(map(str.isalnum, reason)):
        raise InputError("a reason is needed: it is kept with your name", field="reason")
    return reason
