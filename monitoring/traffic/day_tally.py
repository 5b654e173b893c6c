"""What a day was like, counted over every row in little memory, however many rows there are."""

from collections import Counter
from collections.abc import Iterable
from math import exp, log
from typing import Any

from project.records.traffic import DayTally, Outcome, Traffic

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
        self.corrected = self.empty = self.nameless = 0
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
                return exp(step * STEP)
        return None
