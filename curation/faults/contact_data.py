"""What reaches a person: e-mail addresses, phone numbers, IP addresses."""

from project.contacts import NO_CONTACTS, Contacts
from project.personal_data import ACCOUNTS, found
from project.records.data import Row


def contact_data(row: Row, ours: Contacts = NO_CONTACTS) -> str | None:
    """The kind of contact found first. Those of `ours` are no person's."""
    every = found(f"{row.prompt_text}\n{row.completion_text}", ours)
    return next((str(one.kind) for one in every if one.kind not in ACCOUNTS), None)
