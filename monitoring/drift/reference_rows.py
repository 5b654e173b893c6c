"""Which rows a champion's references are made of, and a night's notes on its reference."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import log, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from monitoring.drift.day_noise import DayNoise, noise_of
from monitoring.drift.reference import Reference
from monitoring.night_context import SEED, NightContext
from monitoring.signals.prompt_signals import Novelty
from monitoring.signals.signal_inputs import answered_by, as_traffic
from monitoring.traffic.user_sample import UserSample
from project.paths import rows_of
from project.records.adapters import AdapterVersion
from project.records.data import Row, Split
from project.records.drift import DriftState, DriftVerdict, Night, SignalReading
from project.records.record import Digest
from project.records.traffic import Traffic

# --- reference rows -------------------------------------------------------------------------------

WEEK = 7  # days of its answers make a reference of a champion
MONTH = 4 * WEEK  # so many days back, each weekday as often; more where they have too few rows
MOST_DAYS = 4 * MONTH  # of a champion's own answers


@dataclass(frozen=True)
class ReferenceRows:
    """A sample of rows for a reference."""

    rows: list[Traffic]
    since: date | None  # the first day that they may be of; None: they are not of traffic

    @property
    def days(self) -> int | None:
        """The number of days on which they were asked."""
        return len({row.at[:10] for row in self.rows}) if self.since else None


def prompt_rows(context: NightContext, day: date, nights: Sequence[Night]) -> ReferenceRows:
    """Of traffic the last four weeks before `day`, more where it is thin, or of the dataset.

    After a drift only the days since it began, or the new champion would be compared with what is
    gone. nights are those before `day`, oldest first.
    """
    since = began(nights)
    days = [d for d in context.usual_days() if d < day and (since is None or d >= since)]
    mode = context.drift.reference
    if mode == "dataset" or (mode == "auto" and not days):
        return ReferenceRows(dataset(day, context.drift.reference_rows), None)
    return traffic_rows(context, days, since or min(days, default=day))


def traffic_rows(context: NightContext, days: Sequence[date], since: date) -> ReferenceRows:
    """A sample of the last four weeks, or of twice as many as long as there are too few rows."""
    span = MONTH
    while True:
        rows = context.sample(days[-span:], context.drift.reference_rows)[0].finish()
        if len(rows) >= context.drift.minimum_reference or span >= len(days):
            return ReferenceRows(rows, since)
        span *= 2


def days_since(
    context: NightContext, since: date, day: date, nights: Sequence[Night], digest: Digest
) -> list[date]:
    """The quiet days from `since` to `day`, for a new reference; none while a drift goes on."""
    if nights and nights[-1].state is not DriftState.OK:
        return []
    return quiet_days(context, since, day, nights, digest)


def quiet_days(
    context: NightContext, since: date, day: date, nights: Sequence[Night], digest: Digest
) -> list[date]:
    """The days with traffic from `since` to before `day` that a reference did not call drift."""
    odd = {n.date for n in nights if n.reference == digest and n.verdict is DriftVerdict.DRIFT}
    there = (usual for usual in context.usual_days() if since <= usual < day)
    return [usual for usual in there if usual.isoformat() not in odd]


def is_due(known: int, days: Sequence[date]) -> bool:
    """Whether a reference is frozen anew: once for every weekday, once for four weeks."""
    whole = len({day.weekday() for day in days}) == WEEK
    longer = (known < WEEK and whole) or (known < MONTH <= len(days))
    return longer and len(days) > known


def answer_rows(context: NightContext, champion: AdapterVersion, day: date) -> ReferenceRows:
    """A sample of at least a week of the champion's own answers before `day`, by weekdays."""
    keep = own_answers(context, champion)
    sample, days = UserSample(context.drift.reference_rows, SEED), list[date]()
    past = [usual for usual in context.usual_days() if usual < day][-MOST_DAYS:]
    for read, past_day in enumerate(reversed(past)):
        if read >= MONTH and len(sample.users) >= context.drift.minimum_reference:
            break
        of_day, _ = context.sample([past_day], context.drift.reference_rows, keep)
        sample.merge(of_day)
        days += [past_day] if of_day.tally.rows else []
    rows = sample.finish() if len(days) >= WEEK else []
    enough = len(rows) >= context.drift.minimum_reference
    return ReferenceRows(rows if enough else [], min(days, default=day))


def own_answers(
    context: NightContext, champion: AdapterVersion
) -> Callable[[list[Traffic]], list[Traffic]]:
    """Which rows are the champion's own answers; nameless ones from the day after it began."""
    gained, _ = context.registry.tenure(champion.number)

    def own(rows: list[Traffic]) -> list[Traffic]:
        return [
            row
            for row in rows
            if answered_by(champion, row.adapter)
            and (row.adapter or (gained and row.at[:10] > gained.at[:10]))
        ]

    return own


def began(nights: Sequence[Night]) -> date | None:
    """When the drift began that is not over; None when there is none."""
    first = None
    for night in reversed(nights):
        if night.state is DriftState.OK:
            break
        first = date.fromisoformat(night.date)
    return first


def dataset(day: date, limit: int) -> list[Traffic]:
    """The rows that the champion was tuned and evaluated on, as if they had been asked."""
    parts = [rows_of(part) for part in Split if rows_of(part).exists()]
    rows = [row for part in parts for row in Row.read_lines(part)]
    sample = UserSample(limit)
    sample.update([as_traffic(row, day) for row in rows])
    return sample.finish()


# --- reference notes ------------------------------------------------------------------------------

# What people should know of a night's reference: which days it lacks, and what it cannot see.

STRANGER = 3  # standard deviations by which novelty's tail grows when all prompts are strange
POWER = 0.8  # of the nights with such a change
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
    share = seen_share(noise, reading, count)
    told = f"about {share:.0%} of strange prompts" if share <= MOST else "only most of the prompts"
    yield (
        f"the reference has {count} days: novelty sees {told} in one night with a chance of "
        f"{POWER:.0%}, and fewer more seldom"
    )


def seen_share(noise: DayNoise, reading: SignalReading, days: int) -> float:
    """The share of prompts unlike all before that novelty calls drift tonight with a chance of
    POWER.

    One prompt in ten lies above the reference's 90 % point, and a strange one does: a share x moves
    that by 0.9 x, where a row's standard deviation is 0.3. Nights differ as days do.
    """
    each = 1 / reading.n + 1 / reading.reference_n
    k = (1 + 1 / days) / each

    def above(z: float) -> float:
        return log(max(noise.p_value(np.array([z]), k, "up"), 1e-300) / reading.level)

    highest = 1e4
    z = brentq(above, 0, highest) if above(highest) < 0 else highest
    return float(z + norm.ppf(POWER) * noise.spread(k)) * sqrt(each) / STRANGER
