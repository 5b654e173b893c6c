"""The encoding that a text is likely in, for a message: nothing is read by it unasked."""

import re
import unicodedata

# In the order in which the first of several that fit as well is named.
CANDIDATES = {
    "shift_jis": "shift_jis",
    "euc_jp": "euc-jp",
    "euc_kr": "euc-kr",
    "cp1251": "windows-1251",
    "koi8_r": "koi8-r",
    "cp1250": "windows-1250",
    "cp1252": "windows-1252",
    "cp1253": "windows-1253",
    "cp1254": "windows-1254",
    "cp1255": "windows-1255",
    "cp1256": "windows-1256",
    "cp866": "cp866",
    "mac_roman": "macintosh",
    "big5": "big5",
    "gb18030": "gb18030",
}
LOOKED_AT = 20_000  # bytes of lines that are not ASCII
ENOUGH = 0.8
WORD = re.compile(r"[^\W\d_]+")
KANA = ("HIRAGANA", "KATAKANA")
# Scripts of which a good share of a text is, in encodings whose bytes pass for any others.
SCRIPTS = {"shift_jis": KANA, "euc_jp": KANA, "euc_kr": ("HANGUL",)}
SCRIPT_SHARE = 0.3  # of the characters beyond ASCII at least


def likely_encoding(data: bytes) -> str | None:
    """The name of the encoding in which the words look like words; None where none does."""
    foreign = foreign_lines(data)
    scores = {name: score(foreign, codec) for codec, name in CANDIDATES.items()}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] >= ENOUGH else None


def foreign_lines(data: bytes) -> bytes:
    found, size = [], 0
    for line in data.split(b"\n"):
        if not line.isascii():
            found.append(line[:LOOKED_AT])
            size += len(line)
        if size > LOOKED_AT:
            break
    return b"\n".join(found)


def score(data: bytes, codec: str) -> float:
    """The share of its characters beyond ASCII that stand in words of one script and case."""
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return 0
    foreign = sum(not c.isascii() for c in text)
    scripts = SCRIPTS.get(codec)
    if scripts and sum(script(c) in scripts for c in text) < SCRIPT_SHARE * foreign:
        return 0
    return sum(map(foreign_in_word, WORD.findall(text))) / max(foreign, 1)


def foreign_in_word(word: str) -> int:
    """How many characters beyond ASCII a word has; none where it looks like no word."""
    scripts = {script(c) for c in word} - {*KANA, "CJK"}
    in_order = word.upper() == word.lower() or word.isupper() or (word[1:] or word).islower()
    return sum(not c.isascii() for c in word) if len(scripts) < 2 and in_order else 0


def script(character: str) -> str:
    """The first word of its name, such as CYRILLIC."""
    return unicodedata.name(character, "?").split()[0]
