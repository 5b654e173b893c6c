"""Of each column of a table, in plain words, what it is taken for or why it is not read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import NamedTuple

from curation.curation_settings import Columns
from curation.sources.columns.choices import COMPARED
from curation.sources.columns.column_profile import ColumnProfile
from curation.sources.table_rows import NamedColumns
from curation.sources.tool_turns import BESIDE, SYSTEM
from project.records.data import counted
from project.untrusted_input import one_line, shortened

COULD_BE_SLICE = "could be a slice (--slice)"
COULD_BE_GROUP = "could be the group (--group)"


class Taken(NamedTuple):
    """What a column is taken for."""

    use: str | None  # such as "prompt"; None: it is not read
    why: str

    def __str__(self) -> str:
        return f"{self.use or 'not read'}: {self.why}"


@dataclass(frozen=True)
class Guess:
    """Columns by the names that the first table has for them."""

    columns: Columns
    taken: dict[str, Taken]  # of each column
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnReading:
    """What was found of a table's columns."""

    columns: Columns
    given: NamedColumns
    constant: Mapping[str, Taken]  # columns with one text in all rows
    could_be_slices: Sequence[str] = ()
    could_be_groups: Sequence[str] = ()


def taken_for(column: ColumnProfile, reading: ColumnReading) -> Taken:
    read = reading.columns
    uses: dict[str | None, str] = {
        read.completion: "completion",
        read.messages: "messages",
        read.group: "group",
        read.answerable: "answerable",
        **dict.fromkeys(read.evidence, "evidence"),
        **dict.fromkeys(read.slices, "slice"),
        **dict.fromkeys(read.prompt, "prompt"),
    }
    if read.tools == "keep" and column.name in (*BESIDE, SYSTEM):
        return Taken(column.name, "what the conversations begin with, or may call")
    if (column.name, column.kind) == ("scenario", "objects"):
        return Taken(column.name, "conversations to be had: items for evaluation alone")
    if used := uses.get(column.name):
        return Taken(used, one_line(reason(column, used, reading.given)))
    if constant := reading.constant.get(column.name):
        return constant
    return Taken(None, one_line(why_unread(column, reading)))


STANDS_ON = {
    "evidence": "what the answers stand on",
    "answerable": "whether the evidence holds an answer",
}


def reason(column: ColumnProfile, used: str, given: NamedColumns) -> str:
    if used in STANDS_ON:
        return STANDS_ON[used]
    if column.name in given.columns:
        as_json = used == "completion" and column.is_json
        return "as named, learnt as JSON" if as_json else "as named"
    if used == "slice":
        return counted(column.distinct, "value")
    if used == "group":
        return f"{column.distinct:,} values; rows of one stay together"
    if used == "messages":
        return "conversations"
    clues = ["its name"] if says(column, used) else []
    if used == "prompt" and column.questions >= 0.5:
        clues.append("its questions")
    if used == "completion" and column.role == "label":
        return f"one of {column.distinct} classes"
    return f"by {' and '.join(clues) or 'its texts'}"


def says(column: ColumnProfile, used: str) -> bool:
    asked = ("question", "instruction", "user", "context", "title", "body")
    told = ("answer", "assistant", "aside", "label")
    return column.role in (asked if used == "prompt" else told)


def why_unread(column: ColumnProfile, reading: ColumnReading) -> str:
    name = column.name
    if column.plain:
        return f"`{column.plain}` with marks of HTML"
    if says_split(column):
        return "says what is for training and what for tests"
    if name in reading.could_be_groups:
        return f"{column.kind}; {COULD_BE_GROUP}"
    if name in reading.could_be_slices:
        return COULD_BE_SLICE
    if column.kind == "nothing":
        return "empty in all rows"
    if column.says.role == "chat" and column.no_chat and not column.is_text:
        return f"{column.kind}: {column.no_chat}"
    if column.is_text:
        return "one value" if column.distinct == 1 else "other texts"
    return column.kind


# --- column notes ---------------------------------------------------------------------------------

# What the owner of a table should know of its columns, whether they are read or not.

SAME, SAME_LEAST = 0.1, 10  # of the answers, and in number, that are one and the same
SHOWN = 60  # characters of one
ASKED = ("question", "instruction", "context", "chat")


def column_note(column: ColumnProfile, reading: ColumnReading) -> str | None:
    if says_split(column) and column.distinct > 1:
        values = ", ".join(sorted(column.counts))
        return f"`{column.name}` ({values}): the project splits by itself; its values are not used"
    if column.tells_the_better and reading.columns.completion:
        return f"`{column.name}` {COMPARED}"
    if column.name == SYSTEM and reading.columns.tools == "keep":
        return None
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
        yield f'{count:,} of {column.filled:,} answers are "{shortened(text, SHOWN)}"'


# --- slices and groups ----------------------------------------------------------------------------

# Which columns tell rows apart: by slices, by what belongs together, by somebody's own split.

MOST_SLICES = 3
LARGEST_GROUP = 0.2  # of the rows; a larger one leaves no even parts
PARTS = frozenset(
    {"train", "training", "test", "testing", "valid", "validation", "val", "dev", "eval"}
    | {"evaluation", "holdout", "heldout"}
)
FEW = 20  # numbers that may stand for classes, such as levels
CLASSES = ("label", "kind")
# Of what a name says that its rows belong together, the surest first.
TOGETHER = ("group", "chat", "context", "link", "question", "title", "user")
NAMED = ("group", "chat", "context", "link")  # whose names are enough, without an id


def slice_columns(columns: Sequence[ColumnProfile]) -> tuple[list[str], list[str]]:
    """Slices that are taken and those that could be; those whose name says so come first."""
    order = (*CLASSES, None)
    could = [c for c in columns if could_be_slice(c)]
    could.sort(key=lambda c: (order.index(c.role if c.role in CLASSES else None), -evenness(c)))
    taken = [c.name for c in could if is_fit(c)][:MOST_SLICES]
    return taken, [c.name for c in could if c.name not in taken]


def could_be_slice(column: ColumnProfile) -> bool:
    if not column.has_classes or says_split(column):
        return False
    if column.kind in ("numbers", "letters"):
        return column.distinct <= FEW and column.role in ("label", "kind", "score", None)
    return column.kind in ("texts", "true or false") and column.role in (*CLASSES, "body", None)


def is_fit(column: ColumnProfile) -> bool:
    """Half of the rows have a value, not nearly always the same one, and one that has a name."""
    named = column.kind == "texts" or (
        column.kind in ("numbers", "letters") and column.role == "kind"
    )
    most = column.most_common[1]
    return named and column.filled >= column.rows / 2 and most <= 0.95 * column.filled


def evenness(column: ColumnProfile) -> float:
    """The entropy of the values, as a share of what it is where each is as frequent."""
    shares = [count / column.filled for count in column.counts.values()]
    return -sum(share * log(share) for share in shares) / log(column.distinct)


def says_split(column: ColumnProfile) -> bool:
    """Whether the values are those of a split into training and test."""
    return column.distinct > 0 and {value.casefold() for value in column.counts} <= PARTS


def group_columns(columns: Sequence[ColumnProfile]) -> list[str]:
    """Columns whose name says that rows of one value belong together, and some do; surest first."""
    could = [c for c in columns if rank(c) is not None and comes_again(c)]
    return [c.name for c in sorted(could, key=lambda c: (rank(c), -c.distinct))]


def rank(column: ColumnProfile) -> int | None:
    """How sure the name is; a customer or a question has to be an id. None for no group."""
    roles = column.says.roles
    if column.role in (*CLASSES, "count", "date", "score", "author") or "author" in roles:
        return None
    for place, role in enumerate(TOGETHER):
        if role in roles and ("id" in roles or role in NAMED):
            return place
    return None


def comes_again(column: ColumnProfile) -> bool:
    """Ids or short names, some of which stand in several rows, and none in very many."""
    single = column.kind in ("ids", "numbers", "links", "e-mail addresses", "texts", "letters")
    again = 1 < column.distinct < column.filled
    small = column.characters <= 200 and column.words <= 12
    largest = column.most_common[1]
    return single and again and small and largest <= max(2, LARGEST_GROUP * column.rows)
