"""Speaks of what the model cannot see: pictures, links, attachments, a text that is not there."""

import re

from curation.faults.looks import near
from curation.faults.prose import asked
from curation.faults.unseen_words import (
    ABROAD,
    ATTACHED,
    ELSEWHERE,
    FILES,
    LEFT,
    LETTER,
    LINK,
    LINKS,
    NAMED,
    OPENS,
    PICTURES,
    SAYS_SHOWN,
    SHOWN,
    SIGNS,
    TABLE,
    TEXTS,
)
from project.records.data import Row


def unseen(row: Row) -> str | None:
    prompt, answer = asked(row), row.completion_text
    if any(LEFT.search(near(text, SIGNS, 50)) for text in (prompt, answer)):
        return "a mark where something was left out"
    if any(map(LINKS.found_in, (prompt, answer))) and (why := only_link(prompt, answer)):
        return why
    if any(ELSEWHERE.search(near(text, ABROAD, 30)) for text in (prompt, answer)):
        return "speaks of a picture or an attachment"
    return spoken_of(row, prompt, answer)


def spoken_of(row: Row, prompt: str, answer: str) -> str | None:
    if SHOWN.search(near(prompt, PICTURES, 40)):
        return "asks about a picture"
    if ATTACHED.search(near(prompt, FILES, 40)):
        return "asks about an attachment"
    if len(row.prompt) == 1 and names_nothing(prompt):
        return "asks about a text that is not there"
    if SAYS_SHOWN.search(near(answer, PICTURES, 40)):
        return "the answer speaks of a picture"
    if ATTACHED.search(near(answer, FILES, 40)) and not LETTER.search(prompt):
        return "the answer speaks of an attachment"
    return None


def only_link(prompt: str, answer: str) -> str | None:
    """A link that is all of the answer or nearly so, or that the prompt wants to have opened."""
    if LINK.search(answer) and letters(LINK.sub("", answer)) < 25:
        return "the answer is a link"
    if LINK.search(prompt):
        rest = LINK.sub(" ", prompt)
        if letters(rest) < 8 or (OPENS.search(prompt) and len(rest) < 300):
            return "asks about what is behind a link"
    return None


def letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def names_nothing(prompt: str) -> bool:
    """Whether the prompt speaks of a text and is hardly more than the sentence that does."""
    if len(prompt) > 240 or not TEXTS.found_in(prompt):
        return False
    found = NAMED.search(prompt) or TABLE.search(prompt)
    if found is None or '"' in prompt or "“" in prompt or "'" in prompt[found.end() :]:
        return False
    rest = prompt[found.end() :]
    behind = re.split(r"[:.?!]\s|\n", rest, maxsplit=1)[1:]
    before = re.split(r"[:.?!\n]", prompt[: found.start()])[:-1]
    stated = ":" in rest.strip().rstrip(":")
    return not stated and solid("".join(behind)) < 3 and solid("".join(before)) < 20


def solid(text: str) -> int:
    return sum(map(str.isalnum, text))
