"""Personal data out of a text: what names or reaches a person becomes a label such as `[email]`.

By patterns and checksums alone. A library of phone numbers must know the country that a text was
written in, and then takes dates and versions for local numbers; one that finds the names of people
needs a language model.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address

Found = re.Match[str]

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


def redact(text: str) -> str:
    """Replace e-mail addresses, IP addresses, IBANs, payment cards and phone numbers by labels.

    Addresses must parse, IBANs and cards have right checksums (ISO 7064 MOD 97-10 and Luhn's).
    What was redacted stays as it is when it is redacted again.
    """
    while (clean := redact_once(text)) != text:  # a label may end what hid its neighbour
        text = clean
    return text


def redact_once(text: str) -> str:
    if "@" in text:
        text = EMAIL.sub("[email]", text)
    if not any(map(str.isdigit, text)):
        return text
    for pattern, replacement in DETECTORS:
        text = pattern.sub(replacement, text)
    return text


def ipv4(found: Found) -> str:
    try:
        ip_address(found[0])
    except ValueError:
        return found[0]
    return "[ip]"


def ipv6(found: Found) -> str:
    """Only what can hardly be code: `x[1::2]` and `abc::def` are IPv6 addresses by their form."""
    digits = found[0].replace(":", "")
    return ipv4(found) if len(digits) >= 5 and any(map(str.isdigit, digits)) else found[0]


def iban(found: Found) -> str:
    """Replace the longest beginning that is an IBAN: the pattern reads on into the next words."""
    text = found[0]
    ends = [gap.start() for gap in re.finditer(r"[ -]|$", text)]
    for end in reversed(ends):
        if is_iban(re.sub(r"[ -]", "", text[:end])):
            return "[iban]" + text[end:]
    return text


def is_iban(text: str) -> bool:
    """Whether the check digits are right, and the length is one that some country has."""
    moved = text[4:] + text[:4]
    return 15 <= len(text) <= 34 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def card(found: Found) -> str:
    """Luhn: every second digit from the right counts double, and a cross sum divides by ten."""
    digits = [int(c) for c in reversed(found[0]) if c.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return "[card]" if (sum(digits[::2]) + sum(doubled)) % 10 == 0 else found[0]


# The strictest first: a card's digits would also pass as a phone's.
DETECTORS: tuple[tuple[re.Pattern[str], Callable[[Found], str]], ...] = (
    (IPV4, ipv4),
    (IPV6, ipv6),
    (IBAN, iban),
    (CARD, card),
    (PHONE, lambda _: "[phone]"),
)
