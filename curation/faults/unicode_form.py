"""Letters that are not the plain ones that they look like."""

import re
import unicodedata

import regex

from curation.faults.prose import in_either
from project.records.data import Row

UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
WIDE = re.compile(r"[\uff01-\uff5e]+")  # ASCII as wide as a Chinese character
LIGATURES = re.compile(r"[\ufb00-\ufb06]")
# Letters and digits out of mathematics or circles, by which people write "bold" or "fancy" text.
FANCY = re.compile(r"[\U0001d400-\U0001d7ff\u24b6-\u24e9\U0001f110-\U0001f169]+")
STACKED = regex.compile(r"\p{Latin}\p{Mn}{3,}")  # more marks on one letter than any language has
BESIDE = re.compile(r"[^\W\d_][\u00a8\u02c6\u02dc\u00b8][^\W\d_]")  # u¨ for ü, out of a PDF


def unicode(row: Row) -> str | None:
    return in_either(row, unicode_of)


def unicode_of(text: str) -> str | None:
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


def plain(found: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", found[0])
