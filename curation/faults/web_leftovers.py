"""What a web page leaves behind in a text that was copied from it."""

import re

from curation.faults.looks import near
from curation.faults.page_words import (
    BARS,
    LINKS,
    MIDST,
    NAVIGATION,
    PHRASES,
    SUBJECTS,
    SURE_LINKS,
)
from curation.faults.prose import holds
from project.records.data import Row

AROUND = (
    r"[\s\[(_>»→]{0,6}(?:",
    r")[\s\])_.…:!?>»→›]{0,6}",
)  # and no bullet: a list of buttons has some
LINK = re.compile(LINKS.join(AROUND))
SURE_LINK = re.compile(SURE_LINKS.join(AROUND))
PHRASE = re.compile(PHRASES)
SUBJECT = re.compile(SUBJECTS)
END = re.compile(r"(?<=[.!?。！？…)\"”»|·•])\s*")
SPLIT = re.compile(r"[|·•›»>/,]|\s{2,}|\s-\s")
WORD = re.compile(r"\w+")
ENTER = re.compile(r"\b(?:log|sign) (in|out|up)\b")
BAR = ("|", "·", "•", "›", "»", " > ", " / ", "Facebook", "Twitter", "Log", "Menu", "ookies")
LONGEST = 60  # characters of a link's own words
LONGEST_BEHIND = 200  # and of what stands behind the end of a sentence: more is no link


def web_leftovers(row: Row) -> str | None:
    """In the answer; and in a prompt that is no such words alone."""
    prompt, answer = row.prompt_text, row.completion_text
    if left_over(answer) and not SUBJECT.search(prompt.lower()):
        return "words of a web page in the answer"
    if prompt.count(" ") > 4 and left_over(prompt) and not SUBJECT.search(rest(prompt)):
        return "words of a web page in the prompt"
    return None


def left_over(text: str) -> bool:
    if PHRASE.search(near(text, MIDST)):
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    if any(LINK.fullmatch(part) for part in ends(lines)):
        return True
    return bool(BARS.at(text)) and any(map(is_bar, lines))


def ends(lines: list[str]) -> list[str]:
    """What may be a link's words, in lower case: short lines, and how the text begins and ends."""
    short = [line for line in lines if len(line) <= LONGEST] if len(lines) > 1 else []
    if lines:
        first, *_ = END.split(lines[0][:LONGEST], maxsplit=1)
        *_, last = END.split(lines[-1].rstrip(" .…»>→")[-LONGEST:])
        short += [part for part, line in ((first, lines[0]), (last, lines[-1])) if part != line]
    return [part.strip().lower() for part in short if part.strip().count(" ") < 6]


def is_bar(line: str) -> bool:
    """Whether a line, or its end, consists of the words by which one finds one's way on a site."""
    if not holds(line, BAR):
        return False
    parts = [part.strip() for part in SPLIT.split(line) if part.strip()]
    named = sum(map(navigates, parts))
    if len(parts) > 2 and (named > max(2, 0.6 * len(parts)) or crumbs(line, parts)):
        return True
    tail = words_of(line)[-6:]
    known = sum(word in NAVIGATION for word in tail)
    return len(tail) > 3 and known >= len(tail) - 1 and line.rstrip()[-1] not in ".?!"


def words_of(text: str) -> list[str]:
    return WORD.findall(ENTER.sub(r"log\1", text.lower()))


def crumbs(line: str, parts: list[str]) -> bool:
    """Home > Tutorials > Arrays."""
    path = any(line.count(sign) > 1 for sign in (" > ", " » ", " › ", " / ", " | ", " :: "))
    short = all(part.count(" ") < 4 for part in parts)
    return path and short and navigates(parts[0])


def navigates(part: str) -> bool:
    words = words_of(part)
    return 0 < len(words) < 5 and sum(word in NAVIGATION for word in words) >= 0.7 * len(words)


def rest(text: str) -> str:
    return PHRASE.sub(" ", text.lower())


def without_leftovers(text: str) -> str:
    """Less the lines at the beginning and the end that are nothing but a page's own words, and less
    such words behind the last sentence.
    """
    lines = text.split("\n")
    while len(lines) > 1 and only_leftover(lines[-1]):
        lines.pop()
    while len(lines) > 1 and only_leftover(lines[0]):
        lines.pop(0)
    body, last = parted(lines[-1])
    if last and SURE_LINK.fullmatch(last.strip().lower()):
        lines[-1] = body
    return "\n".join(lines)


def parted(line: str) -> tuple[str, str]:
    """A line, and what stands behind the end of its last sentence."""
    length = len(bare := line.rstrip(" .…»>→"))
    ends = END.finditer(bare, max(0, length - LONGEST_BEHIND))
    inside = [found.end() for found in ends if found.end() < length]
    return (line[: inside[-1]].rstrip(), line[inside[-1] :]) if inside else (line, "")


def only_leftover(line: str) -> bool:
    text = line.strip().lower()
    if not text:
        return True
    return len(text) < 120 and (SURE_LINK.fullmatch(text) is not None or is_bar(line))
