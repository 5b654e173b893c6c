"""Transcripts of conversations, one or several a file, as rows."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from curation.curation_settings import Columns
from curation.sources.chats.chat_markers import SPEAKERS, marked_turns
from curation.sources.chats.role_names import RoleNames, text_with_roles
from curation.sources.chats.transcript_lines import Line, transcript_lines
from curation.sources.documents.document_file import read_text_of
from curation.sources.reading import Read
from curation.sources.table_rows import name_of, rows_of_record
from curation.sources.tables.folder_files import files_in
from curation.sources.tables.table import TableRow
from project.errors import InputError

NO_ROLES: RoleNames = MappingProxyType({})
COLUMN = "transcript"  # by which a conversation is read, as if a table held it
ENDINGS = ("", ".txt", ".text", ".vtt", ".srt", ".sbv")
# What stands between two conversations: a rule, or a header with a number or an id.
RULE = re.compile(r"\s*([-=*_#~])(?:[ ]?\1){2,}\s*")
HEADER = re.compile(
    r"[\W_]*(?:conversation|transcript|call|chat|session|dialog(?:ue)?|ticket|case|gespräch)"
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
    found = conversations(transcript_lines(read_text_of(file, encoding)))
    return bool(found) and all(MARK.match(first_said(one)) and is_whole(one) for one in found)


def first_said(lines: Sequence[Line]) -> str:
    return next(line.text for line in lines if line.text.strip())


def transcripts_in(path: Path) -> list[Path]:
    files = files_in(path)
    found = [file for file in files if file == path or file.suffix.casefold() in ENDINGS]
    if not found:
        raise InputError("is a folder without transcripts (.txt, .vtt or .srt)", file=path)
    return found


def conversations(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines of each conversation; there may be none, and none is without a line."""
    divided = parts(lines, is_divider)
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


def is_divider(line: Line) -> bool:
    return bool(RULE.fullmatch(line.text) or HEADER.fullmatch(line.text))


def between_blanks(lines: Sequence[Line], blanks: int) -> Callable[[Line], bool]:
    """What tells the lines of runs of so many blank ones."""
    found: set[int] = set()
    for blank, run in groupby(lines, key=lambda line: not line.text.strip()):
        numbers = [line.number for line in run]
        if blank and len(numbers) >= blanks:
            found.update(numbers)
    return lambda line: line.number in found


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
