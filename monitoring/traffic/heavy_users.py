"""Users who send a large share of a day's rows, found in bounded memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import nsmallest

from project.records.traffic import Traffic

COUNTED = 20  # users at a time: whoever sent more than 1 in 21 of the rows is among them
SHOWN = 40  # rows of each, chosen by their hashes


@dataclass
class HeavyUser:
    """A count of a user's rows, too low by 1 in 21 of all rows at the most, and some of them."""

    count: int = 0
    rows: dict[int, Traffic] = field(default_factory=dict)  # by their hashes

    def add(self, other: "HeavyUser") -> None:
        self.count += other.count
        rows = self.rows | other.rows
        self.rows = {key: rows[key] for key in nsmallest(SHOWN, rows)}


class HeavyUsers:
    """Counts of the heaviest users, those of parts of a day merging into the day's.

    The frequent items of Misra & Gries 1982, merged as Agarwal et al. 2012 ("Mergeable summaries")
    do. Rows without a user count for nobody.
    """

    def __init__(self, key: bytes = b"") -> None:
        self.key = key  # of the hashes by which rows are chosen
        self.users: dict[str, HeavyUser] = {}
        self.total = 0  # rows, of whomever

    def update(self, rows: Iterable[Traffic]) -> None:
        for row in rows:
            self.total += 1
            if row.user:
                self.count(row.user, row)

    def merge(self, other: "HeavyUsers") -> None:
        """Take in the counts of other rows with the same key."""
        self.total += other.total
        for name, user in other.users.items():
            self.users.setdefault(name, HeavyUser()).add(user)
        if len(self.users) > COUNTED:
            counts = sorted((user.count for user in self.users.values()), reverse=True)
            self.lower(counts[COUNTED])

    def above(self, share: float) -> list[tuple[str, HeavyUser]]:
        """The users with more than such a share of the rows, the heaviest first."""
        ordered = sorted(self.users.items(), key=lambda pair: (-pair[1].count, pair[0]))
        return [(name, user) for name, user in ordered if user.count > share * self.total]

    # --- one level down -------------------------------------------------------------------------

    def count(self, name: str, row: Traffic) -> None:
        if name not in self.users and len(self.users) == COUNTED:
            return self.lower(1)
        user = self.users.setdefault(name, HeavyUser())
        user.count += 1
        user.rows[keyed_hash(row.id, self.key)] = row
        if len(user.rows) > SHOWN:
            del user.rows[max(user.rows)]
        return None

    def lower(self, by: int) -> None:
        """Take so much from every count, and forget whom nothing is left of."""
        for user in self.users.values():
            user.count -= by
        self.users = {name: user for name, user in self.users.items() if user.count > 0}


def keyed_hash(name: str, key: bytes) -> int:
    """A number from 0 to 2⁶⁴ that orders names in a way that says nothing of them."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8, key=key).digest(), "big")
