"""Rows that are longer than the base is to read: left out, refused by the gate, or cut."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.cleaning.token_lengths import TokenLengths
from curation.curation_settings import TooLong
from project.records.data import Row


@dataclass(frozen=True)
class Fitted:
    """Rows as they are read on; by id, those that were cut, and those to be left out."""

    rows: list[Row]
    cut: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()


def fit(rows: Sequence[Row], lengths: TokenLengths, limit: int, policy: TooLong) -> Fitted:
    """What the policy makes of rows of more than `limit` tokens, prompt and answer together.

    With "refuse" all stay: the gate names them, all at once. Of several records of one row, all
    are treated alike.
    """
    counts = lengths.count(rows)
    long = {c.row for c in counts if c.prompt + c.completion > limit}
    if policy == "refuse":
        return Fitted(list(rows))
    if policy == "drop":
        return Fitted(list(rows), left_out=frozenset(long))
    cut = {row.id: lengths.cut(row, limit) for row in rows if row.id in long}
    return Fitted(
        [cut.get(row.id) or row for row in rows],
        cut=frozenset(name for name, row in cut.items() if row),
        left_out=frozenset(name for name, row in cut.items() if not row),
    )
