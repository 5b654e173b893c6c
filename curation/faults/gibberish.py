"""Text that nobody can read: a hand on the keyboard, or bytes written as letters."""

import re
from itertools import pairwise

from curation.faults.letter_pairs import NEIGHBOURS, RARE
from curation.faults.looks import Look, lowered
from curation.faults.prose import asked, holds
from project.records.data import Row

LONG_WORD = 24  # characters
SUSPICIOUS = 3  # rare pairs
ENDS = 80  # characters at the beginning and at the end that are looked at
CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}")
RUN = re.compile(r"([^\W\d_])\1{7,}|[!@#$%^&*;]{10,}")
LONG = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
HEX = re.compile(
    r"(?<!\w)(?:0x)?[0-9a-fA-F]{48,}(?!\w)|(?<!\w)(?:(?:0x)?[0-9a-fA-F]{2}[ ,:]{1,2}){12,}"
    r"|(?<!\w)(?:[01]{8} ){3,}[01]{8}|(?:\\x[0-9a-fA-F]{2}){6,}|(?:%[0-9a-fA-F]{2}){8,}"
)
DATA = re.compile(r"\bdata:[\w/+.-]{3,60};base64,|-----BEGIN PGP|\bbegin \d{3} \S+\n")
# Whoever asks for bytes may get them.
WANTED = re.compile(
    r"\b(?:encode|encrypt|convert|generate|decode|decrypt|translate|hash (?:of|the"
    r"|this)|sha-?\d+ of"
    r"|in (?:base ?64|hex\w*|binary)|random (?:string|key|token|password)|secret"
    r" key|api key|token)\b"
    r"|编码|加密|解码|二进制",
    re.IGNORECASE,
)
# Words with letters together that hardly ever are, and words that may be bytes.
STRANGE = Look(*NEIGHBOURS, tells=lambda word: rare_pairs(word))
LIKE_BYTES = Look("\\x", "%", tells=lambda word: len(word) >= LONG_WORD)


def gibberish(row: Row) -> str | None:
    prompt, answer = asked(row), row.completion_text
    if suspicious(prompt, answer) and (mash(answer) or mash(prompt)):
        return "letters at random"
    if signs(answer) or signs(prompt):
        return "signs at random"
    if (blob(answer) or blob(prompt)) and not WANTED.search(prompt):
        return "bytes written as letters"
    return None


def ends(text: str) -> str:
    return text if len(text) <= 2 * ENDS else f"{text[:ENDS]} {text[-ENDS:]}"


def suspicious(prompt: str, answer: str) -> bool:
    """Whether letters stand together that hardly do so in words."""
    if strangeness(answer) + strangeness(prompt) < SUSPICIOUS:
        return False
    text = f"{ends(answer)} {ends(prompt)}".lower()
    return rare_pairs(text) >= SUSPICIOUS or holds(text, NEIGHBOURS)


def strangeness(text: str) -> int:
    """How many rare pairs a text has, at most; a run of a keyboard alone is enough."""
    low = lowered(text)
    return sum(low.count(word) * rare_pairs(word) or SUSPICIOUS for word in STRANGE.at(text))


def rare_pairs(text: str) -> int:
    return sum(map(RARE.__contains__, pairwise(text)))


def mash(text: str) -> bool:
    """Whether a text, or a stretch at its beginning or end, has no words in it."""
    words = [word.strip(".,;:!?\"'()") for word in ends(text).split()]
    found = [odd(word) for word in words if len(word) > 2]
    strange = sum(found)
    if strange > 1 and strange >= 0.4 * len(found):
        return True
    return strange == len(words) == 1 or any(all(found[i : i + 3]) for i in range(len(found) - 2))


def odd(word: str) -> bool:
    """Whether a token can hardly be a word of a language, nor a name in a program."""
    if not word.isalpha() or not (word.islower() or word.istitle()):
        return False
    word = word.lower()
    if len(word) > 3 and sum(row in word for row in NEIGHBOURS) > (len(word) > 9):
        return True
    rare = rare_pairs(word)
    if len(word) < 5 or not rare:
        return False
    return CONSONANTS.search(word) is not None or (rare > 1 and rare >= len(word) / 5)


def signs(text: str) -> bool:
    """Whether signs stand where words should: hardly a letter, and many of them different."""
    head = text[:80]
    if len(text) < 200 and RUN.search(head):
        return True
    solid = "".join(head.split())
    if len(solid) < 10 or sum(map(str.isalnum, solid[:20])) > 8:
        return False
    marks = [c for c in solid if c.isascii() and not c.isalnum()]
    return len(marks) > 0.7 * len(solid) and len(set(marks)) > 5


def blob(text: str) -> bool:
    doubtful = LIKE_BYTES.at(text)
    longest = max(map(len, doubtful), default=0)
    short = len(text) < 4.2 * text.count(" ") or text.count("0") + text.count("1") > len(text) / 3
    escaped = doubtful and ("\\x" in text or "%" in text)
    if (longest > 47 or short or escaped) and HEX.search(text):
        return True
    if "base64," in text or "-----BEGIN PGP" in text or "begin 6" in text:
        return DATA.search(text) is not None
    return longest >= LONG_WORD and any(coded(found[0], text) for found in LONG.finditer(text))


def coded(token: str, text: str) -> bool:
    """A long token of mixed letters and digits that is no path, no name and no link."""
    mixed = any(map(str.isdigit, token)) and token not in (token.lower(), token.upper())
    changes = sum(kind(a) != kind(b) for a, b in pairwise(token))
    names = sum(map(token.count, "/-_"))
    if not mixed or changes < 0.3 * len(token) or names > len(token) / 12:
        return False
    return (
        len(token) >= 60 or len(token) > 0.5 * len(text) or (len(token) > 31 and token[-1] == "=")
    )


def kind(sign: str) -> int:
    return 0 if sign.isdigit() else 1 if sign.isupper() else 2
