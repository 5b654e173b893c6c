"""Characters that an encoding had no place for."""

import re

from curation.faults.prose import in_either, without_code
from project.records.data import Row

REPLACED = re.compile(
    "[\ufffd\ufffc\ue000-\uf8ff\u25a1\u25af]|\u00ef\u00bf\u00bd|\u951f\u65a4|&#65533;"
)
# A question mark within a word, where its left or right side is a single letter, or an English
# ending: M?nchen, don?t. Several of them: caf?s, na?ve.
QUESTIONED = re.compile(
    r"(?<![\w/?=&.(\\])[^\W\d_]\?{1,2}[a-zà-ÿ]{2,}|(?<![a-zà-ÿ])[a-zà-ÿ]{2,30}+\?(?:t|s|re|ll|ve|d|m)(?![\w?=&:)])"
)
INSIDE = re.compile(r"\?[^\W\d_]")  # a quick look
WITHIN = re.compile(r"(?<![/?=&.(\\\w])[^\W\d_]{1,20}\?{1,2}[a-zà-ÿ]{1,20}(?![\w=&:(])")
ALONE = re.compile(r"(?<!\S)\?{2,}(?=[ .,!]+\?{2,}|[ ]\w)")


def lost_characters(row: Row) -> str | None:
    return in_either(row, lost_of)


def lost_of(text: str) -> str | None:
    if not text.isascii() and REPLACED.search(text):
        return "signs that stand for lost characters"
    if "?" not in text:
        return None
    if "&#65533;" in text or ("??" in text and ALONE.search(text)):
        return "question marks for lost characters"
    if not INSIDE.search(text):
        return None
    text = without_code(text)
    if QUESTIONED.search(text) or len(WITHIN.findall(text)) > 1:
        return "question marks within words"
    return None
