"""Personal data in a text, found or taken out, and an organisation's own contacts, which are
none.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator

from project.account_numbers import (
    CALLED,
    CARD,
    GROUPED,
    IBAN,
    MOBILE,
    NAMED,
    NAMED_ID,
    PHONE,
    SHAPED_ID,
    called_phone,
    card,
    grouped_phone,
    iban,
    named_id,
    named_phone,
    phone,
    plain,
    shaped_id,
)
from project.settings import Settings

# --- contacts -------------------------------------------------------------------------------------

# How an organisation is reached: its own phone numbers, addresses and domains.

ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
LEAST_DIGITS = 7  # of a phone number: fewer would be the end of anybody's
MOST_CODE = 3  # digits of a country's code


def checked_phone(text: str) -> str:
    if len(digits(text)) < LEAST_DIGITS:
        raise ValueError(f"{text!r} is no phone number of at least {LEAST_DIGITS} digits")
    return text


def checked_email(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no e-mail address")
    return text


def domain(text: str) -> str:
    if not DOMAIN.fullmatch(text):
        raise ValueError(f"{text!r} is no domain such as bank.com")
    return text


class Contacts(Settings):
    """An organisation's own contacts, which are no personal data however they are written."""

    phones: tuple[Annotated[str, AfterValidator(checked_phone)], ...] = ()
    emails: tuple[Annotated[str, AfterValidator(checked_email)], ...] = ()
    domains: tuple[Annotated[str, AfterValidator(domain)], ...] = ()  # and what is below them

    def have_phone(self, number: str) -> bool:
        return any(same_phone(number, phone) for phone in self.phones)

    def have_address(self, address: str) -> bool:
        """Whether an e-mail address is one of these, or at or below one of the domains."""
        addresses = map(str.casefold, self.emails)
        return address.casefold() in addresses or is_at(address, self.domains)


NO_CONTACTS = Contacts()


def is_at(address: str, domains: Iterable[str]) -> bool:
    """Whether an e-mail address is at one of the domains, or below one."""
    host = f".{address.rpartition('@')[2].casefold()}"
    return any(host.endswith(f".{domain.casefold()}") for domain in domains)


def same_phone(a: str, b: str) -> bool:
    """Whether two numbers have the same digits. One may lack the country's code; where both have
    one, it must be the same.
    """
    shorter, longer = sorted(map(digits, (a, b)), key=len)
    if is_international(a) and is_international(b):
        return shorter == longer
    code = len(longer) - len(shorter)
    return len(shorter) >= LEAST_DIGITS and longer.endswith(shorter) and code <= MOST_CODE


def is_international(number: str) -> bool:
    return number.lstrip(" (").startswith(("+", "00"))


def digits(number: str) -> str:
    """A phone number's digits, without the zeros that are dialled before a country or a town."""
    bare = number.replace("(0)", "")
    return "".join(str(int(c)) for c in bare if c.isdecimal()).lstrip("0")


# --- personal data --------------------------------------------------------------------------------

# Personal data in a text: what names or reaches a person, found or taken out.
#
# By patterns, check digits and the numbering plans of countries. Names of people are in no pattern
# of these: `curation/faults/person_name.py` finds those that something beside them gives away.

# The text is from anybody, so every pattern is read in time linear in its length: what repeats is
# bounded or possessive, and starts only where a word does.
EMAIL = re.compile(
    r"(?:(?<![\w.%+-])[\w.%+-]++|\"[^\"\n]{1,64}\")@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)
# Before a bracket, as in `x@y.dot(z)`, other endings are a call: a product of matrices has an @.
BEFORE_BRACKET = (".com", ".org", ".net", ".edu", ".gov", ".info", ".biz")
# As people hide it from robots: jane (at) bank (dot) com, jane [at] bank.com, jane at bank dot com.
DOT = r"(?:\.| ?[\[({] ?(?:dot|punkt|punto|point) ?[\])}] ?| dot )"
AT = r"(?: ?[\[({] ?(?:at|@) ?[\])}] ?)"
HIDDEN_EMAIL = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64}+"
    rf"(?:{AT}(?:[\w-]{{1,63}}{DOT}){{1,4}}[^\W\d_]{{2,24}}"
    r"| at (?:[\w-]{2,63} dot ){1,4}(?:com|org|net|edu|gov|io|co|info|[a-z]{2}))(?![\w-])",
    re.IGNORECASE,
)
IPV4 = re.compile(r"(?<!\w)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)")
# What four numbers are the version of; no server, before which an address stands as often, and no
# single sign of equality, which stands before addresses too: `ip=8.8.8.8`.
VERSIONED = re.compile(
    r"(?:[<>~]= ?"
    r"|(?<=[\w\]])(?<!ip)(?<!addr)(?<!address)(?<!host)(?<!src)(?<!dst)(?<!server)(?<!client)[!=]="
    r"|(?<!\w)(?:version|release|revision|build|firmware|driver|patch|package"
    r"|numpy|pandas|scipy|torch\w*|pytorch|tensorflow|keras|jax|transformers|scikit-learn|sklearn"
    r"|matplotlib|python|pip|conda|java|jdk|jre|openjdk|gcc|clang|cuda|cudnn|openssl"
    r"|chrome|chromium|edg|firefox|safari|opera|android|ios|macos"
    r"|php|ruby|perl|django|flask|react|angular|dotnet|log4j)"
    r"(?: is |:? |[:/@-]| ?[<>=!~]=? ?)v?)\Z",
    re.IGNORECASE,
)
LONGEST_NAME = 24  # of those, with what stands between
IPV6 = re.compile(r"(?<!\w)(?<!::)(?:::)?[\dA-Fa-f][\dA-Fa-f:]{4,38}(?![\w:])")
# In North America, an organisation's free lines, and codes and numbers that nobody is given.
FREE_LINES = ("800", "833", "844", "855", "866", "877", "888")
NORTH_AMERICAN = re.compile(
    r"(?:\+?1[-. ]?)?\(?(\d{3})\)?[-. ]+(\d{3})[-. ](\d{4})"
)  # as grouped there
# Before the @ of an address that stands for one.
PLACEHOLDERS = re.compile(
    r"(?:example|user|username|name|your[._-]?(?:name|email)|some(?:one|body)|test|foo|bar"
    r"|first[._-]?name[._-]?last[._-]?name)\d{0,3}@",
    re.IGNORECASE,
)
# Where nobody has an e-mail address (RFC 2606 and 6761).
NOBODYS = ("example.com", "example.net", "example.org", "example", "test", "invalid", "localhost")


class Kind(StrEnum):
    """What was found, in words."""

    EMAIL = "e-mail address"
    IP = "IP address"
    IBAN = "IBAN"
    CARD = "card number"
    ID = "national id"
    PHONE = "phone number"


LABELS = {
    Kind.EMAIL: "[email]",
    Kind.IP: "[ip]",
    Kind.IBAN: "[iban]",
    Kind.CARD: "[card]",
    Kind.ID: "[id]",
    Kind.PHONE: "[phone]",
}
# What money or an identity hangs on; the others reach a person.
ACCOUNTS = frozenset({Kind.IBAN, Kind.CARD, Kind.ID})


@dataclass(frozen=True)
class PersonalDataItem:
    kind: Kind
    text: str


def find_personal_data(text: str, ours: Contacts = NO_CONTACTS) -> list[PersonalDataItem]:
    """The personal data in a text that is to be shown to others, by kind.

    What reaches nobody in particular is left out: addresses at example.com and the like, free lines
    of North America and its numbers for films, IP addresses that are not public (RFC 1918, 5737
    and others), and the contacts of `ours`.
    """
    return [span for span in scan(text)[1] if reaches_somebody(span, ours)]


def redact(text: str, ours: Contacts = NO_CONTACTS) -> str:
    """Replace e-mail and IP addresses, IBANs, cards, national ids and phone numbers by labels.

    Addresses must parse, IBANs, cards and ids have right check digits. What was redacted stays as
    it is when it is redacted again. Nothing is excepted but the contacts of `ours`: in a log, which
    knows of none, a private address tells of a person's network, and what is left in must not
    change between the nights that are compared.
    """
    return scan(text, ours)[0]


def reaches_somebody(personal: PersonalDataItem, ours: Contacts) -> bool:
    if is_own(personal, ours):
        return False
    if personal.kind is Kind.EMAIL:
        return not is_at(plain(personal.text), NOBODYS) and not PLACEHOLDERS.match(personal.text)
    if personal.kind is Kind.PHONE:
        return not reaches_nobody(plain(personal.text))
    if personal.kind is Kind.IP:
        address = ip_address(plain(personal.text))
        return address.is_global and not address.is_multicast
    return True


def reaches_nobody(number: str) -> bool:
    """A phone number that is a free line, or nobody's: of area 555, or 555-01xx."""
    parts = NORTH_AMERICAN.fullmatch(number)
    if parts is None:
        return False
    area, exchange, line = parts.groups()
    fictional = exchange == "555" and line.startswith("01")
    return area in (*FREE_LINES, "555") or fictional


def is_own(personal: PersonalDataItem, ours: Contacts) -> bool:
    if personal.kind is Kind.EMAIL:
        return ours.have_address(plain(personal.text))
    return personal.kind is Kind.PHONE and ours.have_phone(plain(personal.text))


def scan(text: str, ours: Contacts = NO_CONTACTS) -> tuple[str, list[PersonalDataItem]]:
    """The text with labels, and what they stand for; `ours` is left as it is."""
    every: list[PersonalDataItem] = []
    # Again, for a label may end what hid its neighbour.
    while (clean := scan_once(text, every, ours)) != text:
        text = clean
    return text, every


def scan_once(text: str, every: list[PersonalDataItem], ours: Contacts) -> str:
    """The text with labels; what they stand for is added to `every`."""
    view = plain(text)  # its places are the text's
    for hint, detectors in DETECTORS:
        if hint(view):
            for kind, pattern, personal in detectors:
                places = [
                    place
                    for match in pattern.finditer(view)
                    if (place := place_of(match, personal))
                    and not is_own(PersonalDataItem(kind, text[place]), ours)
                ]
                every += [PersonalDataItem(kind, text[place]) for place in places]
                text, view = (
                    labelled(view_text, places, LABELS[kind]) for view_text in (text, view)
                )
    return text


def place_of(match: re.Match[str], personal: Callable[[re.Match[str]], str]) -> slice | None:
    """Where in the text the personal data of a match is, if it has any.

    That begins where the match does, or its group `it`.
    """
    part = personal(match)
    if not part:
        return None
    start = match.start("it" if "it" in match.re.groupindex else 0)
    return slice(start, start + len(part))


def labelled(text: str, places: Sequence[slice], label: str) -> str:
    """The text with a label in each of the places, which are in order and apart."""
    starts = (0, *(place.stop for place in places))
    ends = (*(place.start for place in places), len(text))
    return label.join(text[start:end] for start, end in zip(starts, ends, strict=True))


def whole(match: re.Match[str]) -> str:
    return match[0]


def email(match: re.Match[str]) -> str:
    is_call = match.string.startswith("(", match.end())
    return "" if is_call and not match[0].lower().endswith(BEFORE_BRACKET) else match[0]


def ipv4(match: re.Match[str]) -> str:
    before = match.string[max(match.start() - LONGEST_NAME, 0) : match.start()]
    return "" if VERSIONED.search(before) else ip(match)


def ip(match: re.Match[str]) -> str:
    try:
        ip_address(match[0])
    except ValueError:
        return ""
    return match[0]


def ipv6(match: re.Match[str]) -> str:
    """Only what can hardly be code: `x[1::2]` and `abc::def` are IPv6 addresses by their form."""
    bare = match[0].replace(":", "")
    return ip(match) if len(bare) >= 5 and any(map(str.isdigit, bare)) else ""


# Seven digits near each other: without them there is no number of a card, an account or a phone.
DENSE = re.compile(r"\d(?:[^\d\n]{0,6}\d){6}")
DOTTED = re.compile(r"\d\.\d{1,3}\.\d{1,3}\.\d")
COLONS = re.compile(r":[\dA-Fa-f]{0,4}:")


def may_hide_email(text: str) -> bool:
    low = text.lower()
    return any(mark in low for mark in (" dot ", "at)", "at ]", "at]", "at )", "at}", "(@", "[@"))


Detector = tuple[Kind, re.Pattern[str], Callable[[re.Match[str]], str]]
# Behind a quick look at the text, for most have nothing. The strictest first: a card's digits would
# also pass as a phone's.
DETECTORS: tuple[tuple[Callable[[str], object], tuple[Detector, ...]], ...] = (
    (lambda text: "@" in text, ((Kind.EMAIL, EMAIL, email),)),
    (may_hide_email, ((Kind.EMAIL, HIDDEN_EMAIL, whole),)),
    (DOTTED.search, ((Kind.IP, IPV4, ipv4),)),
    (COLONS.search, ((Kind.IP, IPV6, ipv6),)),
    (
        DENSE.search,
        (
            (Kind.IBAN, IBAN, iban),
            (Kind.CARD, CARD, card),
            (Kind.ID, SHAPED_ID, shaped_id),
            (Kind.ID, NAMED_ID, named_id),
            (Kind.PHONE, PHONE, phone),
            (Kind.PHONE, NAMED, named_phone),
            (Kind.PHONE, GROUPED, grouped_phone),
            (Kind.PHONE, MOBILE, phone),
            (Kind.PHONE, CALLED, called_phone),
        ),
    ),
)
