"""Numbers of accounts, cards and identities, certain by their check digits."""

from project.personal_data import ACCOUNTS, found
from project.records.data import Row


def account_data(row: Row) -> str | None:
    """The kind of number found first."""
    every = found(f"{row.prompt_text}\n{row.completion_text}")
    return next((str(one.kind) for one in every if one.kind in ACCOUNTS), None)
