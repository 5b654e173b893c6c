"""What the values of a column look like, over all tables."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from curation.faults.placeholders import said
from curation.sources.chats.chat_shapes import conversation
from curation.sources.chats.turns import pairs
from curation.sources.columns.profiles.column_name import NO_TEXT, NameSays, read_names
from curation.sources.columns.profiles.name_words import Role
from curation.sources.columns.profiles.value_kinds import Kind, asks, kind_of
from curation.sources.table_rows import as_text
from curation.sources.tables.column_names import plain_name
from curation.sources.tables.table import Table
from project.unicode_words import words

SAMPLE = 1_000  # rows that are looked at closely, evenly over all
CHATS = 60  # of them, those that are tried as conversations
MOSTLY = 0.8
SHORT = 60  # characters: the name of a class, and no sentence
FEW = 5  # rows that say nothing by having one value
MOST_VALUES = 200  # of a slice


@dataclass(frozen=True)
class ColumnProfile:
    name: str
    says: NameSays
    rows: int
    counts: Counter[str]  # of every value that is not empty, as a text
    sample: tuple[Any, ...]  # values of the same rows for all columns
    kind: Kind
    chats: float  # the share of conversations
    no_chat: str | None  # why one that could be a conversation is none

    @property
    def filled(self) -> int:
        return self.counts.total()

    @property
    def distinct(self) -> int:
        return len(self.counts)

    @property
    def most_common(self) -> tuple[str, int]:
        return self.counts.most_common(1)[0] if self.counts else ("", 0)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The sample as texts; an empty one where nothing is said."""
        return tuple(text_of(value) for value in self.sample)

    @cached_property
    def lengths(self) -> list[int]:
        """The numbers of words of the texts that say something."""
        return [len(words(text)) for text in self.texts if text]

    @property
    def words(self) -> float:
        return median(self.lengths) if self.lengths else 0

    @property
    def characters(self) -> float:
        there = [len(text) for text in self.texts if text]
        return median(there) if there else 0

    @cached_property
    def questions(self) -> float:
        """The share of the texts that ask."""
        there = [asks(text) for text in self.texts if text]
        return sum(there) / len(there) if there else 0.0

    @property
    def is_text(self) -> bool:
        return self.kind == "texts"

    @property
    def is_json(self) -> bool:
        """Whether most values are objects or lists, and not texts of such."""
        return not self.is_text and any(isinstance(value, list | dict) for value in self.sample)

    @property
    def is_constant(self) -> bool:
        """One value, in nearly all rows."""
        return self.distinct == 1 and self.filled >= max(FEW, 0.95 * self.rows)

    @cached_property
    def has_classes(self) -> bool:
        """A few short values, most of which come again and again."""
        if not 2 <= self.distinct <= MOST_VALUES or self.filled < 2 * self.distinct:
            return False
        again = sum(count > 1 for count in self.counts.values())
        short = sum(count for value, count in self.counts.items() if len(value) <= SHORT)
        return again > self.distinct / 2 and short >= 0.9 * self.filled

    @property
    def role(self) -> Role | None:
        """What its name says, as far as its values bear it out."""
        role = self.says.role
        if role == "body" and "score" in self.says.roles:
            return "other"  # what somebody wrote beside a rating
        if role in NO_TEXT and self.is_text and not self.has_classes and self.words > 4:
            return self.says.text_role
        if role in ("user", "assistant") and not self.says.part and self.words <= 3:
            return "author"
        if role == "label" and self.is_text and not self.has_classes:
            return None
        if role == "chosen" and (self.has_classes or self.kind in ("numbers", "letters")):
            return None  # it says which of two is better, and is not itself the better one
        asked = role in ("question", "instruction", "user", "title")
        if asked and self.has_classes and (self.words <= 3 or self.says.part == "title"):
            return "kind"
        return role

    @property
    def example(self) -> str:
        """A value of middling length."""
        there = sorted((text for text in self.texts if text), key=len)
        return there[len(there) // 2] if there else ""


def profiles(tables: Sequence[Table]) -> tuple[ColumnProfile, ...]:
    """The columns that all tables have, by the names of the first table, in its order."""
    shared = set.intersection(*({plain_name(c) for c in table.columns} for table in tables))
    names = [name for name in tables[0].columns if plain_name(name) in shared]
    says = read_names(names)
    return tuple(profile(name, says[name], values_of(tables, name)) for name in names)


def values_of(tables: Sequence[Table], name: str) -> list[Any]:
    """The values of a column in all rows, under whichever name a table has it."""
    owns = [(table, own_name(table.columns, name)) for table in tables]
    return [row.fields.get(own) for table, own in owns for row in table.rows]


def own_name(columns: Sequence[str], name: str) -> str:
    alike = [name] if name in columns else [c for c in columns if plain_name(c) == plain_name(name)]
    return alike[0]


def profile(name: str, says: NameSays, values: Sequence[Any]) -> ColumnProfile:
    step = max(1, -(-len(values) // SAMPLE))
    sample = tuple(values[::step])
    there = [value for value in sample if text_of(value)]
    chats, no_chat = chat_share(there)
    return ColumnProfile(
        name=name,
        says=says,
        rows=len(values),
        counts=Counter(text for value in values if (text := text_of(value))),
        sample=sample,
        kind="conversations" if chats >= 0.5 else kind_of_all(there),
        chats=chats,
        no_chat=no_chat,
    )


def text_of(value: Any) -> str:
    """A value as a text; empty where nothing is said, and "[…" for what holds others."""
    text = as_text(value)
    if text is None:
        return repr(value) if value else ""
    return text.strip() if said(text) else ""


def kind_of_all(values: Sequence[Any]) -> Kind:
    """The kind of nearly all values; texts where no kind is."""
    if not values:
        return "nothing"
    kind, count = Counter(map(kind_of, values)).most_common(1)[0]
    needed = 0.5 if kind in ("lists", "objects") else MOSTLY
    return kind if count >= needed * len(values) else "texts"


def chat_share(values: Sequence[Any]) -> tuple[float, str | None]:
    """The share of conversations with an answer, and why the first that is none is not."""
    tried = values[:: max(1, len(values) // CHATS)]
    reasons = [why_no_chat(value) for value in tried]
    read = reasons.count(None)
    why = next((reason for reason in reasons if reason), None)
    return (read / len(tried) if tried else 0.0), why


def why_no_chat(value: Any) -> str | None:
    try:
        return pairs(conversation(value), "last").why
    except ValueError as error:
        return str(error)
