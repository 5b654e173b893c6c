"""Whose voice a row is: what many rows of one person, client or job have in common."""

from project.records.traffic import Traffic


def voice_of(row: Traffic) -> str:
    """A name that rows of one voice share; a row that tells nothing of its sender has its own."""
    return row.user or f"\0{row.id}"
