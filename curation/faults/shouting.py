"""Text in capitals that is no name and no code."""

import re

from curation.faults.prose import without_code
from project.records.data import Row

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
    return any(loud(found[0]) for found in CAPITALS.finditer(without_code(text)))


def loud(text: str) -> bool:
    words = [word for word in WORD.findall(text) if word.isupper()]
    return len(words) >= LEAST and letters(text) > 0.6 and not SQL.search(text)


def letters(text: str) -> float:
    """The share of letters among all but blanks."""
    solid = "".join(text.split())
    return sum(map(str.isalpha, solid)) / max(len(solid), 1)
