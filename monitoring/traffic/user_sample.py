"""One row of each user of a day, of users chosen at random, in bounded memory."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from math import exp, log
from typing import Any

from monitoring.traffic.voices import outvoting, voice_of, voices_of
from project.records.traffic import DayTally, Outcome, Traffic

EVERY_HASH = 1 << 64


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
        self.bound = EVERY_HASH  # hashes from here on are not kept

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
        or a sample of many days would have more of it than a night has. Voices without a user are
        at most as many as users.
        """
        rows = [row for _, (_, row) in sorted(self.users.items())]
        chosen: dict[tuple[str, str], Traffic] = {}
        for row, voice in zip(rows, voices_of(rows), strict=True):
            if row.user or voice == voice_of(row) or self.hash(voice) < self.bound:
                chosen.setdefault((row.at[:10], voice), row)
        too_many = outvoting(list(chosen.values()), self.bound / EVERY_HASH)
        return [row for row in chosen.values() if row.id not in too_many]

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


# --- heavy users ----------------------------------------------------------------------------------

# Users who send a large share of a day's rows, found in a sample of the rows.

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
        self.bound = EVERY_HASH  # hashes from here on are not kept

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
        by_user: dict[str, list[Traffic]] = defaultdict(list)
        for _, row in sorted(self.rows.items()):
            if row.user:
                by_user[row.user].append(row)
        users = (
            HeavyUser(n, len(rows) / len(self.rows), rows[:SHOWN]) for n, rows in by_user.items()
        )
        return sorted((u for u in users if u.share > share), key=lambda u: (-u.share, u.name))

    # --- bounded memory -------------------------------------------------------------------------

    def prune(self) -> None:
        if len(self.rows) > SAMPLED:
            kept = sorted(self.rows)[:SAMPLED]
            self.rows = {place: self.rows[place] for place in kept}
            self.bound = kept[-1] + 1


def keyed_hash(name: str, key: bytes) -> int:
    """A number from 0 to 2⁶⁴ that orders names in a way that says nothing of them."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8, key=key).digest(), "big")


# --- day tally ------------------------------------------------------------------------------------

# What a day was like, counted over every row in little memory, however many rows there are.

HOURS = 24
THOUSAND = 1000
LONGEST = 1e9  # ms; what is longer counts as that
STEP = 0.05  # of a latency's logarithm: quantiles are within 2.5 %


class Tally:
    """Counts alone, so that those of parts of a day merge into the day's, in any order."""

    def __init__(self) -> None:
        self.hours: Counter[int] = Counter()
        self.ratings: Counter[int] = Counter()
        self.latencies: Counter[int] = Counter()  # by the logarithm, in steps
        self.corrected = self.empty = self.nameless = self.begun = self.undisclosed = 0
        self.outcomes: Counter[str] = Counter()  # rows that tell one, and what they tell
        self.satisfaction: Counter[int] = Counter()  # in thousandths

    @property
    def rows(self) -> int:
        return self.hours.total()

    def update(self, rows: Iterable[Traffic]) -> None:
        for row in rows:
            self.hours[row.time.hour] += 1
            self.empty += not row.response.strip()
            self.nameless += not row.user
            self.begun += row.begins
            self.undisclosed += row.begins and not row.disclosed
            if row.feedback:
                if row.feedback.rating is not None:
                    self.ratings[row.feedback.rating] += 1
                self.corrected += bool(row.feedback.correction)
            if row.outcome:
                self.count(row.outcome)
            if row.latency_ms and row.latency_ms > 0:
                self.latencies[round(log(min(row.latency_ms, LONGEST)) / STEP)] += 1

    def count(self, outcome: Outcome) -> None:
        self.outcomes["all"] += 1
        self.outcomes["escalated"] += bool(outcome.escalated)
        self.outcomes["resolved"] += bool(outcome.resolved)
        if outcome.satisfaction is not None:
            self.satisfaction[round(THOUSAND * outcome.satisfaction)] += 1

    def merge(self, other: "Tally") -> None:
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)

    def finish(self) -> DayTally:
        return DayTally(
            hours=tuple(self.hours[hour] for hour in range(HOURS)),
            worse=self.ratings[-1],
            neutral=self.ratings[0],
            better=self.ratings[1],
            corrected=self.corrected,
            empty=self.empty,
            median_ms=self.latency(0.5),
            p95_ms=self.latency(0.95),
            nameless=self.nameless,
            begun=self.begun,
            undisclosed=self.undisclosed,
            **self.ends(),
        )

    def ends(self) -> dict[str, Any]:
        """What became of the cases; nothing where nobody told it."""
        if not self.outcomes["all"]:
            return {}
        rated = self.satisfaction.total()
        total = sum(value * count for value, count in self.satisfaction.items())
        return {
            "outcomes": self.outcomes["all"],
            "escalated": self.outcomes["escalated"],
            "resolved": self.outcomes["resolved"],
            "satisfaction": total / THOUSAND / rated if rated else None,
        }

    def latency(self, share: float) -> float | None:
        """What so large a share of the answers took at the most; None where nothing is known."""
        left = share * self.latencies.total()
        for step in sorted(self.latencies):
            left -= self.latencies[step]
            if left <= 0:
                return float(f"{exp(step * STEP):.2g}")  # what a step leaves of its digits
        return None
