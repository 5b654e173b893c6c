"""An answer that says the same again and again."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from project.records.data import Row

WORD = re.compile(r"\w+")
HEAD = 6_000  # characters that are looked at, of the beginning and of the end
PERIOD = 40  # words of what is repeated, at most
PIECES, PIECE = 10, 24  # that are looked for; characters of each
AGAIN = 3  # times
LEAST = 8  # words that a loop takes
# A few letters that follow themselves without a blank, such as hahaha.
LETTERS = re.compile(r"(?<!\w)\w{0,12}?([^\W\d_]{1,4}?)\1{9,}")
SINGS = re.compile(r"song|lyric|poem|rhyme|chorus|repeat|rap\b|chant|歌|诗", re.I)


def loop(row: Row) -> str | None:
    text = row.completion_text
    text = text if len(text) <= 2 * HEAD else f"{text[:HEAD]} {text[-HEAD:]}"
    if not doubtful(text) or SINGS.search(row.prompt_text):
        return None
    words = WORD.findall(text.lower())
    if len(words) < len(text) / 14 and not text.isascii():
        words = [c for c in text if c.isalpha()]  # a script without blanks
    if said_twice(words) or runs(words) or any(len(w) > 19 and LETTERS.match(w) for w in words):
        return "the answer repeats itself"
    return "the answer says a sentence again and again" if same_sentences(text) else None


def doubtful(text: str) -> bool:
    """A quick look: whether a piece of the text stands there thrice, or both ends twice."""
    size = PIECE if text.isascii() else PIECE // 3
    if len(text) < 4 * size:
        return True
    if text.count(text[:size]) > 1 and text.count(text[-size:]) > 1:
        return True
    step = max(size // 2, len(text) // PIECES)
    return any(text.count(text[at : at + size]) > 2 for at in range(0, len(text) - size, step))


def said_twice(words: Sequence[str]) -> bool:
    half = len(words) // 2
    return half >= LEAST and list(words[:half]) == list(words[-half:])


def runs(words: Sequence[str]) -> bool:
    """Whether a few words follow themselves several times, and take a part of the text."""
    for period in range(1, min(PERIOD, len(words) // AGAIN) + 1):
        length = longest_run(words, period)
        covered = length + period
        if covered >= AGAIN * period and covered >= least(period) and covered >= 0.15 * len(words):
            return worded(words, period)
    return False


def least(period: int) -> int:
    """One word is said thrice by anybody: no, no, no."""
    return 5 if period == 1 else LEAST


def longest_run(words: Sequence[str], period: int) -> int:
    best = run = 0
    for first, again in zip(words, words[period:], strict=False):
        if first != again or first.isdigit():
            run = 0
        elif (run := run + 1) > best:
            best = run
    return best


def worded(words: Sequence[str], period: int) -> bool:
    """Whether words repeat, and not the letters of a formula or of a laugh."""
    repeated = {a for a, b in zip(words, words[period:], strict=False) if a == b}
    return any(len(word) > 2 or not word.isascii() for word in repeated)


def same_sentences(text: str) -> bool:
    """One sentence thrice, or the same two in a row, of some words."""
    parts = [" ".join(WORD.findall(p.casefold())) for p in re.split(r"[.!?。！？]\s*|\n+", text)]
    parts = [
        part for part in parts if part.count(" ") > 2 or (not part.isascii() and len(part) > 7)
    ]
    if not parts:
        return False
    times = Counter(parts).most_common(1)[0][1]
    doubled = any(a == b and a.count(" ") > 4 for a, b in pairwise(parts))
    return doubled or (times >= AGAIN and times >= 0.3 * len(parts))
