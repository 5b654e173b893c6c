"""Characters that nobody sees: controls, and those without a width."""

import re

import regex

from curation.faults.prose import holds, in_either
from project.records.data import Row

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]")
ANSI = re.compile(
    r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])"
)
BREAKS = str.maketrans(dict.fromkeys("\x0b\x0c\x85\u2028\u2029", "\n"))


def control_characters(row: Row) -> str | None:
    return in_either(row, lambda text: "control characters" if has_controls(text) else None)


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


def invisible_characters(row: Row) -> str | None:
    return in_either(row, lambda text: "characters without a width" if has_unseen(text) else None)


def has_unseen(text: str) -> bool:
    return without_unseen(text) != text


def without_unseen(text: str) -> str:
    if text.isascii() or (printable(text) and not holds(text, PRINTED)):
        return text
    text = JOINING.sub(" ", INVISIBLE.sub("", text))
    return text if FROM_THE_RIGHT.search(text) else DIRECTIONS.sub("", text)
