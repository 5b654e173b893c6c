"""Text in windows-1252, and what tells it from other text whose bytes would pass for it."""

import re

UPPER = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŒŠŽŸ"
LOWER = "ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþœšžÿ"
# The letters beyond ASCII that each language is written with. All of a text's are of one of them,
# or nearly: in Czech or Turkish that was decoded by mistake, they are of several.
ALPHABETS = (
    "äöüßéà",  # German
    "àâæçéèêëîïôœùûüÿñ",  # French
    "áéíñóúüç",  # Spanish, Galician
    "áâãàçéêíóôõúü",  # Portuguese
    "àèéìíîòóùú",  # Italian
    "àçèéíïòóúü",  # Catalan
    "áéëèêïóöüúíçà",  # Dutch
    "åäöéàü",  # Swedish, Finnish
    "æøåéèêóòôöäü",  # Danish, Norwegian
    "áðéíóúýþæö",  # Icelandic
    "äöõüšž",  # Estonian
    "áéíóúàèìòù",  # Irish, Gaelic
)
OF_ONE_ALPHABET = 0.95  # of the letters beyond ASCII at least
# Below this share of all letters, those beyond ASCII are in names and words from anywhere.
FEW = 0.01
MOST_UNLIKELY = 0.02  # of the characters beyond ASCII

# What stands between two letters in a word or between two words; all else there is a letter of
# another alphabet, such as the ł of Polish, which is ³ in windows-1252.
BETWEEN = "’‘´·–—…\xa0\xad"
LETTERS = f"A-Za-z{UPPER}{LOWER}"
# What € is, and Š, š, ž, Œ, œ and Ÿ in a word, of ISO 8859-15, in windows-1252.
LATIN_9 = re.compile(f"¤|(?<=[{LETTERS}])[¦¨¸¼½¾](?=[{LETTERS}])")
UNLIKELY = re.compile(
    "[¨¯¸ˆ˜]"  # no keyboard's
    f"|[{UPPER}{LOWER}]{{3,}}"  # a word in Greek or Cyrillic
    f"|(?<=[a-z{LOWER}])[{UPPER}]"  # an apostrophe of Mac Roman
    f"|(?<=[{LETTERS}])[^\\x00-\\x7f{LETTERS}{BETWEEN}](?=[{LETTERS}])"
)

# UTF-8 of letters, punctuation or emoji: no two letters and signs stand so in windows-1252. Of
# other scripts it takes two characters, for a word that ends in ß or É before a quote is like one.
UTF8_IN_WESTERN = re.compile(
    rb"[\xc2-\xc5][\x80-\xbf]"
    rb"|\xe2[\x80-\x86][\x80-\xbf]"
    rb"|(?:[\xc6-\xdf][\x80-\xbf]){2}"
    rb"|(?:[\xe0-\xef][\x80-\xbf]{2}){2}"
    rb"|[\xf0-\xf4][\x80-\xbf]{3}"
)


def read_western(data: bytes) -> str | None:
    """The text, if all of it is windows-1252 and likely in a language of Western Europe."""
    try:
        text = data.decode("windows-1252")
    except UnicodeDecodeError:  # five bytes stand for nothing
        return None
    if LATIN_9.search(text):
        return None
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    unlikely = sum(len(found) for found in UNLIKELY.findall(text))
    return text if unlikely <= MOST_UNLIKELY * foreign and is_one_language(text) else None


def is_one_language(text: str) -> bool:
    """Whether its letters are of one alphabet; few letters can be in names from anywhere."""
    lower = text.lower()
    counts = {letter: lower.count(letter) for letter in LOWER}
    total = sum(counts.values())
    if total <= FEW * sum(map(lower.count, "abcdefghijklmnopqrstuvwxyz")):
        return True
    best = max(sum(counts[letter] for letter in alphabet) for alphabet in ALPHABETS)
    return best >= OF_ONE_ALPHABET * total
