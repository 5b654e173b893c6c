"""Secrets that stand in a row: keys and tokens of services, private keys, passwords."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain

from curation.faults.looks import Hints, Look
from curation.faults.passwords import codes, passwords
from project.records.data import Row

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
DIGIT = re.compile(r"\d")
KEY_LIKE = re.compile(r"[\w+/=.~-]{20}", re.ASCII)
# What documentation writes in place of a secret.
STAND_IN = re.compile(
    r"example|sample|placeholder|your|change.?me|redacted|dummy|\bfake|insert|replace|todo|xxx"
    r"|\*\*\*|\.\.\.|…|[<>{}\[\]()$%]|hidden|secret_?key|api_?key|access_?token|^pass(?:word)?\d{0,2}$|my_?pass",
    re.IGNORECASE,
)
WINDOW, OVERLAP = 1000, 200  # characters: others' patterns are only as fast as their text is short


def secret(row: Row) -> str | None:
    both = chain(secrets(row.prompt_text), secrets(row.completion_text))
    return next((kind for kind, _, _ in both), None)


def secrets(text: str) -> Iterator[tuple[str, int, int]]:
    """What each is, and where it begins and ends."""
    if "-----BEGIN" in text or "PuTTY-User-Key" in text:
        yield from spans("private key", PRIVATE_KEY, text)
    if LIKE_KEYS.at(text):
        yield from keys(text)
    if "://" in text:
        yield from spans("password in an address", IN_URL, text)
    for kind, found in (("password", passwords(text)), ("code", codes(text))):
        yield from ((kind, a, b) for a, b in found if not is_stand_in(text[a:b]))


def is_key_like(word: str) -> bool:
    return len(word) >= LONG and bool(DIGIT.search(word) and KEY_LIKE.search(word))


LIKE_KEYS = Look(odd=is_key_like)


def keys(text: str) -> Iterator[tuple[str, int, int]]:
    yield from spans("key or token", TOKEN, text)
    if KEY_HINTS.found_in(text):
        found = spans("key or token", NAMED_KEY, text)
        yield from ((kind, a, b) for kind, a, b in found if is_random(text[a:b]))
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
    are left out, and so is what reads a text many times over.
    """
    # Imported here: it takes a quarter of a second, and few rows need it.
    from detect_secrets.plugins.artifactory import ArtifactoryDetector
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
    from detect_secrets.plugins.cloudant import CloudantDetector
    from detect_secrets.plugins.discord import DiscordBotTokenDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
    from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
    from detect_secrets.plugins.jwt import JwtTokenDetector
    from detect_secrets.plugins.mailchimp import MailchimpDetector
    from detect_secrets.plugins.npm import NpmDetector
    from detect_secrets.plugins.sendgrid import SendGridDetector
    from detect_secrets.plugins.slack import SlackDetector
    from detect_secrets.plugins.softlayer import SoftlayerDetector
    from detect_secrets.plugins.square_oauth import SquareOAuthDetector
    from detect_secrets.plugins.stripe import StripeDetector
    from detect_secrets.plugins.twilio import TwilioKeyDetector

    detectors = (
        ArtifactoryDetector,
        AWSKeyDetector,
        AzureStorageKeyDetector,
        CloudantDetector,
        DiscordBotTokenDetector,
        GitHubTokenDetector,
        IbmCloudIamDetector,
        IbmCosHmacDetector,
        JwtTokenDetector,
        MailchimpDetector,
        NpmDetector,
        SendGridDetector,
        SlackDetector,
        SoftlayerDetector,
        SquareOAuthDetector,
        StripeDetector,
        TwilioKeyDetector,
    )
    return tuple(pattern for detector in detectors for pattern in detector.denylist)
