"""Users who send a large share of a day's rows, found in a sample of the rows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from project.records.traffic import Traffic

SAMPLED = 4_000  # rows: a share of a fifth is known within 2 %, three standard errors
SHOWN = 40  # rows of each user


@dataclass(frozen=True)
class HeavyUser:
    name: str
    share: float  # of the sampled rows, which are all rows of a day that has no more
    rows: list[Traffic]  # some of the user's


class HeavyUsers:
    """The rows with the smallest hashes (a bottom-k sketch: Cohen & Kaplan 2007, PODC).

    Which they are depends on ids and the key alone, so the samples of parts of a day merge into the
    day's, in any order. Rows without a user count for nobody.
    """

    def __init__(self, key: bytes = b"") -> None:
        self.key = key  # of the hashes
        self.rows: dict[int, Traffic] = {}
        self.bound = 1 << 64  # hashes from here on are not kept

    def update(self, rows: Iterable[Traffic]) -> None:
        for row in rows:
            place = keyed_hash(row.id, self.key)
            if place < self.bound:
                self.rows[place] = row
        self.prune()

    def merge(self, other: "HeavyUsers") -> None:
        """Take in a sample of other rows with the same key."""
        self.bound = min(self.bound, other.bound)
        self.rows |= other.rows
        self.prune()

    def above(self, share: float) -> list[HeavyUser]:
        """The users with more than such a share of the rows, the heaviest first."""
        own: dict[str, list[Traffic]] = defaultdict(list)
        for _, row in sorted(self.rows.items()):
            if row.user:
                own[row.user].append(row)
        found = (HeavyUser(n, len(rows) / len(self.rows), rows[:SHOWN]) for n, rows in own.items())
        return sorted((u for u in found if u.share > share), key=lambda u: (-u.share, u.name))

    # --- one level down -------------------------------------------------------------------------

    def prune(self) -> None:
        if len(self.rows) > SAMPLED:
            kept = sorted(self.rows)[:SAMPLED]
            self.rows = {place: self.rows[place] for place in kept}
            self.bound = kept[-1] + 1


def keyed_hash(name: str, key: bytes) -> int:
    """A number from 0 to 2⁶⁴ that orders names in a way that says nothing of them."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8, key=key).digest(), "big")
