"""A random choice of users, and their rows, out of a stream of any length in bounded memory."""

from collections.abc import Iterable
from hashlib import blake2b
from heapq import nsmallest
from typing import TypeVar

from registry.records import Traffic

V = TypeVar("V")

ROWS_OF_ONE = 50  # rows kept of a user at most: more would not change a mean much


class Sample:
    """The users with the smallest hashes (a bottom-k sketch: Cohen & Kaplan 2007, PODC).

    Which users they are depends on their names and the seed alone, so samples of parts of a stream
    merge into the sample of the whole, in any order. A row without a user is a user of its own.
    """

    def __init__(self, limit: int, seed: int = 0) -> None:
        self.limit = limit
        self.seed = seed
        self.rows = 0  # seen, whether kept or not
        self.users: dict[str, dict[str, Traffic]] = {}  # rows by id
        self.bound = 1 << 64  # hashes from here on are not kept

    def update(self, rows: Iterable[Traffic]) -> None:
        for row in rows:
            self.rows += 1
            user = row.user or f"\0{row.id}"
            if user in self.users or self.hash(user) < self.bound:
                own = self.users.setdefault(user, {})
                own[row.id] = row
                if len(own) > 2 * ROWS_OF_ONE:
                    self.users[user] = self.fewest(own, ROWS_OF_ONE)
        if len(self.users) > 2 * self.limit:
            self.prune()

    def merge(self, other: "Sample") -> None:
        """Take in a sample of other rows with the same limit and seed."""
        assert (self.limit, self.seed) == (other.limit, other.seed), "samples of one kind merge"
        self.rows += other.rows
        self.bound = min(self.bound, other.bound)
        for user, rows in other.users.items():
            self.users[user] = self.users.get(user, {}) | rows
        self.prune()

    def finish(self) -> list[Traffic]:
        """The kept users' rows, in the order of user and id."""
        self.prune()
        return [
            row
            for user in sorted(self.users)
            for _, row in sorted(self.fewest(self.users[user], ROWS_OF_ONE).items())
        ]

    def prune(self) -> None:
        self.users = self.fewest(self.users, self.limit)
        if len(self.users) == self.limit:
            self.bound = min(self.bound, 1 + max(map(self.hash, self.users)))
        kept = {user for user in self.users if self.hash(user) < self.bound}
        self.users = {user: self.users[user] for user in sorted(kept)}

    def fewest(self, values: dict[str, V], limit: int) -> dict[str, V]:
        if len(values) <= limit:
            return values
        return {key: values[key] for key in nsmallest(limit, values, key=self.hash)}

    def hash(self, name: str) -> int:
        digest = blake2b(name.encode(), digest_size=8, key=self.seed.to_bytes(8, "big")).digest()
        return int.from_bytes(digest, "big")
