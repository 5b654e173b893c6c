"""Of each column of a table, in plain words, what it is taken for or why it is not read."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.curation_settings import Columns
from curation.sources.columns.profiles.column_profile import ColumnProfile
from curation.sources.columns.slices_and_groups import says_split
from curation.sources.columns.wanted import Wanted

JUDGED: dict[str | None, str] = {
    "chosen": "the better of two answers",
    "rejected": "the worse of two answers",
}


@dataclass(frozen=True)
class Reading:
    """What was found of a table's columns."""

    columns: Columns
    given: Wanted
    made: Mapping[str, str]  # columns made of others, with what they are
    constant: Mapping[str, str]  # columns with one text in all rows, with what it is taken for
    could_be_slices: Sequence[str] = ()
    could_be_groups: Sequence[str] = ()


def column_words(column: ColumnProfile, reading: Reading) -> str:
    used = use_of(column, reading)
    if used:
        return f"{used}: {reason(column, used, reading.given)}"
    if taken_for := reading.constant.get(column.name):
        return taken_for
    return f"not read: {why_unread(column, reading)}"


def use_of(column: ColumnProfile, reading: Reading) -> str | None:
    columns, name = reading.columns, column.name
    if name in columns.prompt:
        return "prompt"
    if name in columns.slices:
        return "slice"
    one = {columns.completion: "completion", columns.messages: "messages", columns.group: "group"}
    return one.get(name)


def reason(column: ColumnProfile, used: str, given: Wanted) -> str:
    if column.name in given.columns:
        return "as named"
    if used == "slice":
        return f"{column.distinct} values"
    if used == "group":
        return f"{column.distinct:,} values, and rows with the same one belong together"
    if used == "messages":
        return "conversations"
    said = ["the name"] if says(column, used) else []
    if used == "prompt" and column.questions >= 0.5:
        said.append("questions")
    if used == "completion" and column.role == "label":
        said.append(f"{column.distinct} classes")
    return ", and ".join(said) or "the texts"


def says(column: ColumnProfile, used: str) -> bool:
    asked = ("question", "instruction", "user", "context", "title", "body")
    told = ("answer", "assistant", "aside", "label")
    return column.role in (asked if used == "prompt" else told)


def why_unread(column: ColumnProfile, reading: Reading) -> str:
    name = column.name
    if column.role in JUDGED:
        return JUDGED[column.role]
    if name in reading.made:
        return reading.made[name]
    if says_split(column):
        return "says what is for training and what for tests"
    if name in reading.could_be_groups:
        return f"{column.kind}; could be the group: --group {shlex.quote(name)}"
    if name in reading.could_be_slices:
        return f"could be a slice: --slice {shlex.quote(name)}"
    if column.kind != "texts":
        return unread_kind(column)
    return unread_text(column, reading)


def unread_kind(column: ColumnProfile) -> str:
    if column.kind == "nothing":
        return "empty in all rows"
    if column.says.role == "chat" and column.no_chat:
        return f"{column.kind}: {column.no_chat}"
    return column.kind


def unread_text(column: ColumnProfile, reading: Reading) -> str:
    if column.distinct == 1:
        return "one value"
    if column.role == "author":
        return "names of people"
    if column.role == "system":
        return f"{column.distinct:,} system prompts"
    if reading.columns.messages:
        return "a text beside the conversations"
    return "a text that is neither asked nor answered"
