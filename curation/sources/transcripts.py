"""Transcripts of conversations, one or several a file, as rows."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from curation.curation_settings import Columns
from curation.sources.chat_shapes import RoleNames, text_with_roles
from curation.sources.documents.passages import read_text_of
from curation.sources.row_formats import Read
from curation.sources.table_rows import name_of, rows_of_record
from curation.sources.tables.table import TableRow
from curation.sources.tables.unpacked_file import files_in
from curation.sources.turns import NAMES, NUMBER, SPEAKERS, TIME, marked_turns
from project.errors import InputError

# --- transcript lines -----------------------------------------------------------------------------


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
    # A line whose mark says more than who speaks loses the rest of it.
    marked = ((line, ABOVE.fullmatch(line.text) or NAMED.match(line.text)) for line in lines)
    return [
        Line(line.number, f"{mark['late'] or mark['early']}: {line.text[mark.end() :].lstrip()}")
        if mark
        else line
        for line, mark in marked
    ]


def turns_of_captions(lines: Iterable[Line]) -> Iterator[Line]:
    """What is said in WebVTT or SubRip; what one side says in one go is one line."""
    speaker, spoken, begin = "", list[str](), 0
    for line in spoken_lines(lines):
        match = SPOKEN.fullmatch(line.text)
        if match and match[1] != speaker:
            if spoken:
                yield Line(begin, " ".join(spoken))
            speaker, spoken, begin = match[1], [line.text], line.number
        else:
            begin = begin or line.number
            spoken.append(match[2] if match else line.text)
    if spoken:
        yield Line(begin, " ".join(spoken))


def spoken_lines(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines below the times of captions, without tags."""
    is_said = False
    for line in lines:
        if CUE.fullmatch(line.text):
            is_said = True
        elif not line.text.strip():
            is_said = False
        elif is_said:
            named = VOICE.sub(lambda match: f"{match[1].strip()}: ", line.text)
            if text := " ".join(html.unescape(TAG.sub("", named)).split()):
                yield Line(line.number, text)


# --- transcripts ----------------------------------------------------------------------------------

NO_ROLES: RoleNames = MappingProxyType({})
COLUMN = "transcript"  # by which a conversation is read, as if a table held it
ENDINGS = ("", ".txt", ".text", ".vtt", ".srt", ".sbv")
# What stands between two conversations: a rule, or a header with a number or an id.
DIVIDER = re.compile(
    r"\s*([-=*_#~])(?:[ ]?\1){2,}\s*"
    r"|[\W_]*(?:conversation|transcript|call|chat|session|dialog(?:ue)?|ticket|case|gespräch)"
    r"(?:[ ]*(?:id|no|nr|number))?[ .:#№]*[\w-]*\d[\w-]*(?:[ ]*[:.–—-][ ]*[^\n]*)?[\W_]*",
    re.I,
)
WORDS = "|".join(sorted({re.escape(w) for roles in SPEAKERS for w in roles}, key=len, reverse=True))
MARK = re.compile(
    rf"[^\w\n]*+(?:[\d:. /apmAPM,-]*[\])] ?|[\d:.]+ )?\W*(?:{WORDS})\b[^\n:：]*[:：]", re.I
)


def read_transcripts(
    path: Path,
    columns: Columns | None = None,
    *,
    encoding: str | None = None,
    roles: RoleNames = NO_ROLES,
) -> Iterator[Read]:
    """Rows of every conversation of a file, or of a folder's files in the order of their names.

    A file's conversations are told apart by rules, by headers such as "Conversation 12", or by
    blank lines where each part has a question and an answer; else it is one. Of the columns, what
    is said of conversations holds; `roles` are those of names that are none. Raises InputError.
    """
    asked = as_asked(columns)
    for file in transcripts_in(path):
        text = text_with_roles(read_text_of(file, encoding), roles)
        for lines in conversations(transcript_lines(text)):
            record = TableRow(lines[0].number, {COLUMN: text_of(lines)})
            yield from rows_of_record(record, asked, name_of(file))


def as_asked(columns: Columns | None) -> Columns:
    if columns is None:
        return Columns(messages=COLUMN)
    lone = {"prompt": (), "completion": None, "slices": (), "group": None}
    return columns.model_copy(update={"messages": COLUMN, **lone})


def is_transcript(file: Path, encoding: str | None = None) -> bool:
    """Whether all that a text file holds is conversations, each from its first line on. Raises
    InputError.
    """
    chats = conversations(transcript_lines(read_text_of(file, encoding)))
    begins = [next(line.text for line in chat if line.text.strip()) for chat in chats]
    return bool(chats) and all(map(MARK.match, begins)) and all(map(is_whole, chats))


def transcripts_in(path: Path) -> list[Path]:
    files = files_in(path)
    transcripts = [file for file in files if file == path or file.suffix.casefold() in ENDINGS]
    if not transcripts:
        raise InputError("is a folder without transcripts (.txt, .vtt or .srt)", file=path)
    return transcripts


def conversations(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of each conversation; there may be none, and none is without a line."""
    divided = parts(lines, lambda line: bool(DIVIDER.fullmatch(line.text)))
    if len(divided) > 1:
        return divided
    for blanks in (2, 1):
        finer = parts(lines, between_blanks(lines, blanks))
        if len(finer) > 1 and all(map(is_whole, finer)):
            return finer
    return divided


def parts(lines: Sequence[Line], divides: Callable[[Line], bool]) -> list[list[Line]]:
    runs = [list(run) for divider, run in groupby(lines, key=divides) if not divider]
    return [run for run in runs if any(line.text.strip() for line in run)]


def between_blanks(lines: Sequence[Line], blanks: int) -> Callable[[Line], bool]:
    """What tells the lines of runs of so many blank ones."""
    blank_numbers: set[int] = set()
    for blank, run in groupby(lines, key=lambda line: not line.text.strip()):
        numbers = [line.number for line in run]
        if blank and len(numbers) >= blanks:
            blank_numbers.update(numbers)
    return lambda line: line.number in blank_numbers


def is_whole(lines: Sequence[Line]) -> bool:
    """Whether somebody asks and somebody answers in them."""
    try:
        roles = {message.role for message in marked_turns(text_of(lines))}
    except ValueError:
        return False
    return {"user", "assistant"} <= roles


def text_of(lines: Sequence[Line]) -> str:
    """Their text from the first turn on: what stands before it is about the conversation."""
    first = next((i for i, line in enumerate(lines) if MARK.match(line.text)), 0)
    return "\n".join(line.text for line in lines[first:]).strip()
