"""What people should know of a night's reference: which days it lacks, and what it cannot see."""

from collections.abc import Iterable, Sequence
from datetime import date
from math import log, sqrt

import numpy as np
from scipy.optimize import brentq

from monitoring.drift.day_noise import DayNoise, noise_of
from monitoring.drift.reference import Reference
from monitoring.drift.reference_rows import MONTH
from monitoring.signals.novelty import Novelty
from project.records.drift import DriftVerdict, SignalReading

STRANGER = 3  # standard deviations by which novelty's tail grows when all prompts are strange
MOST = 0.5  # of the traffic: more than this is no limit worth telling
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def reference_notes(
    reference: Reference, day: date, readings: Sequence[SignalReading]
) -> tuple[str, ...]:
    """Sentences for a night's page; none where the reference has four weeks of days."""
    return (*lacking_days(reference, day), *limits(reference, readings))


def lacking_days(reference: Reference, day: date) -> Iterable[str]:
    season, units = reference.season, reference.units
    if not season.weekend or season.weekly:
        return
    at_noon = np.array([24.0 * day.weekday() + 12])
    there = np.unique(units.strata // (len(season.hours) + 1))
    if season.kind(at_noon)[0] not in there:
        inside = set(season.weekend)
        numbers = inside if day.weekday() in inside else set(range(7)) - inside
        names = " or ".join(DAY_NAMES[number] for number in sorted(numbers))
        yield f"the reference has no {names} yet: it is frozen anew when it has a week"


def limits(reference: Reference, readings: Sequence[SignalReading]) -> Iterable[str]:
    """What a change must be like to be seen in one night, where days are too few to tell much."""
    count = len(np.unique(reference.units.days))
    if count >= MONTH:
        return
    if count < 2:
        yield "the reference is not of several days: a day unlike others may be called drift"
        return
    tonight = (r for r in readings if r.nights == 1 and r.signal == Novelty.name)
    reading = next((r for r in tonight if r.verdict is not DriftVerdict.INSUFFICIENT), None)
    noise = noise_of(reference.units, Novelty.name)
    if reading is None or noise is None:
        yield f"the reference has {count} days: too few to tell how much days differ"
        return
    share = unseen_share(noise, reading, count)
    told = f"less than about {share:.0%} of strange prompts" if share <= MOST else "most changes"
    yield f"the reference has {count} days: by novelty, {told} would not be seen in one night"


def unseen_share(noise: DayNoise, reading: SignalReading, days: int) -> float:
    """The least share of prompts unlike all before that novelty would call drift tonight.

    One prompt in ten lies above the reference's 90 % point, and a strange one does: a share x moves
    that by 0.9 x, where a row's standard deviation is 0.3.
    """
    each = 1 / reading.n + 1 / reading.reference_n
    k = (1 + 1 / days) / each

    def above(z: float) -> float:
        return log(max(noise.p_value(np.array([z]), k, "up"), 1e-300) / reading.level)

    highest = 1e4
    z = brentq(above, 0, highest) if above(highest) < 0 else highest
    return float(z) * sqrt(each) / STRANGER
