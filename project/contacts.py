"""How an organisation is reached: its own phone numbers, addresses and domains."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from project.settings import Settings

ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
LEAST_DIGITS = 7  # of a phone number: fewer would be the end of anybody's
MOST_CODE = 3  # digits of a country's code


def phone(text: str) -> str:
    if len(digits(text)) < LEAST_DIGITS:
        raise ValueError(f"{text!r} is no phone number of at least {LEAST_DIGITS} digits")
    return text


def email(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no e-mail address")
    return text


def domain(text: str) -> str:
    if not DOMAIN.fullmatch(text):
        raise ValueError(f"{text!r} is no domain such as bank.com")
    return text


class Contacts(Settings):
    """An organisation's own contacts, which are no personal data however they are written."""

    phones: tuple[Annotated[str, AfterValidator(phone)], ...] = ()
    emails: tuple[Annotated[str, AfterValidator(email)], ...] = ()
    domains: tuple[Annotated[str, AfterValidator(domain)], ...] = ()  # and what is below them

    def have_phone(self, number: str) -> bool:
        return any(same_phone(number, own) for own in self.phones)

    def have_address(self, address: str) -> bool:
        """Whether an e-mail address is one of these, or at or below one of the domains."""
        own = map(str.casefold, self.emails)
        return address.casefold() in own or is_at(address, self.domains)


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
