"""Passwords and codes in a text, by the word that they stand beside."""

import re
from collections.abc import Iterator

from curation.faults.looks import Hints

Span = tuple[int, int]  # where it begins and ends

WORDS = (
    r"pass(?:word|code|phrase|wd|wort)?|pw|pwd|kennwort|contrase[ñn]a|clave|mot de passe|senha"
    r"|wachtwoord|has[lł]o|parola|lösenord|пароль|密码|密碼|パスワード|पासवर्ड"
)
FOR_WHAT = r"(?: (?:now|still|for|to|of|de|für|on)(?: \w{1,20}){0,3})?"
PASSWORD = re.compile(
    rf"(?<![^\W_])(?:{WORDS})(?![^\W\d_])\d?[\"'`*]{{0,3}}(?:[ \t]{{0,3}}(?P<mark>[:=：]{{1,2}}>?)"
    rf"|{FOR_WHAT} (?P<verb>is|was|to|ist|lautet|es|est|é|è)(?: (?:now|still|set to|jetzt))?"
    rf"|{FOR_WHAT},? (?P<bare>))"
    r"[ \t*]{0,3}(?P<quote>[\"'`“‘«]?)(?P<it>[^\s\"'`“”‘’«»<>]{4,64})",
    re.IGNORECASE,
)
# user / password behind a word of both; curl -u user:password
PAIR = re.compile(
    r"(?:log ?in|credentials?|sign ?in|user(?:name)?)[^\n]{0,20}?[:=] ?[\w.@-]{2,40} ?[/:] ?"
    r"(?P<it>\S{6,64})|(?<=-u )[\w.-]{1,40}:(?P<second>\S{4,64})",
    re.IGNORECASE,
)
CODE = re.compile(
    r"(?<!\w)(?:pin|cvv2?|cvc2?|otp|tan|passcode|one[- ]time (?:code|password)|verification code"
    r"|security code|access code)(?: (?:code|number))?(?: (?:of|for|to)(?: \w{1,20}){1,3})?"
    r"(?: (?:is|was|ist|es|est)(?: now)?| ?[:=]) ?[\"']?(?P<it>\d{3,8})(?![\w-]|[.,]\d)",
    re.IGNORECASE,
)
PASSWORD_HINTS = Hints(
    "pass|pw|kennwort|contrase|clave|senha|wachtwoord|haslo|hasło|parola|lösenord|пароль|密码",
    "密碼|パスワード|पासवर्ड",
)
PAIR_HINTS = Hints("login|log in|credential|sign in|user|-u ")
CODE_HINTS = Hints("pin|cvv|cvc|otp|tan |tan:|code")
DIGITS = re.compile(r"\d{3}")
# What is written in a program there, and no value: a call, a name, a path.
IN_CODE = re.compile(r"[(\[{<]|\w\.\w+\.|^[a-z]+\.[a-z_]+$|^[A-Z]+_[A-Z_]+$|::|/|\\")
IN_WORDS = re.compile(r"https?:|www\.|\d{1,3}[-–]?[^\W\d]+$")  # 8-character
HYPHENED = re.compile(r"\w+-\w+-\w[\w-]*")  # correct-horse-battery


def passwords(text: str) -> Iterator[Span]:
    if PASSWORD_HINTS.found_in(text):
        for match in PASSWORD.finditer(text):
            value = bare(match["it"])
            if is_password(value, match):
                yield match.start("it"), match.start("it") + len(value)
    if PAIR_HINTS.found_in(text):
        yield from pairs(text)


def codes(text: str) -> Iterator[Span]:
    if CODE_HINTS.found_in(text) and DIGITS.search(text):
        yield from (match.span("it") for match in CODE.finditer(text))


def pairs(text: str) -> Iterator[Span]:
    for match in PAIR.finditer(text):
        group = "it" if match["it"] else "second"
        value = bare(match[group])
        if is_mixed(value) and not is_no_value(value):
            yield match.start(group), match.start(group) + len(value)


def bare(value: str) -> str:
    """Without the marks of the sentence around it."""
    return value.rstrip(".,;:?)*_")


def is_password(value: str, match: re.Match[str]) -> bool:
    """Whether a word is no plain one, or what stands before it leaves no doubt."""
    if len(value) < 4 or is_no_value(value):
        return False
    if is_mixed(value):
        return True
    if match["mark"]:
        return value.isdigit() or is_odd(value)
    if not match["verb"]:
        return False
    return is_odd(value) or (bool(match["quote"]) and value.isalpha() and match["verb"] != "to")


def is_no_value(value: str) -> bool:
    return bool(IN_WORDS.match(value) or IN_CODE.search(value))


def is_mixed(value: str) -> bool:
    return any(map(str.isalpha, value)) and any(map(str.isdigit, value))


def is_odd(value: str) -> bool:
    signs = any(c in "!@#$%^&*+?" for c in value[:-1])
    return (signs and any(map(str.isalpha, value))) or bool(HYPHENED.fullmatch(value))
