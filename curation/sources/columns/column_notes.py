"""What the owner of a table should know of its columns, whether they are read or not."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from curation.sources.columns.column_words import Reading
from curation.sources.columns.profiles.column_profile import ColumnProfile
from curation.sources.columns.slices_and_groups import says_split
from project.untrusted_input import one_line

SAME, SAME_LEAST = 0.1, 10  # of the answers, and in number, that are one and the same
SHOWN = 60  # characters of one
TAG = re.compile(r"</?(?:p|br|div|span|a|ul|ol|li|b|i|strong|em|table|tr|td|h\d)\b[^<>]*>", re.I)
MARKED = 0.2  # of the answers that have tags
ASKED = ("question", "instruction", "context", "chat")


def column_notes(columns: Sequence[ColumnProfile], reading: Reading) -> list[str]:
    answers = (c for c in columns if c.name == reading.columns.completion)
    others = [column_note(c, reading) for c in columns if c.name != reading.columns.completion]
    return [*chain.from_iterable(map(answer_notes, answers)), *filter(None, others)]


def column_note(column: ColumnProfile, reading: Reading) -> str | None:
    if says_split(column) and column.distinct > 1:
        values = ", ".join(sorted(column.counts))
        return f"`{column.name}` ({values}): the project splits by itself; its values are not used"
    if column.role == "system" and column.distinct > 1:
        return (
            f"`{column.name}` holds {column.distinct:,} system prompts, which are not read:"
            " --system TEXT gives all rows one"
        )
    unread = column.name not in (*reading.columns.prompt, reading.columns.messages)
    if unread and column.kind in ("lists", "objects") and column.says.text_role in ASKED:
        return f"`{column.name}` holds {column.kind}, which are not read with the prompt"
    return None


def answer_notes(column: ColumnProfile) -> Iterator[str]:
    if (empty := column.rows - column.filled) > 0.05 * column.rows:
        yield f"`{column.name}` is empty in {empty:,} of {column.rows:,} rows"
    if column.role == "label":
        names = f"one of {column.distinct} classes"
        yield f"`{column.name}` is taken for the answer: rows teach to name {names}"
        return
    text, count = column.most_common
    if count > SAME * column.filled and count >= SAME_LEAST:
        yield f'{count:,} of {column.filled:,} answers are "{one_line(text)[:SHOWN]}"'
    there = [bool(TAG.search(text)) for text in column.texts if text]
    if sum(there) > MARKED * len(there):
        yield f"`{column.name}` holds HTML: its tags are learnt with the answers"
