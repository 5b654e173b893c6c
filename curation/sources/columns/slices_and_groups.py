"""Which columns tell rows apart: by slices, by what belongs together, by somebody's own split."""

from collections import Counter
from collections.abc import Sequence
from math import log

from curation.sources.columns.profiles.column_profile import ColumnProfile, values_of
from curation.sources.tables.table import Table
from project.near_duplicates import linked, to_first

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
    could.sort(key=lambda c: (order.index(c.role if says_class(c) else None), -evenness(c)))
    taken = [c.name for c in could if is_fit(c)][:MOST_SLICES]
    return taken, [c.name for c in could if c.name not in taken]


def could_be_slice(column: ColumnProfile) -> bool:
    if not column.has_classes or says_split(column):
        return False
    if column.kind in ("numbers", "letters"):
        return column.distinct <= FEW and column.role in ("label", "kind", "score", None)
    return column.kind in ("texts", "true or false") and column.role in (*CLASSES, "body", None)


def says_class(column: ColumnProfile) -> bool:
    return column.role in CLASSES


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


def leaves_even_parts(tables: Sequence[Table], group: str, prompt: Sequence[str]) -> bool:
    """Whether rows of one group or of one prompt, and so on, do not hang together in a large part:
    who answers everybody's questions is no group of rows.
    """
    values = [values_of(tables, name) for name in prompt]
    together = [str(value) if value else i for i, value in enumerate(values_of(tables, group))]
    asked: list[object] = [str(texts) for texts in zip(*values, strict=True)]
    asked = asked or list(range(len(together)))
    sizes = Counter(linked(len(together), [to_first(together), to_first(asked)])).values()
    return max(sizes) <= max(2, LARGEST_GROUP * len(together))


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
