"""What reaches a person: e-mail addresses, phone numbers, IP addresses."""

from curation.faults.private_data import private
from project.contacts import NO_CONTACTS, Contacts
from project.personal_data import ACCOUNTS
from project.records.data import Row


def contact_data(row: Row, ours: Contacts = NO_CONTACTS) -> str | None:
    """The kind of contact found first. Those of `ours` are no person's."""
    every = private(row, ours)
    return next((str(one.kind) for one in every if one.kind not in ACCOUNTS), None)
