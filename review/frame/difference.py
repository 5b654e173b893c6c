"""A difference with its interval, as all pages have it."""

from project.records.evidence import MetricEvidence
from project.records.record import Record
from project.records.scores import Better


class Difference(Record):
    """How much better a version was than its opponent in one metric; 0 is no difference."""

    diff: float  # where less is better, its sign is turned
    lower: float  # of its interval: the central one of 90 %, unless a subclass says another
    upper: float
    n: int  # items
    better: Better | None = None  # None: more

    @property
    def less_is_better(self) -> bool:
        return self.better == "less"


def central(found: MetricEvidence) -> Difference:
    """With the 90 % interval of the cluster bootstrap."""
    lower, upper = found.bootstrap
    return Difference(diff=found.diff, lower=lower, upper=upper, n=found.n, better=found.better)
