"""Numbers of persons and accounts: IBANs, payment cards and ids by check digits; phone numbers."""

import re
import unicodedata
from importlib import import_module

# What people put between groups of digits, after `plain` below.
GAP = r"(?: ?[./-] ?| {1,2})"
# A text is from anybody: patterns are read in time linear in its length.
IBAN = re.compile(
    rf"(?<!\w)[A-Za-z]{{2}}\d\d(?:{GAP}?[A-Za-z\d]{{4}}){{2,7}}(?:{GAP}?[A-Za-z\d]{{1,3}})?(?!\w)"
)
CARD = re.compile(
    r"(?<!\w)(?<!\d[.,])"
    rf"(?:(?:[4-6]\d|2[2-7]|35)\d\d(?:{GAP}?\d{{4}}){{3}}(?:{GAP}?\d{{3}})?"
    rf"|3\d{{3}}{GAP}?\d{{6}}{GAP}?\d{{4,5}})"
    r"(?!\w|[.,]\d)"
)
FEWEST_OF_A_CARD = 14
# An Italian tax code and a Brazilian number with its dots look like nothing else.
SHAPED_ID = re.compile(
    r"(?<!\w)(?:[A-Z]{6}\d\d[A-EHLMPR-T]\d\d[A-Z]\d{3}[A-Z]|\d{3}\.\d{3}\.\d{3}-\d\d)(?!\w)",
    re.IGNORECASE,
)
# Any number has these digits by chance now and then: they count beside their word alone.
# What python-stdnum calls their rules.
IDS = {
    "aadhaar": ("in_.aadhaar",),
    "aadhar": ("in_.aadhaar",),
    "bsn": ("nl.bsn",),
    "burgerservicenummer": ("nl.bsn",),
    "codice fiscale": ("it.codicefiscale",),
    "cpf": ("br.cpf",),
    "dni": ("es.dni",),
    "nie": ("es.nie",),
    "nif": ("es.dni", "es.nie"),
    "nhs": ("gb.nhs",),
    "numéro de sécurité sociale": ("fr.nir",),
    "pesel": ("pl.pesel",),
    "rijksregisternummer": ("be.nn",),
    "routing": ("us.rtn",),
    "sin": ("ca.sin",),
    "social insurance": ("ca.sin",),
    "social security": ("us.ssn",),
    "ssn": ("us.ssn",),
    "steuer-id": ("de.idnr",),
    "steueridentifikationsnummer": ("de.idnr",),
    "tax file": ("au.tfn",),
    "tfn": ("au.tfn",),
}
NAMED_ID = re.compile(
    rf"(?<!\w)(?P<word>{'|'.join(map(re.escape, IDS))})\b"
    r"(?:[^\w\n]{0,3}(?:number|numéro|número|nummer|numero|no|nr|id|is|es|est|ist|é|è|was)\b){0,3}"
    r"[^\w\n]{1,3}(?P<it>[A-Z\d](?:[ ./-]?[A-Z\d]){7,16})(?!\w)",
    re.IGNORECASE,
)


def iban(match: re.Match[str]) -> str:
    """The longest beginning that is an IBAN: the pattern reads on into the next words."""
    text = match[0]
    ends = [gap.start() for gap in re.finditer(rf"{GAP}|$", text)]
    return next((text[:end] for end in reversed(ends) if is_iban(text[:end])), "")


def is_iban(text: str) -> bool:
    """Whether its country has such accounts, and the check digits are right."""
    from stdnum import iban as ibans  # here, for the core does without this library

    return ibans.is_valid(re.sub(GAP, "", text), check_country=False)


def card(match: re.Match[str]) -> str:
    """The longest beginning that is a card's number: three more digits may be its own, or the code
    on its back.
    """
    text = match[0]
    ends = [gap.start() for gap in re.finditer(rf"{GAP}|$", text)]
    return next((text[:end] for end in reversed(ends) if is_card(text[:end])), "")


def is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return len(digits) >= FEWEST_OF_A_CARD and is_right(digits, "luhn")


def shaped_id(match: re.Match[str]) -> str:
    right = is_right(match[0], "it.codicefiscale") or is_right(match[0], "br.cpf")
    return match[0] if right else ""


def named_id(match: re.Match[str]) -> str:
    """The longest beginning that is right by the rules of what the word before it names."""
    text, rules = match["it"], IDS[match["word"].lower()]
    ends = [gap.start() for gap in re.finditer(r"[ ./-]|$", text)]
    right = (text[:e] for e in reversed(ends) if any(is_right(text[:e], rule) for rule in rules))
    return next(right, "")


def is_right(number: str, rule: str) -> bool:
    """Whether a module of python-stdnum accepts the number. The module is loaded when it is needed:
    the core does without.
    """
    return bool(import_module(f"stdnum.{rule}").is_valid(number))


# --- phone numbers --------------------------------------------------------------------------------

# Phone numbers in a text: by form, by the plans of countries, by the word beside them.

# Countries whose national numbers are known without a word beside them. More of them find more,
# and take more of what is none for a number.
REGIONS = ("US", "GB", "IN", "DE", "FR", "ES", "IT", "PT", "BR", "MX", "NL", "PL", "AU", "CN", "RU")

BEGIN = r"(?<!\w)(?<!\d[.,:/-])"
END = r"(?!\w|[.,:/-]\d)"
# Written as only phone numbers are.
PHONE = re.compile(
    rf"{BEGIN}(?:"
    r"(?:\+|00)[1-9](?:[ ()/-]{0,3}\d){7,14}"  # +49 (0)30 / 901820, E.164 has at most 15 digits
    r"|(?!\d{5}-\d{4}(?!\d))(?:\((?=\d{2,6}\)))?0[1-9](?:[ ()/-]{0,2}\d){7,10}"  # (020) 7946 0958
    r"|(?:\+?1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))\d{3}(?:\1|[.-])\d{4}"  # (555) 123-4567
    r"|(?:0|\+\d\d\.)[1-9](?:\.\d\d){4}"  # 06.12.34.56.78
    rf"){END}"
)
# In groups; whether it is one, the plan of its country says.
GROUPED = re.compile(
    rf"{BEGIN}(?<![$€£#])(?:\+\d{{1,3}}[ .-])?(?:\(\d{{2,5}}\)[ -]?|\d{{1,5}}[ .-])"
    rf"\d{{2,5}}(?:[ .-]\d{{2,5}}){{0,4}}{END}"
)
# Mobiles of countries that dial no 0 before them, in the groups that are theirs alone. By threes
# it would be an amount: 612 345 678.
MOBILE = re.compile(
    rf"{BEGIN}(?<![$€£#])(?:"
    r"[67]\d\d(?: \d\d){3}"  # Spain
    r"|3[2-9]\d(?: \d{6,7}| \d\d \d\d \d{3})"  # Italy
    r"|1[3-9]\d \d{4} \d{4}"  # China
    r"|[1-9]\d 9\d{4}[ -]\d{4}"  # Brazil
    r"|[6-9]\d{3} \d{6}"  # India
    r"|8 9\d\d \d{3}([ -])\d\d\1\d\d"  # Russia
    rf"){END}"
)
NOUN = (
    r"(?:my|her|his|their|our|meine|mi|mon|il mio|meu) (?:new |neue |nuevo )?"
    r"(?:number|nummer|n[úu]m[ée]ro)"
    r"|(?:tele)?phones?|tel|mobile|mob|cell(?:phone)?|whats ?app|fax|landline|helpline|hotline"
    r"|handy(?:nummer)?|telefon(?:nummer)?|rufnummer|t[ée]l[ée]phone|portable|tel[ée]fono|m[óo]vil"
    r"|celular|telefone|cellulare|telefono|telefoon(?:nummer)?|телефон|फ़ोन|电话|手机|電話"
)
VERB = r"(?:call|ring|text|dial|reach|phone|sms|contact)(?:ed|ing)?(?: (?:me|us|him|her|them))?"
LINK = r"(?:[^\w\n]{0,3}(?:number|no|nr|is|was|num[ée]ro|n[úu]mero|ist|es|est|é|è|on|at|back|to)\b)"
NUMBER = r"(?P<it>\+?\(?\d(?:[ ()./-]{0,2}\d){6,14})"
NAMED = re.compile(rf"(?<!\w)(?:{NOUN})\b{LINK}{{0,4}}[^\w\n+(]{{0,3}}{NUMBER}{END}", re.I)
CALLED = re.compile(rf"(?<!\w){VERB}\b{LINK}{{0,3}}[^\w\n+(]{{0,3}}{NUMBER}{END}", re.I)


HUNDREDS = re.compile(r"[2-79]00([ .-])\d00\1\d000")  # 600-500-4000: sizes, or prices


def phone(match: re.Match[str]) -> str:
    return "" if HUNDREDS.fullmatch(match[0]) else match[0]


def named_phone(match: re.Match[str]) -> str:
    return match["it"]


def called_phone(match: re.Match[str]) -> str:
    return match["it"] if is_phone(match["it"]) else ""


def grouped_phone(match: re.Match[str]) -> str:
    """The match, if a country groups the digits of its numbers so. Blanks alone are amounts too."""
    text = match[0]
    telling = (TELLING.match(text) or FIVES.fullmatch(text)) and not HUNDREDS.fullmatch(text)
    return text if telling and is_phone(text, grouped=True) else ""


TELLING = re.compile(r"\+|[\d ]*\(|\d+-\d+-|\d+ \d+-\d")
FIVES = re.compile(r"[6-9]\d{4}[ -]\d{5}")  # how India writes them


def is_phone(text: str, *, grouped: bool = False) -> bool:
    """Whether a country has such a number, and, if so wished, groups its digits so."""
    # Imported here, for the core does without this library.
    from phonenumbers import Leniency, PhoneNumberMatcher

    strictly = Leniency.STRICT_GROUPING if grouped else Leniency.VALID
    matchers = (PhoneNumberMatcher(text, region, strictly, 1) for region in REGIONS)
    return any(matcher.has_next() for matcher in matchers)


# --- plain characters -----------------------------------------------------------------------------

# A text with the characters of one keyboard: digits, blanks, dashes and quotes of any script.
#
# Each character becomes one character, so a place in what comes out is the same place in the text.

FULL_WIDTH = 0xFEE0  # from a character to its full-width form
LETTERS_AND_MARKS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@.+-/()")
# What stands between the groups of a number, or around a name; a long dash ends a thought.
SPELLINGS = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63"), "-"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\uff02"), '"'),
}


class Plain(dict[int, str]):
    """A table for `str.translate`, filled as characters come: Unicode has 700 digits."""

    def __missing__(self, code: int) -> str:
        self[code] = plain_character(chr(code))
        return self[code]


TABLE = Plain(SPELLINGS)


def plain(text: str) -> str:
    """The text as it would be typed in ASCII, as far as numbers and addresses go.

    >>> plain("＋٤٩\u00a0１７１")
    '+49 171'
    """
    return text if text.isascii() else text.translate(TABLE)


def plain_character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if unicodedata.category(character) == "Zs":
        return " "
    near = chr(code) if (code := ord(character) - FULL_WIDTH) > 0 else ""
    return near if near in LETTERS_AND_MARKS else character
