"""Personal data in a text: what names or reaches a person, found or taken out.

By patterns and checksums alone. A library of phone numbers must know the country that a text was
written in, and then takes dates and versions for local numbers; one that finds the names of people
needs a language model.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from ipaddress import ip_address

from project.contacts import NO_CONTACTS, Contacts, is_at

# The text is from anybody, so every pattern is read in time linear in its length: what repeats is
# bounded or possessive, and starts only where a word does.
EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]++@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
IPV4 = re.compile(
    r"(?<![=<>!~]=)(?<![Vv]ersion )"  # `pkg==1.2.3.4` is a version
    r"(?<!\w)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)"
)
IPV6 = re.compile(r"(?<!\w)(?<!::)(?:::)?[\dA-Fa-f][\dA-Fa-f:]{4,38}(?![\w:])")
IBAN = re.compile(
    r"(?<!\w)[A-Za-z]{2}\d\d(?:[ -]?[A-Za-z\d]{4}){2,7}(?:[ -]?[A-Za-z\d]{1,3})?(?!\w)"
)
CARD = re.compile(
    r"(?<!\w)(?<!\d[.,])"
    r"(?:[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|3\d{3}([ -]?)\d{6}\2\d{4,5})"
    r"(?!\w|[.,]\d)"
)
PHONE = re.compile(
    r"(?<!\w)(?<!\d[.,:/-])(?:"
    r"(?:\+|00)[1-9](?:[ ()/-]{0,3}\d){7,14}"  # +49 (0)30 / 901820, E.164 has at most 15 digits
    r"|(?:\((?=\d{2,6}\)))?0[1-9](?:[ ()/-]{0,2}\d){7,10}"  # with the trunk's 0: (020) 7946 0958
    r"|(?:\+?1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))\d{3}(?:\1|[.-])\d{4}"  # (555) 123-4567
    r"|(?:0|\+\d\d\.)[1-9](?:\.\d\d){4}"  # 06.12.34.56.78
    r")(?!\w|[.,:/-]\d)"
)
# Where nobody has an e-mail address (RFC 2606 and 6761).
NOBODYS = ("example.com", "example.net", "example.org", "example", "test", "invalid", "localhost")


class Kind(StrEnum):
    """What was found, in words."""

    EMAIL = "e-mail address"
    IP = "IP address"
    IBAN = "IBAN"
    CARD = "card number"
    PHONE = "phone number"


LABELS = {
    Kind.EMAIL: "[email]",
    Kind.IP: "[ip]",
    Kind.IBAN: "[iban]",
    Kind.CARD: "[card]",
    Kind.PHONE: "[phone]",
}


@dataclass(frozen=True)
class Found:
    kind: Kind
    text: str


def found(text: str, ours: Contacts = NO_CONTACTS) -> list[Found]:
    """The personal data in a text that is to be shown to others, by kind.

    What reaches nobody in particular is left out: addresses at example.com and the like, IP
    addresses that are not public (RFC 1918, 5737 and others), and the contacts of `ours`.
    """
    return [one for one in scan(text)[1] if reaches_somebody(one, ours)]


def redact(text: str) -> str:
    """Replace e-mail addresses, IP addresses, IBANs, payment cards and phone numbers by labels.

    Addresses must parse, IBANs and cards have right checksums (ISO 7064 MOD 97-10 and Luhn's).
    What was redacted stays as it is when it is redacted again. Here is no exception: in a log a
    private address tells of a person's network, and what is left in must not change between the
    nights that are compared.
    """
    return scan(text)[0]


def reaches_somebody(one: Found, ours: Contacts) -> bool:
    if one.kind is Kind.EMAIL:
        return not is_at(one.text, NOBODYS) and not ours.have_address(one.text)
    if one.kind is Kind.PHONE:
        return not ours.have_phone(one.text)
    if one.kind is Kind.IP:
        address = ip_address(one.text)
        return address.is_global and not address.is_multicast
    return True


def scan(text: str) -> tuple[str, list[Found]]:
    """The text with labels, and what they stand for."""
    every: list[Found] = []
    while (clean := scan_once(text, every)) != text:  # a label may end what hid its neighbour
        text = clean
    return text, every


def scan_once(text: str, every: list[Found]) -> str:
    """The text with labels; what they stand for is added to `every`."""
    if "@" in text:
        text = EMAIL.sub(partial(labelled, Kind.EMAIL, str, every), text)
    if any(map(str.isdigit, text)):
        for kind, pattern, personal in WITH_DIGITS:
            text = pattern.sub(partial(labelled, kind, personal, every), text)
    return text


def labelled(
    kind: Kind, personal: Callable[[str], str], every: list[Found], match: re.Match[str]
) -> str:
    """The match with a label in place of its beginning that is personal data, if any is."""
    if part := personal(match[0]):
        every.append(Found(kind, part))
        return LABELS[kind] + match[0][len(part) :]
    return match[0]


def ip(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        return ""
    return text


def ipv6(text: str) -> str:
    """Only what can hardly be code: `x[1::2]` and `abc::def` are IPv6 addresses by their form."""
    bare = text.replace(":", "")
    return ip(text) if len(bare) >= 5 and any(map(str.isdigit, bare)) else ""


def iban(text: str) -> str:
    """The longest beginning that is an IBAN: the pattern reads on into the next words."""
    ends = [gap.start() for gap in re.finditer(r"[ -]|$", text)]
    right = (text[:end] for end in reversed(ends) if is_iban(re.sub(r"[ -]", "", text[:end])))
    return next(right, "")


def is_iban(text: str) -> bool:
    """Whether the check digits are right, and the length is one that some country has."""
    moved = text[4:] + text[:4]
    return 15 <= len(text) <= 34 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def card(text: str) -> str:
    return text if luhn(text) else ""


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right counts double, and the sum of all
    their digits divides by ten.
    """
    own = [int(c) for c in reversed(number) if c.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in own[1::2])
    return (sum(own[::2]) + sum(doubled)) % 10 == 0


# The strictest first: a card's digits would also pass as a phone's.
WITH_DIGITS: tuple[tuple[Kind, re.Pattern[str], Callable[[str], str]], ...] = (
    (Kind.IP, IPV4, ip),
    (Kind.IP, IPV6, ipv6),
    (Kind.IBAN, IBAN, iban),
    (Kind.CARD, CARD, card),
    (Kind.PHONE, PHONE, str),
)
