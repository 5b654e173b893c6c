"""Whether the clock can be believed: one that is far ahead would delete all traffic at once."""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

from monitoring.night_history import REMEMBERED, nightly_of
from monitoring.traffic.traffic_store import TrafficStore
from project.times import moment_of, stamp
from registry.jobs.places import Place, place_of, settle
from registry.jobs.runs import runs_of
from registry.reader import RegistryReader

LONGEST_GAP = timedelta(days=30)  # without a sign that the days between have been
SEEN = 4  # days on which nights have to run after a longer one, before it is believed
CLOCK = "clock"


def trusted_day(registry: RegistryReader, traffic: TrafficStore, day: date) -> date:
    """The newest day, up to `day`, of which it is believed that it has been: what is deleted for
    its age is counted from it.

    The registry and the traffic show on which days somebody was at work. Where a month or more
    before today shows nothing, the clock may be wrong: then it is the last day before that gap,
    until nights have run on four days by this clock, or a person said that it is right. So after a
    real outage things are deleted again within four days.
    """
    today = registry.clock().date()
    runs = runs_of(registry.engine, nightly_of(registry.family), REMEMBERED)
    ran = {moment_of(run.started).date() for run in runs}
    gap = newest_gap((*ran, *traffic.days()), today)
    if gap is None:
        return day
    before, after = gap
    seen = {one for one in (*ran, today) if after <= one <= today}
    return day if len(seen) >= SEEN or confirmed(registry, after) else min(day, before)


def believe(registry: RegistryReader) -> Place:
    """Keep that a person says that the clock is right now."""
    known, now = place_of(registry.engine, registry.family, CLOCK), registry.clock()
    place = Place(
        family=registry.family,
        kind=CLOCK,
        mark=now.date().isoformat(),
        location="the clock of a machine",
        at=stamp(now),
        by=registry.actor,
    )
    settle(registry.engine, place, instead_of=known.mark if known else None)
    return place


# --- one level down -----------------------------------------------------------------------------


def newest_gap(signs: Iterable[date], today: date) -> tuple[date, date] | None:
    """The last day before the newest gap and the first one after it; None: there is none."""
    known = sorted({today, *(one for one in signs if one < today)})
    pairs = reversed([*pairwise(known)])
    return next((pair for pair in pairs if pair[1] - pair[0] > LONGEST_GAP), None)


def confirmed(registry: RegistryReader, since: date) -> bool:
    """Whether a person said, after the gap, that the clock is right."""
    known = place_of(registry.engine, registry.family, CLOCK)
    return known is not None and date.fromisoformat(known.mark) >= since
