"""Numbers that are certain by their check digits: IBANs, payment cards, national ids."""

import re
from importlib import import_module

# What people put between groups of digits, as `plain_characters` shows it.
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
    """By a module of python-stdnum, which is loaded when it is needed: the core does without."""
    return bool(import_module(f"stdnum.{rule}").is_valid(number))
