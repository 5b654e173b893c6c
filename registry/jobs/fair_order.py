"""Which of the retrains that wait may start: a fair order under a limit, and quotas."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from project.times import readable, stamp

WEEK = timedelta(days=7)  # in which the retrains of a family count against its quota


def next_to_run(
    waiting: Mapping[str, datetime],
    running: Collection[str],
    used: Mapping[str, int],
    quotas: Mapping[str, int],
    at_once: int | None,
) -> tuple[str, ...]:
    """The families whose retrain may start now, in the order in which they should.

    `waiting` says since when each waits, `used` how many retrains each had within a week, `quotas`
    how many it may have; a family without one may have any number. `at_once` is how many may run at
    a time in all; None: any number.

    First comes whoever has used the smallest share of its quota, then whoever has waited longest.
    So nobody starves: what a family used is forgotten after a week, from then on nobody has a
    smaller share, and each other family can pass it once at most before it has a larger one.
    """
    able = [
        family for family in waiting if family not in running and share(family, used, quotas) < 1
    ]
    able.sort(key=lambda family: (share(family, used, quotas), waiting[family], family))
    free = len(able) if at_once is None else max(at_once - len(running), 0)
    return tuple(able[:free])


def share(family: str, used: Mapping[str, int], quotas: Mapping[str, int]) -> float:
    """Of its quota that a family has used; 1 or more: it has to wait."""
    quota = quotas.get(family)
    if quota is None:
        return 0.0
    return used.get(family, 0) / quota if quota else 1.0


def quota_refusal(started: Sequence[datetime], quota: int | None, now: datetime) -> str | None:
    """What a family's quota has to say against a retrain now; None: nothing.

    `started` are the starts of its retrains, in any order.
    """
    recent = sorted(start for start in started if start > now - WEEK)
    if quota is None or len(recent) < quota:
        return None
    if quota == 0:
        return "the quota of this family is 0 retrains a week"
    free = recent[len(recent) - quota] + WEEK
    return f"the quota of {quota} retrains a week is used up until {readable(stamp(free))}"
