"""What a row holds of numbers that identify a person or an account, or reach one."""

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from curation.faults.suspect_words import Hints, SuspectWords
from project.personal_data import (
    ACCOUNTS,
    NO_CONTACTS,
    Contacts,
    PersonalDataItem,
    reaches_somebody,
    scan,
)
from project.records.data import Row
from project.shown_passages import every_text

DIGIT = re.compile(r"\d")
SHORTEST = 7  # digits of a phone number, a card or an account


def personal_data(row: Row, ours: Contacts) -> str | None:
    """The kind of personal data found first."""
    return next((str(item.kind) for item in private(row, ours)), None)


def private(row: Row, ours: Contacts) -> Iterator[PersonalDataItem]:
    """Personal data in the order of the text; contacts of `ours` are none."""
    return (item for item in scanned(tuple(every_text(row))) if reaches_somebody(item, ours))


@lru_cache(1)  # several finders ask for the same row
def scanned(texts: tuple[str, ...]) -> list[PersonalDataItem]:
    digits = sum(len(DIGIT.findall(text)) for text in texts if NUMBERS.at(text))
    worth_it = digits >= SHORTEST or any(map(ADDRESSES.at, texts))
    return scan("\n".join(texts))[1] if worth_it else []


# An IP address, or of an e-mail address that is hidden from robots.
ADDRESSES = SuspectWords(
    *("@", "at)", "at]", "at}"),
    odd=lambda word: word.count(".") > 2 or word.count(":") > 1 or word[0] in "])",
)
NUMBERS = SuspectWords(odd=DIGIT.search)


# --- account data ---------------------------------------------------------------------------------

# Numbers of accounts, cards and identities, certain by their check digits.


def account_data(row: Row) -> str | None:
    """The kind of number found first."""
    every = private(row, NO_CONTACTS)
    return next((str(item.kind) for item in every if item.kind in ACCOUNTS), None)


# --- contact data ---------------------------------------------------------------------------------

# What reaches a person: e-mail addresses, phone numbers, IP addresses.


def contact_data(row: Row, ours: Contacts = NO_CONTACTS) -> str | None:
    """The kind of contact found first. Those of `ours` are no person's."""
    every = private(row, ours)
    return next((str(item.kind) for item in every if item.kind not in ACCOUNTS), None)


# --- finder ---------------------------------------------------------------------------------------

# What is wrong with a row, in a few words of ours that may stand in a report; None: nothing.
# It never repeats the row's own text: failing values may be personal data.
Finder = Callable[[Row], str | None]


# --- secret ---------------------------------------------------------------------------------------

# Secrets that stand in a row: keys and tokens of services, private keys, passwords.

# The services' own forms that detect-secrets does not know, or knows of one length alone.
TOKEN = re.compile(
    r"(?<![\w/+-])(?:"
    r"sk-(?:proj-|ant-|or-|svcacct-)?[\w-]{16,200}|[rsp]k_(?:live|test)_\w{10,200}|hf_\w{20,200}"
    r"|gh[opusr]_\w{20,200}|github_pat_\w{20,200}|glpat-[\w-]{16,200}|xox[abeoprs]-[\w-]{10,200}"
    r"|xapp-[\w-]{10,200}|AIza[\w-]{30,200}|(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12,32}"
    r"|npm_\w{30,200}|pypi-[\w-]{20,400}|dop_v1_\w{30,200}|shp(?:at|ca|pa|ss)_\w{20,200}"
    r"|SG\.[\w-]{16,64}\.[\w-]{16,64}|dapi[0-9a-f]{32}|key-[0-9a-f]{32}|AGE-SECRET-KEY-\w{20,200}"
    r"|ya29\.[\w-]{20,400}|gsk_\w{20,200}|r8_\w{30,200}|whsec_\w{20,200}|[a-z]{2,8}_(?:live|prod)_"
    r"[A-Za-z0-9]{16,200}|\d{8,10}:AA[\w-]{30,40}"
    r"|eyJ[\w-]{8,2000}\.eyJ[\w-]{4,2000}(?:\.[\w-]{0,2000})?"
    r")"
)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]*+-----END[A-Z0-9 ]{0,60}-----)?"
    r"|PuTTY-User-Key-File-\d:[^\n]{1,40}"
)
# scheme://user:password@host
IN_URL = re.compile(r"://[^\s:/@]{1,64}:(?P<it>[^\s:/@]{1,64})@")
# A name that says key or token, and beside it what looks random.
NAMED_KEY = re.compile(
    r"(?:(?:api|access|secret|auth|private|account|client|bearer|service|license|encryption"
    r"|signing)"
    r"[ _-]?(?:key|token|secret)|bearer|x-api-key|authorization)(?:[ _-]?(?:id|key))?"
    r"(?: (?:is|was))?[\"']?[ \t]{0,3}(?:[:=]{1,2}>?|(?<=is)|(?<=was)|(?<=bearer))[ \t]{0,3}"
    r"(?:bearer )?[\"'`]?(?P<it>[A-Za-z0-9_+/=.-]{16,400})",
    re.IGNORECASE,
)
KEY_HINTS = Hints("key|token|secret|bearer|authorization")
LONG = 20  # characters: no key is shorter
KEY_LIKE = re.compile(r"[\w+/=.~-]{20}", re.ASCII)
# What documentation writes in place of a secret.
STAND_IN = re.compile(
    r"example|sample|placeholder|your|change.?me|redacted|dummy|\bfake|insert|replace|todo|xxx"
    r"|\*\*\*|\.\.\.|…|[<>{}\[\]()$%]|hidden|secret_?key|api_?key|access_?token|^pass(?:word)?\d{0,2}$|my_?pass",
    re.IGNORECASE,
)
OURS = ("BasicAuthDetector", "PrivateKeyDetector")  # detectors of detect-secrets
WINDOW, OVERLAP = 1000, 200  # characters: others' patterns are only as fast as their text is short


def secret(row: Row) -> str | None:
    texts = (row.prompt_text, row.completion_text, row.tools_text)
    both = chain.from_iterable(map(secrets, filter(None, texts)))
    return next((kind for kind, _, _ in both), None)


def secrets(text: str) -> Iterator[tuple[str, int, int]]:
    """What each is, and where it begins and ends."""
    if "-----BEGIN" in text or "PuTTY-User-Key" in text:
        yield from spans("private key", PRIVATE_KEY, text)
    if LIKE_KEYS.at(text):
        yield from keys(text)
    if "://" in text:
        yield from spans("password in an address", IN_URL, text)
    for kind, places in (("password", passwords(text)), ("code", codes(text))):
        yield from ((kind, a, b) for a, b in places if not is_stand_in(text[a:b]))


def file_secret(text: str) -> str | None:
    """The kind of secret that a file holds for certain, whatever its words are about; the guesses
    that rows are asked for are not made.
    """
    certain = (
        ("private key", PRIVATE_KEY),
        ("key or token", TOKEN),
        ("password in an address", IN_URL),
    )
    for kind, pattern in certain:
        for secret_kind, _, _ in spans(kind, pattern, text):
            return secret_kind
    named = spans("key or token", NAMED_KEY, text) if KEY_HINTS.found_in(text) else ()
    return next((kind for kind, a, b in named if is_random(text[a:b])), None)


LIKE_KEYS = SuspectWords(
    odd=lambda word: len(word) >= LONG and bool(DIGIT.search(word) and KEY_LIKE.search(word))
)


def keys(text: str) -> Iterator[tuple[str, int, int]]:
    yield from spans("key or token", TOKEN, text)
    if KEY_HINTS.found_in(text):
        named = spans("key or token", NAMED_KEY, text)
        yield from ((kind, a, b) for kind, a, b in named if is_random(text[a:b]))
    for start in range(0, len(text), WINDOW - OVERLAP):
        window = text[start : start + WINDOW]
        if KEY_LIKE.search(window):
            for pattern in known_forms():
                for kind, a, b in spans("key or token", pattern, window):
                    yield kind, start + a, start + b


def spans(kind: str, pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, int, int]]:
    for match in pattern.finditer(text):
        start, end = match.span("it" if "it" in pattern.groupindex else 0)
        if not is_stand_in(text[start:end]):
            yield kind, start, end


def is_stand_in(value: str) -> bool:
    return len(set(value)) <= min(3, len(value) // 2) or bool(STAND_IN.search(value))


def is_random(value: str) -> bool:
    digits = sum(map(str.isdigit, value))
    return digits >= 2 and any(map(str.isalpha, value)) and "/" not in value[:2]


@cache
def known_forms() -> tuple[re.Pattern[str], ...]:
    """The forms of keys that detect-secrets knows. Its guesses by entropy flag plain words, so they
    are left out, and so is what our own patterns find more of.
    """
    # Imported here: it takes a quarter of a second, and few rows need it.
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    every = get_mapping_from_secret_type_to_class().values()
    by_form: list[Any] = [plugin for plugin in every if issubclass(plugin, RegexBasedDetector)]
    told = [plugin for plugin in by_form if plugin.__name__ not in OURS]
    return tuple(pattern for detector in told for pattern in detector.denylist)


# --- passwords ------------------------------------------------------------------------------------

# Passwords and codes in a text, by the word that they stand beside.

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
    """The value without the marks of the sentence around it."""
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
