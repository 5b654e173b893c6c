"""An answer that stops in the middle of a sentence."""

import re

from curation.faults.prose import asked, is_code
from curation.faults.sentence_ends import (
    CHAT,
    CLOSING,
    ENDED,
    ENDINGS,
    GRADE,
    HANGING,
    HIMSELF,
    LAST,
    LEAST,
    LONG_ENOUGH,
    MARKED,
    MOST_ENDED,
    OPEN,
    OPENS,
    PARTICLE,
    SELDOM_LAST,
    SENTENCE,
    SIGNED,
    SMILE,
    UNSPACED,
    WORD,
)
from project.records.data import Row


def cut_off(row: Row) -> str | None:
    text = row.completion_text.rstrip()
    if MARKED.search(text[-60:]):
        return "the answer says that it was cut"
    if (len(text) < LEAST and not text.endswith((",", "("))) or SIGNED.search(text[-60:]):
        return None
    if text.endswith(":") and not text.endswith(("::", "(:")) and not is_code(text):
        return "ends before what it announces"
    if hangs(text):
        whole = is_code(text) and text[-1] not in ",([{=+&"
        return None if whole else MIDST
    if ENDED.search(text[-3:]):
        return "ends with words without their end" if trails_off(text) else None
    if CHAT.search(text):
        return None
    if ends_open(text) or within_word(row, text):
        return MIDST
    doubtful = may_end_open(text) or unended(text, asked(row))
    return MIDST if doubtful and not tells_of_himself(text) else None


MIDST = "ends in the middle of a sentence"


def hangs(text: str) -> bool:
    """Whether the last sign joins something, and is none of a link, a program, a grade, a smile."""
    return (
        HANGING.search(text[-40:]) is not None
        and "://" not in text[-200:].rsplit(None, 1)[-1]
        and not text.endswith(("**", "++", "--", "*/", "//", "---"))
        and not GRADE.search(text[-4:])
        and not SMILE.search(text[-4:])
    )


def last_word(text: str) -> str:
    found = LAST.search(text[-60:])
    return found[1].casefold().replace("’", "'") if found else ""


def ends_open(text: str) -> bool:
    """Whether the last word is one that no sentence ends with."""
    if UNSPACED.search(text):
        prose = len(text) > 20 and any(map(text.__contains__, "。，、"))
        return prose and PARTICLE.search(text) is not None
    return last_word(text) in OPEN - CLOSING and not ends_in_capitals(text)


def may_end_open(text: str) -> bool:
    """Whether the last word is one that few sentences end with, and the text is prose."""
    prose = text.count(" ") > 11 and "\n" not in text[-200:] and text[:1].isupper()
    return prose and last_word(text) in SELDOM_LAST and not ends_in_capitals(text)


def ends_in_capitals(text: str) -> bool:
    """A name, such as IT."""
    word = last_word(text)
    return len(word) > 1 and text[-len(word) :].isupper()


def trails_off(text: str) -> bool:
    """Three points behind a word that no sentence ends with."""
    return text.endswith(("...", "…")) and last_word(text.rstrip(".… ")) in OPEN - CLOSING


def within_word(row: Row, text: str) -> bool:
    """Whether the last word is the beginning of another word of the row, and stands there once."""
    word = last_word(text)
    if len(word) < 3 or word.endswith("s") or not word.isalpha():
        return False
    if text.count(" ") < 5:
        return False
    said = WORD.findall(f"{row.prompt_text} {text}".casefold())
    rests = (other[len(word) :] for other in said if other.startswith(word))
    return said.count(word) == 1 and any(
        rest[:2].isalpha() and len(rest) > 1 and rest not in ENDINGS for rest in rests
    )


def unended(text: str, asks: str) -> bool:
    """Prose whose last sentence has no end, where it begins as a sentence does.

    Of several lines the others must end as sentences do: a list has no points at all.
    """
    *before, line = text.split("\n")
    if len(line) < LONG_ENOUGH or line.count(" ") < 7 or not line[-1].islower() or is_code(text):
        return False
    ends = [bool(ENDED.search(other[-3:])) for other in before if len(other) > LONG_ENOUGH]
    begins = SENTENCE.search(line) is not None if before else True
    if asks.rstrip()[-1:].isalpha() or re.search(r"[./@#]", line.split()[-1]):
        return False  # who writes so sets no points, or the end is a link
    return line.lstrip(OPENS)[:1].isupper() and begins and all(ends)


def tells_of_himself(text: str) -> bool:
    """Whether somebody writes as he talks: of himself, and without many full stops."""
    return HIMSELF.search(text) is not None and len(SENTENCE.findall(text)) < MOST_ENDED
