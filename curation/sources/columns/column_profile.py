"""What the values of a column look like, over all tables."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any, Literal

from curation.faults.missing_answers import is_more_than_placeholder
from curation.faults.web_leftovers import unmarked
from curation.sources.chat_shapes import conversation
from curation.sources.columns.column_name import NO_TEXT, NameSays, Role, read_names
from curation.sources.row_formats import parsed
from curation.sources.table_rows import as_text
from curation.sources.tables.json_nesting import are_spans
from curation.sources.tables.table import Table, plain_name
from curation.sources.turns import pairs
from project.unicode_words import words

# --- value kinds ----------------------------------------------------------------------------------

# What a value is: a text that somebody wrote, or a number, a date, a link and the like.

Kind = Literal[
    "texts",
    "conversations",
    "letters",  # the key of a multiple choice
    "true or false",
    "numbers",
    "dates",
    "links",
    "e-mail addresses",
    "ids",
    "lists",
    "objects",
    "nothing",
]

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\s?(?:[ap]m)?(?:Z|[+-]\d{2}:?\d{2})?"
DAY = "|".join(
    [
        r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?",
        r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}",
        rf"{MONTH} \d{{1,2}},? \d{{4}}",
        rf"\d{{1,2}}\.? {MONTH} \d{{4}}",
    ]
)
# Of a whole text; the first that fits.
SHAPES: list[tuple[Kind, re.Pattern[str]]] = [
    ("true or false", re.compile(r"true|false", re.I)),
    ("letters", re.compile(r"\(?[A-Za-z]\)?\.?(?:\s?[,;|/]\s?[A-Za-z])*")),
    (
        "dates",
        re.compile(rf"(?:[a-z]{{3,9}},? )?(?:{DAY})(?:[T ,]+{CLOCK}.{{0,6}})?|{CLOCK}", re.I),
    ),
    (
        "numbers",
        re.compile(r"[-+~(]?\s?[$€£¥]?\s?\d[\d.,' ]*(?:/\s?\d+)?\s?(?:[%$€£¥kKmM]|\w{1,3})?"),
    ),
    ("numbers", re.compile(r"\+?[\d\s().-]{5,20}")),
    ("links", re.compile(r"(?:https?|ftp|s3|file)://\S+|www\.\S+", re.I)),
    ("e-mail addresses", re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.I)),
    ("ids", re.compile(r"(?=[^\s]*\d)[A-Za-z0-9_.:#/-]{2,80}|[0-9a-f]{16,}", re.I | re.A)),
    ("objects", re.compile(r"\{\s*['\"][\s\S]*\}")),
    ("lists", re.compile(r"\[\s*['\"{\d][\s\S]*\]")),
]


def kind_of(value: object) -> Kind:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "numbers"
    if isinstance(value, list):
        return "lists"
    if isinstance(value, dict):
        return "objects"
    text = str(value).strip()
    for kind, shape in SHAPES:
        if shape.fullmatch(text):
            return kind
    return "texts"


QUESTION = re.compile(
    r"[?？؟՞፧\u037e]|[吗嗎呢か]\s*[。.]?$|[\u0370-\u03ff];"
    r"|^(?:how|what|why|when|where|who|which|can|could|is|are|do|does|should|will)\b",
    re.I,
)


def asks(text: str) -> bool:
    """Whether a text holds a question, by its mark or by how it begins or ends."""
    return bool(QUESTION.search(text.strip()))


# --- column profile -------------------------------------------------------------------------------

SAMPLE = 1_000  # rows that are looked at closely, evenly over all
CHATS = 60  # of them, those that are tried as conversations
MOSTLY = 0.8
NEARLY = 0.9  # of the words of two texts
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
    plain: str | None = None  # the column that has its texts without marks of HTML

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

    @cached_property
    def has_spans(self) -> bool:
        """Whether its values are marks on a text, and not what a model could answer."""
        there = [parsed(v) for v, text in zip(self.sample, self.texts, strict=True) if text]
        return self.kind == "lists" and sum(map(are_spans, there)) >= MOSTLY * len(there) > 0

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
    def tells_the_better(self) -> bool:
        """Whether it says which of two answers is better, and is not itself the better one."""
        told = self.has_classes or self.kind in ("numbers", "letters")
        return self.says.role == "chosen" and told

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
        if self.tells_the_better:
            return None
        asked = role in ("question", "instruction", "user", "title")
        if asked and self.has_classes and (self.words <= 3 or self.says.part == "title"):
            return "kind"
        return role


def profiles(tables: Sequence[Table]) -> tuple[ColumnProfile, ...]:
    """The columns that all tables have, by the names of the first table, in its order."""
    shared = set.intersection(*({plain_name(c) for c in table.columns} for table in tables))
    names = [name for name in tables[0].columns if plain_name(name) in shared]
    says = read_names(names)
    columns = [profile(name, says[name], values_of(tables, name)) for name in names]
    return tuple(replace(column, plain=plain_column(column, columns)) for column in columns)


def plain_column(column: ColumnProfile, others: Sequence[ColumnProfile]) -> str | None:
    """The name of the column that has its texts, of most rows, without marks of HTML."""
    plain = [unmarked(text) for text in column.texts if column.is_text]
    places = [at for at, text in enumerate(plain) if text != column.texts[at]]
    if not places or len(places) < MOSTLY * len(column.lengths):
        return None
    for other in others:
        if other is column:
            continue
        both = [(set(words(plain[at])), set(words(other.texts[at]))) for at in places]
        same = [len(bare & its) >= NEARLY * len(bare | its) for bare, its in both]
        if sum(same) >= MOSTLY * len(same):
            return other.name
    return None


def values_of(tables: Sequence[Table], name: str) -> list[Any]:
    """The values of a column in all rows, under whichever name a table has it."""
    owns = [(table, own_name(table.columns, name)) for table in tables]
    return [row.fields.get(column) for table, column in owns for row in table.rows]


def own_name(columns: Sequence[str], name: str) -> str:
    alike = [name] if name in columns else [c for c in columns if plain_name(c) == plain_name(name)]
    return alike[0]


def profile(name: str, says: NameSays, values: Sequence[Any]) -> ColumnProfile:
    step = max(1, -(-len(values) // SAMPLE))
    sample = tuple(values[::step])
    there = [value for value in sample if text_of(value)]
    # The share of conversations with an answer, and why the first that is none is not.
    reasons: list[str | None] = []
    for value in there[:: max(1, len(there) // CHATS)]:
        try:
            reasons.append(pairs(conversation(value), "last").why)
        except ValueError as error:
            reasons.append(str(error))
    chats = reasons.count(None) / len(reasons) if reasons else 0.0
    # The kind of nearly all values; texts where no kind is.
    kind, count = Counter(map(kind_of, there)).most_common(1)[0] if there else ("nothing", 0)
    if count < (0.5 if kind in ("lists", "objects") else MOSTLY) * len(there):
        kind = "texts"
    return ColumnProfile(
        name=name,
        says=says,
        rows=len(values),
        counts=Counter(text for value in values if (text := text_of(value))),
        sample=sample,
        kind="conversations" if chats >= 0.5 else kind,
        chats=chats,
        no_chat=next((reason for reason in reasons if reason), None),
    )


def text_of(value: Any) -> str:
    """A value as a text; empty where nothing is said, and "[…" for what holds others."""
    text = as_text(value)
    if text is None:
        return repr(value) if value else ""
    return text.strip() if is_more_than_placeholder(text) else ""
