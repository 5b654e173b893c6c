"""Rows that a model wrote, in training: only what a person accepted, and no more than a share."""

from collections import deque
from collections.abc import Collection, Iterable

from project.records.data import Row

# Why a row is in no part; each reads well behind a number.
UNACCEPTED = "that a model wrote and nobody accepted"
SYNTHETIC_WAITS = "that wait: synthetic_share allows no more that a model wrote"


def unaccepted(rows: Iterable[Row], accepted: Collection[str]) -> dict[str, str]:
    """By id, the rows that a model wrote and that are in no source of accepted rows."""
    return {r.id: UNACCEPTED for r in rows if r.synthetic and r.source not in accepted}


def people_first(rows: Iterable[Row]) -> list[Row]:
    """The rows of people, then those of models, each in their order: who waits is a model's row."""
    return sorted(rows, key=lambda row: row.synthetic is not None)


def within_share(rows: Iterable[Row], share: float) -> list[Row]:
    """The rows, those of models being at most this share of every beginning; the rest waits.

    Of every beginning, because training may take the first rows alone. A row of a model that comes
    too early comes behind the next rows of people; the others keep their order.
    """
    found: list[Row] = []
    waiting: deque[Row] = deque()
    written = 0
    for row in rows:
        (waiting if row.synthetic else found).append(row)
        while waiting and written + 1 <= share * (len(found) + 1) + 1e-9:  # 0.2 * 5 may be below 1
            found.append(waiting.popleft())
            written += 1
    return found
