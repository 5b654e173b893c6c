"""One row of each user of a day, of users chosen at random, in bounded memory."""

from collections.abc import Collection

from monitoring.traffic.day_tally import Tally
from monitoring.traffic.heavy_users import HeavyUsers, keyed_hash
from monitoring.traffic.voices import voice_of, voices_of
from project.records.traffic import Traffic


class UserSample:
    """The users with the smallest hashes (a bottom-k sketch: Cohen & Kaplan 2007, PODC), and of
    each user's rows the one with the smallest hash.

    Which they are depends on names and the seed alone, so samples of parts of a stream merge into
    the sample of the whole, in any order. A row without a user is the voice of its client and
    minute, and at the end one of its template; a user is another one on another day.
    """

    def __init__(self, limit: int, seed: int = 0) -> None:
        self.limit = limit
        self.key = seed.to_bytes(8, "big")
        self.tally = Tally()  # of every row, whether kept or not
        self.heavy = HeavyUsers(self.key)  # likewise
        self.users: dict[int, tuple[int, Traffic]] = {}  # hash -> the row's hash, and the row
        self.bound = 1 << 64  # hashes from here on are not kept

    def update(self, rows: Collection[Traffic]) -> None:
        self.tally.update(rows)
        self.heavy.update(rows)
        for row in rows:
            user = self.hash(f"{row.at[:10]}\0{row.user}" if row.user else voice_of(row))
            if user < self.bound:
                self.keep(user, (self.hash(row.id), row))
        self.prune()

    def merge(self, other: "UserSample") -> None:
        """Take in a sample of other rows with the same limit and seed."""
        assert (self.limit, self.key) == (other.limit, other.key), "samples of one kind merge"
        self.tally.merge(other.tally)
        self.heavy.merge(other.heavy)
        self.bound = min(self.bound, other.bound)
        for user, row in other.users.items():
            self.keep(user, row)
        self.prune()

    def finish(self) -> list[Traffic]:
        """The chosen rows, by the users' hashes: in an order that says nothing.

        A template is heard by many of its rows' minutes: it stays where its own hash is small too,
        or a sample of many days would have more of it than a night has.
        """
        rows = [row for _, (_, row) in sorted(self.users.items())]
        chosen: dict[tuple[str, str], Traffic] = {}
        for row, voice in zip(rows, voices_of(rows), strict=True):
            if row.user or voice == voice_of(row) or self.hash(voice) < self.bound:
                chosen.setdefault((row.at[:10], voice), row)
        return list(chosen.values())

    def keep(self, user: int, row: tuple[int, Traffic]) -> None:
        known = self.users.get(user)
        if known is None or row[0] < known[0]:
            self.users[user] = row

    def prune(self) -> None:
        if len(self.users) > self.limit:
            kept = sorted(self.users)[: self.limit]  # nearly in order: quicker than a heap
            self.users = {user: self.users[user] for user in kept}
            self.bound = kept[-1] + 1

    def hash(self, name: str) -> int:
        return keyed_hash(name, self.key)
