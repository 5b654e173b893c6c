"""Transcripts as their programs write them, with each turn on a line that says who speaks."""

import html
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from curation.sources.chats.chat_markers import NAMES, NUMBER, TIME


class Line(NamedTuple):
    number: int  # in the file, from 1
    text: str


CLOCK = r"[\[(]?\d+:\d\d(?::\d\d)?(?:[.,]\d+)?(?:[ ]?[ap]\.?m\.?)?[\])]?"
CUE = re.compile(r"\s*(?:\d+:)?\d+:\d\d[.,]\d{3}\s*(?:-->|,)\s*(?:\d+:)?\d+:\d\d[.,]\d{3}.*")
VOICE = re.compile(r"<v(?:\.[^ >]*)? ++([^>]+)>")  # who speaks, in WebVTT
TAG = re.compile(r"</?[a-z](?:[. ][^>]*)?>|<\d[\d:.]*>")
# `Agent 0:05` on a line of its own, its words below, as meeting programs export it.
ABOVE = re.compile(
    rf"[ \t]*(?:{CLOCK}[ \t]+(?P<late>{NAMES})|(?P<early>{NAMES})[ \t,|–-]+{CLOCK})[ \t]*", re.I
)
# `Sarah (Agent): …` and `Agent (Sarah): …`.
NAMED = re.compile(
    rf"[ \t]*{TIME}(?:[^\W\d][^\n():]{{0,40}}\((?P<late>{NAMES})\)|(?P<early>{NAMES})[ ]?"
    rf"\([^\W\d][^\n():]{{0,40}}\))[ \t]*{NUMBER}[:：]",
    re.I,
)
SPOKEN = re.compile(r"([^\W\d][^\n:<>]{0,40}): *(.*)")


def transcript_lines(text: str) -> list[Line]:
    """The lines of a transcript, those of captions joined to turns."""
    lines = [Line(number, line) for number, line in enumerate(text.split("\n"), start=1)]
    if any(CUE.fullmatch(line.text) for line in lines):
        return list(turns_of_captions(lines))
    return [Line(line.number, plain_mark(line.text)) for line in lines]


def plain_mark(line: str) -> str:
    """A line whose mark says no more than who speaks."""
    if found := ABOVE.fullmatch(line) or NAMED.match(line):
        return f"{found['late'] or found['early']}: {line[found.end() :].lstrip()}"
    return line


def turns_of_captions(lines: Iterable[Line]) -> Iterator[Line]:
    """What is said in WebVTT or SubRip; what one side says in one go is one line."""
    speaker, said, begin = "", list[str](), 0
    for line in spoken_lines(lines):
        found = SPOKEN.fullmatch(line.text)
        if found and found[1] != speaker:
            if said:
                yield Line(begin, " ".join(said))
            speaker, said, begin = found[1], [line.text], line.number
        else:
            begin = begin or line.number
            said.append(found[2] if found else line.text)
    if said:
        yield Line(begin, " ".join(said))


def spoken_lines(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines below the times of captions, without tags."""
    is_said = False
    for line in lines:
        if CUE.fullmatch(line.text):
            is_said = True
        elif not line.text.strip():
            is_said = False
        elif is_said and (text := without_tags(line.text)):
            yield Line(line.number, text)


def without_tags(text: str) -> str:
    named = VOICE.sub(lambda found: f"{found[1].strip()}: ", text)
    return " ".join(html.unescape(TAG.sub("", named)).split())
