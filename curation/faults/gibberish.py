"""Text that nobody can read: a hand on the keyboard, or bytes written as letters."""

import re
from itertools import pairwise

from curation.faults.characters import LINKS
from curation.faults.suspect_words import SuspectWords, holds, lowered, question_text
from project.records.data import Row

# --- letter pairs ---------------------------------------------------------------------------------

# Which letters hardly ever follow each other in a word, and which are neighbours on keyboards.

# By the first letter: what comes behind it in hardly any word of a European language.
AFTER = {
    "b": "cfghkmnpqwxz", "c": "bdfgjmnpvwx", "d": "cfkpqtxz", "f": "bcdghjkmnpqvwxz",
    "g": "bcdfjkpqvxz", "h": "bcdfghjkpqvxz", "j": "bcdfghklmnpqrstvwxyz", "k": "bcdfgjmpqvxz",
    "l": "bhjnqrwxz", "m": "cdfghjkqrtvwxz", "n": "bpx", "p": "bcdfgjkmqvwxz",
    "q": "bcdefghjklmnoprtvwxyz", "r": "jqxz", "s": "bdfgjrvxz", "t": "bdfgjkpqvx",
    "u": "wqjy", "v": "bcdfghjkmnpqtwxz", "w": "bcfgjkmpqvuxz", "x": "bdfgjkmnqrvwz",
    "y": "qjyh", "z": "bcdfgjmnpqrtvxz", "i": "wyq", "o": "qj", "e": "j", "a": "",
}  # fmt: skip
RARE = frozenset((first, second) for first, seconds in AFTER.items() for second in seconds)

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
RUNS = {row[i : i + 4] for row in ROWS for i in range(len(row) - 3)}
# Some of these runs are in words, such as "property" and "Wert".
WORDS = {
    "wert",
    "trew",
    "erty",
    "ytre",
    "poiu",
    "tyui",
    "uiop",
    "апро",
    "прол",
    "лорп",
    "рола",
    "укен",
}
NEIGHBOURS = tuple(sorted((RUNS | {run[::-1] for run in RUNS}) - WORDS))


# --- gibberish ------------------------------------------------------------------------------------

LONG_WORD = 24  # characters
SUSPICIOUS = 3  # rare pairs
ENDS = 80  # characters at the beginning and at the end that are looked at
CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}")
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
STRANGE = SuspectWords(*NEIGHBOURS, tells=lambda word: rare_pairs(word))
LIKE_BYTES = SuspectWords("\\x", "%", tells=lambda word: len(word) >= LONG_WORD)


def gibberish(row: Row) -> str | None:
    prompt, answer = question_text(row), row.completion_text
    if strangeness(answer) + strangeness(prompt) >= SUSPICIOUS:
        # Letters stand together that hardly do so in words.
        text = f"{ends(answer)} {ends(prompt)}".lower()
        rare = rare_pairs(text) >= SUSPICIOUS or holds(text, NEIGHBOURS)
        if rare and (mash(answer) or mash(prompt)):
            return "letters at random"
    if (blob(answer) or blob(prompt)) and not WANTED.search(prompt):
        return "bytes written as letters"
    return None


def ends(text: str) -> str:
    return text if len(text) <= 2 * ENDS else f"{text[:ENDS]} {text[-ENDS:]}"


def strangeness(text: str) -> int:
    """How many rare pairs a text has, at most; a run of a keyboard alone is enough."""
    low = lowered(text)
    return sum(low.count(word) * rare_pairs(word) or SUSPICIOUS for word in STRANGE.at(text))


def rare_pairs(text: str) -> int:
    return sum(map(RARE.__contains__, pairwise(text)))


def mash(text: str) -> bool:
    """Whether a text, or a stretch at its beginning or end, has no words in it."""
    words = [word.strip(".,;:!?\"'()") for word in ends(text).split()]
    flags = [odd(word) for word in words if len(word) > 2]
    strange = sum(flags)
    if strange > 1 and strange >= 0.4 * len(flags):
        return True
    return strange == len(words) == 1 or any(all(flags[i : i + 3]) for i in range(len(flags) - 2))


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


def blob(text: str) -> bool:
    doubtful = LIKE_BYTES.at(text)
    longest = max(map(len, doubtful), default=0)
    short = len(text) < 4.2 * text.count(" ") or text.count("0") + text.count("1") > len(text) / 3
    escaped = doubtful and ("\\x" in text or "%" in text)
    if (longest > 47 or short or escaped) and HEX.search(text):
        return True
    if "base64," in text or "-----BEGIN PGP" in text or "begin 6" in text:
        return DATA.search(text) is not None
    if longest < LONG_WORD:
        return False
    # A link to a shared document has an id like bytes in it.
    return any(coded(token, text) for token in LONG.findall(LINKS.sub(" ", text)))


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


# --- mojibake -------------------------------------------------------------------------------------

# Text that was read in another encoding than it was written in.

HEAD = 4_000  # characters that are looked at
# Russian in KOI8 that was read as Windows-1251 has its capitals the wrong way round.
SWAPPED = re.compile(r"\b[а-яё][А-ЯЁ]{2,}\b")
MISREAD = re.compile(r"[^\x00-\x7f‘’“”–—…]{2}|â[^\x00-\x7f]")  # no letter becomes one alone
OTHER_FIXES = (
    "unescape_html",
    "remove_terminal_escapes",
    "fix_latin_ligatures",
    "fix_character_width",
    "uncurl_quotes",
    "fix_line_breaks",
    "fix_surrogates",
    "remove_control_chars",
)


def mojibake(row: Row) -> str | None:
    text = f"{row.completion_text}\n{row.prompt_text}"
    if text.isascii() or not (MISREAD.search(text) or "Â" in text or "Ã" in text):
        return None
    bad = is_bad(text[:HEAD]) or len(SWAPPED.findall(text[:HEAD])) > 1
    return "text in a wrong encoding" if bad else None


def decoded(text: str) -> str:
    """The text as it was written, as far as ftfy is sure of it."""
    if text.isascii() or not is_bad(text):
        return text
    from ftfy import TextFixerConfig, fix_text

    nothing_else = dict.fromkeys(OTHER_FIXES, False)
    return str(fix_text(text, TextFixerConfig(normalization=None, explain=False, **nothing_else)))


def is_bad(text: str) -> bool:
    # Imported here, and above, because the verbs go without an extra.
    from ftfy.badness import is_bad

    return bool(is_bad(text))
