"""Characters that are no part of a text: hidden, lost, written out, capitals."""

import re
import unicodedata

import regex

from curation.faults.suspect_words import holds, without_code, without_quotations
from project.records.data import Row

# --- hidden characters ----------------------------------------------------------------------------

# Characters that nobody sees: controls, and those without a width.

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]")
ANSI = re.compile(
    r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])"
)
BREAKS = str.maketrans(dict.fromkeys("\x0b\x0c\x85\u2028\u2029", "\n"))


def control_characters(text: str) -> str | None:
    return "control characters" if has_controls(text) else None


def has_controls(text: str) -> bool:
    return not printable(text) and CONTROLS.search(text) is not None


def printable(text: str) -> bool:
    """Whether Python would print all of a text, line breaks aside: a quick look."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def without_controls(text: str) -> str:
    """Line breaks for what breaks lines or pages; nothing for what no reader is to see."""
    if not has_controls(text):
        return text
    return CONTROLS.sub("", ANSI.sub("", text).translate(BREAKS))


# Joiners are letters' own in Arabic and Indian scripts and in emoji, marks of direction in what is
# written from the right; a selector follows the sign that it selects.
INVISIBLE = regex.compile(
    r"[\u00ad\u034f\u115f\u1160\u180e\u200b\u2060-\u2064\u202d\u202e\u206a-\u206f\u2800\u3164"
    r"\ufeff\uffa0\ufff9-\ufffb]"
    r"|(?<![\u0590-\u1cff\u20e3\u2190-\u2bff\u3040-\u9fff\ufe0f\U0001f000-\U000e007f])[\u200c\u200d]"
    r"|(?<![\p{So}\p{Sk}\p{Sm}\p{Han}\p{N}#*\u203c\u2049])[\ufe00-\ufe0f]"
    r"|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0001-\U000e007f]"
)
PRINTED = "\u034f\u115f\u1160\u2800\u3164\uffa0\ufe00\ufe01\ufe0e\ufe0f"  # by Python, at least
DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202c\u2066-\u2069]")
FROM_THE_RIGHT = re.compile(r"[\u0590-\u08ff]")
# A blank that joins two long words is out of a web page; French and Czech put theirs elsewhere.
JOINING = regex.compile(r"(?<=\p{L}{3}[,.;:!?]?)[\u00a0\u202f\u2000-\u200a\u205f]+(?=\p{L}{3})")


def invisible_characters(text: str) -> str | None:
    return "characters without a width" if without_unseen(text) != text else None


def without_unseen(text: str) -> str:
    if text.isascii() or (printable(text) and not holds(text, PRINTED)):
        return text
    text = JOINING.sub(" ", INVISIBLE.sub("", text))
    return text if FROM_THE_RIGHT.search(text) else DIRECTIONS.sub("", text)


# --- literal escapes ------------------------------------------------------------------------------

# Characters that were written out: `\n` where a new line was meant.

# In prose: `\n` at the end of a sentence or before a list, `\u00e9`, `\"`, `\/`, `%20`, `=C3=A9`.
BROKEN = re.compile(
    r"(?:\\r)?\\n(?=\\[rnt]|\s*(?:[A-Z0-9À-Þ*•\-–#>\"“(]|$))|(?<=[.!?:,;])(?<![A-Z]:)\\n|\\t(?=[A-Z0-9À-Þ])"
)
CODED = re.compile(r"\\u\{?[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[0-3][0-7]{2}\\[0-3][0-7]{2}|\\N\{")
ESCAPED = re.compile(r"\w\\'\w|\\\"|:\\/\\/|<\\/")
PERCENT = re.compile(
    r"(?<![/=&?])\b[\w,.]{1,40}%20\w{1,40}%20|(?:%[CDE][0-9A-F]%[89AB][0-9A-F]){2}"
)
PRINTABLE = re.compile(r"(?:=[CDE][0-9A-F](?:=[89AB][0-9A-F]){1,2})|=20(?:\s|$)|=\n")
CELL = re.compile(r"_x000[0-9A-F]_")
SLASHED = re.compile(r"[.!?:]\s?/n(?=/n|\s?[A-Z]|$)|/n/n")
BYTES = re.compile(r"""b(['"]).+\1""", re.S)
LINKS = re.compile(r"https?://\S+")
TEX = re.compile(
    r"\\(?:frac|alpha|beta|nabla|neq?|nu|times|theta|text|begin|sum|int|left|cdot)\b|\$"
)


def literal_escapes(text: str) -> str | None:
    if CELL.search(text) if "_x000" in text else False:
        return "the escapes of a spreadsheet"
    if "\\" in text and written_out(text):
        return "escapes that were written out"
    if "%" in text and PERCENT.search(LINKS.sub(" ", text)):
        return "the escapes of a link"
    if "=" in text and len(PRINTABLE.findall(without_code(text))) > 1:
        return "the escapes of an e-mail"
    if "/n" in text and SLASHED.search(text):
        return "escapes that were written out"
    if text[:2] in ("b'", 'b"') and BYTES.fullmatch(text):
        return "bytes as Python shows them"
    return None


def written_out(text: str) -> bool:
    prose = without_quotations(without_code(text))
    if "\\" not in prose and not text.startswith(('"', "'")):
        return len(ESCAPED.findall(without_code(text))) > 3
    if TEX.search(prose):
        return False
    return any(pattern.search(prose) for pattern in (BROKEN, CODED, ESCAPED))


SIGNS = {"n": "\n", "r": "\n", "t": "\t", '"': '"', "'": "'", "/": "/"}
WITHIN = re.compile(r"[^\W\d_]\\(?:'[^\W\d_]|u[0-9a-fA-F]{4})")
ESCAPE = re.compile(r"\\r\\n|\\u[0-9a-fA-F]{4}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|\\[nrt\"'/]")


def unescaped(text: str) -> str:
    """The characters that escapes stand for, where a text has no code whose own they could be."""
    if "\\" not in text or "`" in text or not written_out(text):
        return text
    if len(ESCAPE.findall(text)) < 2 and not WITHIN.search(text):
        return text  # it may be what the text is about
    return ESCAPE.sub(sign, text)


def sign(match: re.Match[str]) -> str:
    escape = match[0]
    if escape.startswith("\\u"):
        units = [int(code, 16) for code in escape.split("\\u")[1:]]
        raw = b"".join(unit.to_bytes(2, "big") for unit in units)
        return raw.decode("utf-16-be", errors="replace")
    return "\n" if escape == "\\r\\n" else SIGNS[escape[1]]


# --- lost characters ------------------------------------------------------------------------------

# Characters that an encoding had no place for.

REPLACED = re.compile(
    "[\ufffd\ufffc\ue000-\uf8ff\u25a1\u25af]|\u00ef\u00bf\u00bd|\u951f\u65a4|&#65533;"
)
# A question mark within a word, where its left or right side is a single letter, or an English
# ending: M?nchen, don?t. Several of them: caf?s, na?ve.
QUESTIONED = re.compile(
    r"(?<![\w/?=&.(\\])[^\W\d_]\?{1,2}[a-zà-ÿ]{2,}|(?<![a-zà-ÿ])[a-zà-ÿ]{2,30}+\?(?:t|s|re|ll|ve|d|m)(?![\w?=&:)])"
)
INSIDE = re.compile(r"\?[^\W\d_]")  # a quick look
QUESTION_WITHIN = re.compile(r"(?<![/?=&.(\\\w])[^\W\d_]{1,20}\?{1,2}[a-zà-ÿ]{1,20}(?![\w=&:(])")
ALONE = re.compile(r"(?<!\S)\?{2,}(?=[ .,!]+\?{2,}|[ ]\w)")


def lost_characters(text: str) -> str | None:
    if not text.isascii() and REPLACED.search(text):
        return "signs that stand for lost characters"
    if "?" not in text:
        return None
    if "&#65533;" in text or ("??" in text and ALONE.search(text)):
        return "question marks for lost characters"
    if not INSIDE.search(text):
        return None
    text = without_code(text)
    if QUESTIONED.search(text) or len(QUESTION_WITHIN.findall(text)) > 1:
        return "question marks within words"
    return None


# --- unicode form ---------------------------------------------------------------------------------

# Letters that are not the plain ones that they look like.

UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
WIDE = re.compile(r"[\uff01-\uff5e]+")  # ASCII as wide as a Chinese character
LIGATURES = re.compile(r"[\ufb00-\ufb06]")
# Letters and digits out of mathematics or circles, by which people write "bold" or "fancy" text.
FANCY = re.compile(r"[\U0001d400-\U0001d7ff\u24b6-\u24e9\U0001f110-\U0001f169]+")
STACKED = regex.compile(r"\p{Latin}\p{Mn}{3,}")  # more marks on one letter than any language has
BESIDE = re.compile(r"[^\W\d_][\u00a8\u02c6\u02dc\u00b8][^\W\d_]")  # u¨ for ü, out of a PDF


def unicode(text: str) -> str | None:
    if text.isascii():
        return None
    if not unicodedata.is_normalized("NFC", text):
        return "accents apart from their letters"
    if LIGATURES.search(text):
        return "ligatures"
    if WIDE.search(text) and not UNSPACED.search(text):
        return "letters of full width"
    if len(FANCY.findall(text)) > 2 or any(len(run) > 2 for run in FANCY.findall(text)):
        return "letters out of mathematics"
    if STACKED.search(text) or BESIDE.search(text):
        return "accents that belong to no letter"
    return None


def narrowed(text: str) -> str:
    """Composed accents, and plain letters for ligatures and for those of full width."""
    if text.isascii():
        return text
    text = LIGATURES.sub(plain, unicodedata.normalize("NFC", text))
    if WIDE.search(text) and not UNSPACED.search(text):
        text = WIDE.sub(plain, text)
    fancy = FANCY.findall(text)
    return FANCY.sub(plain, text) if any(len(run) > 2 for run in fancy) else text


def plain(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


# --- shouting -------------------------------------------------------------------------------------

# Text in capitals that is no name and no code.

CAPITALS = re.compile(r"[^a-zà-ÿ\n`]{32,}")  # a stretch without a small letter
SHORT = re.compile(r"[A-ZÀ-ÞА-ЯΑ-Ω]{3}")  # a quick look
WORD = re.compile(r"(?<!\w)[^\W\d_]['’]?[^\W\d_]+(?!\w)")
LEAST = 5  # words
SQL = re.compile(r"\b(?:SELECT|DELETE)\b[^.]{1,200}\bFROM\b|\bINSERT INTO\b|\bCREATE TABLE\b")


def shouting(row: Row) -> str | None:
    for text in (row.completion_text, row.prompt_text):
        if shouted(text):
            return "written in capitals"
    return None


def shouted(text: str) -> bool:
    if not SHORT.search(text):
        return False
    if text.isupper() and text.isascii() and len(WORD.findall(text)) > 2 and len(text) < 200:
        return not SQL.search(text) and letters(text) > 0.6
    if text.islower() or not CAPITALS.search(text):
        return False
    return any(loud(match[0]) for match in CAPITALS.finditer(without_code(text)))


def loud(text: str) -> bool:
    words = [word for word in WORD.findall(text) if word.isupper()]
    return len(words) >= LEAST and letters(text) > 0.6 and not SQL.search(text)


def letters(text: str) -> float:
    """The share of letters among all but blanks."""
    solid = "".join(text.split())
    return sum(map(str.isalpha, solid)) / max(len(solid), 1)
