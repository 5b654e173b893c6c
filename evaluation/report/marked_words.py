"""Two texts with what differs marked, every blank and line end kept."""

from collections.abc import Sequence

import regex

from evaluation.report.report_data import Words, differing
from project.unicode_words import UNSPACED

# A character of a script without blanks, or a word with the blanks behind it.
PIECE = regex.compile(rf"[{UNSPACED}]|(?:[^\s{UNSPACED}]+\s*|\s+)", regex.V1)
MOST = 3_000  # pieces of a text: time grows with their square


def marked(a: str, b: str) -> tuple[Words, Words]:
    """Both texts in pieces that together are the text, each marked where the other lacks it.

    Long texts are compared by lines, and not at all where there are too many of these.
    """
    parts = [pieces(a), pieces(b)]
    if max(map(len, parts)) > MOST:
        parts = [text.splitlines(keepends=True) for text in (a, b)]
    if max(map(len, parts)) > MOST:
        return ((a, False),), ((b, False),)
    bare = [[part.rstrip() for part in some] for some in parts]
    ours, theirs = differing(*bare)
    return joined(parts[0], ours), joined(parts[1], theirs)


def pieces(text: str) -> list[str]:
    found: list[str] = PIECE.findall(text)
    return found


def joined(parts: Sequence[str], marks: Words) -> Words:
    """Neighbours that are marked alike as one piece: fewer of them for a reader's program."""
    found: list[tuple[str, bool]] = []
    for part, (_, new) in zip(parts, marks, strict=True):
        if found and found[-1][1] == new:
            found[-1] = (found[-1][0] + part, new)
        else:
            found.append((part, new))
    return tuple(found)
