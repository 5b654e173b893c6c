"""How the reproduced adapter does on dev beside the original one, and whether that is chance."""

from collections.abc import Iterator, Sequence

from evaluation.decision.statistics import bounds, holm, p_above, p_below
from project.records.evidence import Measured, MetricEvidence
from project.records.record import Record

ALPHA = 0.05  # of one difference among all metrics, where there is none


class DevDifference(Record):
    """Reproduced − original in one metric, with its 95 % interval."""

    metric: str
    original: float | None  # None: a preference, which has no two sides
    reproduced: float | None
    difference: float
    interval: tuple[float, float]
    p: float  # two-sided, of "no difference"
    items: int


def dev_differences(measured: Measured) -> Iterator[DevDifference]:
    for metric, found in measured.items():
        sign = -1 if found.better == "less" else 1  # there, evidence is champion − challenger
        lower, upper = sorted(sign * end for end in bounds_of(found))
        yield DevDifference(
            metric=metric,
            original=found.champion_mean,
            reproduced=found.challenger_mean,
            difference=sign * found.diff,
            interval=(lower, upper),
            p=two_sided(found),
            items=found.n,
        )


def bounds_of(found: MetricEvidence) -> tuple[float, float]:
    return bounds(found.diff, found.se, found.df, ALPHA / 2)


def two_sided(found: MetricEvidence) -> float:
    """Of a difference that is the same on every item: it is there, or it is not."""
    if found.se == 0:
        return float(found.diff == 0)
    above = p_above(found.diff, found.se, found.df, 0.0)
    below = p_below(found.diff, found.se, found.df, 0.0)
    return min(1.0, 2 * min(above, below))


def beyond_chance(found: Sequence[DevDifference]) -> list[str]:
    """The metrics in which they differ by more than chance; Holm's procedure over all of them."""
    adjusted = holm([one.p for one in found])
    return [one.metric for one, p in zip(found, adjusted, strict=True) if p <= ALPHA]
