"""Of each column of a table, in plain words, what it is taken for or why it is not read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.curation_settings import Columns
from curation.sources.columns.profiles.column_profile import ColumnProfile
from curation.sources.columns.slices_and_groups import says_split
from curation.sources.columns.wanted import Taken, Wanted
from project.records.data import counted
from project.untrusted_input import one_line

COULD_BE_SLICE = "could be a slice (--slice)"
COULD_BE_GROUP = "could be the group (--group)"
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
    constant: Mapping[str, Taken]  # columns with one text in all rows
    could_be_slices: Sequence[str] = ()
    could_be_groups: Sequence[str] = ()


def taken_for(column: ColumnProfile, reading: Reading) -> Taken:
    if used := use_of(column, reading):
        return Taken(used, one_line(reason(column, used, reading.given)))
    if constant := reading.constant.get(column.name):
        return constant
    return Taken(None, one_line(why_unread(column, reading)))


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
        return "as named, learnt as JSON" if reads_json(column, used) else "as named"
    if used == "slice":
        return counted(column.distinct, "value")
    if used == "group":
        return f"{column.distinct:,} values; rows of one stay together"
    if used == "messages":
        return "conversations"
    said = ["its name"] if says(column, used) else []
    if used == "prompt" and column.questions >= 0.5:
        said.append("its questions")
    if used == "completion" and column.role == "label":
        return f"one of {column.distinct} classes"
    return f"by {' and '.join(said) or 'its texts'}"


def reads_json(column: ColumnProfile, used: str) -> bool:
    return used == "completion" and column.is_json


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
        return f"{column.kind}; {COULD_BE_GROUP}"
    if name in reading.could_be_slices:
        return COULD_BE_SLICE
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
        return "texts beside the conversations"
    return "other texts"
