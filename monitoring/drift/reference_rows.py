"""Which rows a champion's references are made of."""

from collections.abc import Sequence
from datetime import date

from monitoring.features.signal_inputs import answered_by, as_traffic
from monitoring.night_context import NightContext
from monitoring.traffic.user_sample import UserSample
from project.paths import rows_of
from project.records.adapters import AdapterVersion
from project.records.data import Row, Split
from project.records.drift import DriftState, Night
from project.records.traffic import Traffic

WEEK = 7  # days of its answers make a reference of a champion
ANSWERS, PROMPTS = 2 * WEEK, 4 * WEEK  # so many days back at the most: each weekday as often


def prompt_rows(
    context: NightContext, day: date, nights: Sequence[Night]
) -> tuple[list[Traffic], str]:
    """A sample of rows for a reference of prompts, and what they are: "traffic" or "dataset".

    Of traffic the last four weeks before `day`; after a drift only the days since it began, or the
    new champion would be compared with what is gone. nights are those before `day`, oldest first.
    """
    since = began(nights)
    days = [d for d in context.traffic.days() if d < day and (since is None or d >= since)]
    mode = context.drift.reference
    if mode == "dataset" or (mode == "auto" and not days):
        return dataset(day, context.drift.reference_rows), "dataset"
    return context.sample(days[-PROMPTS:], context.drift.reference_rows)[0].finish(), "traffic"


def answer_rows(context: NightContext, champion: AdapterVersion, day: date) -> list[Traffic]:
    """A sample of the champion's own answers before `day`; none before there is a week of them.

    The reference is frozen for good, and a weekday is not like another. Answers of nobody that is
    named are the champion's from the day after it became champion.
    """
    gained, _ = context.registry.tenure(champion.number)

    def own(rows: list[Traffic]) -> list[Traffic]:
        return [
            row
            for row in rows
            if answered_by(champion, row.adapter)
            and (row.adapter or (gained and row.at[:10] > gained.at[:10]))
        ]

    sample, days = UserSample(context.drift.reference_rows, context.drift.seed), 0
    for one in [d for d in context.traffic.days() if d < day][-ANSWERS:]:
        of_day, _ = context.sample([one], context.drift.reference_rows, own)
        sample.merge(of_day)
        days += of_day.tally.rows > 0
    rows = sample.finish() if days >= WEEK else []
    return rows if len(rows) >= context.drift.minimum_reference else []


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
