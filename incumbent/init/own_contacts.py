"""Which contacts in the answers are the organisation's own."""

from collections import Counter
from collections.abc import Iterable, Sequence

from project.contacts import Contacts, digits
from project.personal_data import Kind, found
from project.records.data import Row

SEVERAL = 3  # rows whose answers have it: a person's stands in one
# Where everybody has an address: a domain of these is nobody's own.
FREE_MAIL = frozenset(
    (
        "gmail.com",
        "googlemail.com",
        "yahoo.com",
        "hotmail.com",
        "outlook.com",
        "live.com",
        "icloud.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "mail.ru",
        "yandex.ru",
        "qq.com",
        "163.com",
        "proton.me",
        "protonmail.com",
    )
)


def own_contacts(rows: Sequence[Row]) -> Contacts:
    """Phone numbers, and domains of addresses, that several rows' answers have."""
    phones: dict[str, str] = {}
    numbers, domains = Counter[str](), Counter[str]()
    for row in rows:
        contacts = found(row.completion_text)
        written = {digits(one.text): one.text for one in contacts if one.kind is Kind.PHONE}
        phones = written | phones
        numbers.update(written.keys())
        domains.update({domain(one.text) for one in contacts if one.kind is Kind.EMAIL})
    return Contacts(
        phones=tuple(phones[number] for number in several(numbers)),
        domains=tuple(name for name in several(domains) if name not in FREE_MAIL),
    )


def domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()


def several(counts: Counter[str]) -> Iterable[str]:
    return (name for name, count in counts.most_common() if count >= SEVERAL)
