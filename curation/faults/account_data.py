"""Numbers of accounts, cards and identities, certain by their check digits."""

from curation.faults.private_data import private
from project.contacts import NO_CONTACTS
from project.personal_data import ACCOUNTS
from project.records.data import Row


def account_data(row: Row) -> str | None:
    """The kind of number found first."""
    every = private(row, NO_CONTACTS)
    return next((str(one.kind) for one in every if one.kind in ACCOUNTS), None)
