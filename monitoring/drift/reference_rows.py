"""Which rows a champion's references are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from monitoring.features.signal_inputs import answered_by, as_traffic
from monitoring.night_context import SEED, NightContext
from monitoring.traffic.user_sample import UserSample
from project.paths import rows_of
from project.records.adapters import AdapterVersion
from project.records.data import Row, Split
from project.records.drift import DriftState, DriftVerdict, Night
from project.records.record import Digest
from project.records.traffic import Traffic

WEEK = 7  # days of its answers make a reference of a champion
MONTH = 4 * WEEK  # so many days back at the most: each weekday as often


@dataclass(frozen=True)
class ReferenceRows:
    """A sample of rows for a reference."""

    rows: list[Traffic]
    since: date | None  # the first day that they may be of; None: they are not of traffic

    @property
    def days(self) -> int | None:
        """On so many they were asked."""
        return len({row.at[:10] for row in self.rows}) if self.since else None


def prompt_rows(context: NightContext, day: date, nights: Sequence[Night]) -> ReferenceRows:
    """Of traffic the last four weeks before `day`, or of the dataset.

    After a drift only the days since it began, or the new champion would be compared with what is
    gone. nights are those before `day`, oldest first.
    """
    since = began(nights)
    days = [d for d in context.traffic.days() if d < day and (since is None or d >= since)]
    mode = context.drift.reference
    if mode == "dataset" or (mode == "auto" and not days):
        return ReferenceRows(dataset(day, context.drift.reference_rows), None)
    return traffic_rows(context, days, since or min(days, default=day))


def traffic_rows(context: NightContext, days: Sequence[date], since: date) -> ReferenceRows:
    rows = context.sample(days[-MONTH:], context.drift.reference_rows)[0].finish()
    return ReferenceRows(rows, since)


def days_since(
    context: NightContext, since: date, day: date, nights: Sequence[Night], digest: Digest
) -> list[date]:
    """The days before `day` that a reference may be frozen anew of, which began at `since`: those
    that it did not call drift. Empty while a drift is in progress.
    """
    if nights and nights[-1].state is not DriftState.OK:
        return []
    odd = {n.date for n in nights if n.reference == digest and n.verdict is DriftVerdict.DRIFT}
    there = (one for one in context.traffic.days() if since <= one < day)
    return [one for one in there if one.isoformat() not in odd][-MONTH:]


def is_due(known: int, days: Sequence[date]) -> bool:
    """Whether a reference of so many days is frozen anew, of these: once when each weekday is among
    them, and once when there are four weeks.
    """
    whole = len({one.weekday() for one in days}) == WEEK
    longer = (known < WEEK and whole) or (known < MONTH <= len(days))
    return longer and len(days) > known


def answer_rows(context: NightContext, champion: AdapterVersion, day: date) -> ReferenceRows:
    """A sample of the champion's own answers before `day`; none before there is a week of them.

    A weekday is not like another. Answers of nobody that is named are the champion's from the day
    after it became champion.
    """
    gained, _ = context.registry.tenure(champion.number)

    def own(rows: list[Traffic]) -> list[Traffic]:
        return [
            row
            for row in rows
            if answered_by(champion, row.adapter)
            and (row.adapter or (gained and row.at[:10] > gained.at[:10]))
        ]

    sample, days = UserSample(context.drift.reference_rows, SEED), list[date]()
    for one in [d for d in context.traffic.days() if d < day][-MONTH:]:
        of_day, _ = context.sample([one], context.drift.reference_rows, own)
        sample.merge(of_day)
        days += [one] if of_day.tally.rows else []
    rows = sample.finish() if len(days) >= WEEK else []
    enough = len(rows) >= context.drift.minimum_reference
    return ReferenceRows(rows if enough else [], min(days, default=day))


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
