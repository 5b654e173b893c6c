"""Which rows a champion's references are made of."""

from collections.abc import Sequence
from datetime import date

from monitoring.features import answered_by, as_traffic
from monitoring.sample import Sample
from monitoring.site import Site
from registry.layout import rows_of
from registry.records import AdapterVersion, Night, Row, Split, Traffic, Watch

WEEK = 7  # days of its answers make a reference of a champion
LOOK = 2 * WEEK  # so many days back at the most


def prompt_rows(site: Site, day: date, nights: Sequence[Night]) -> tuple[list[Traffic], str]:
    """The rows for a reference of prompts, and what they are: "traffic" or "dataset".

    Of traffic the latest days before `day`; after a drift only those since it began, or the new
    champion would be held against what is gone. nights are those before `day`, oldest first.
    """
    since = began(nights)
    days = [d for d in site.traffic.days() if d < day and (since is None or d >= since)]
    mode = site.drift.reference
    if mode == "dataset" or (mode == "auto" and not days):
        return dataset(day, site.drift.reference_rows), "dataset"
    return latest(site, days), "traffic"


def latest(site: Site, days: Sequence[date]) -> list[Traffic]:
    """Whole days, the latest first, until there are rows enough; then a sample of them."""
    sample, _ = site.sample([], site.drift.reference_rows)
    for day in reversed(days):
        sample.merge(site.sample([day], site.drift.reference_rows)[0])
        if sample.tally.rows >= site.drift.reference_rows:
            break
    return sample.finish()


def answer_rows(site: Site, champion: AdapterVersion, day: date) -> list[Traffic]:
    """The champion's own answers before `day`, the latest ones; none while they are too few.

    Enough are a week of them, or as many as a reference takes: it is frozen for good, and one
    day is like no other.
    """

    def own(rows: list[Traffic]) -> list[Traffic]:
        return [row for row in rows if answered_by(champion, row.adapter)]

    most, days = site.drift.reference_rows, 0
    sample, _ = site.sample([], most)
    for one in reversed([d for d in site.traffic.days() if d < day][-LOOK:]):
        of_day, _ = site.sample([one], most, own)
        sample.merge(of_day)
        days += of_day.tally.rows > 0
        if sample.tally.rows >= most or days == WEEK:
            found = sample.finish()
            return found if len(found) >= site.drift.minimum_reference else []
    return []


def began(nights: Sequence[Night]) -> date | None:
    """When the drift began that is not over; None when there is none."""
    first = None
    for night in reversed(nights):
        if night.state is Watch.OK:
            break
        first = date.fromisoformat(night.date)
    return first


def dataset(day: date, limit: int) -> list[Traffic]:
    """The rows that the champion was tuned and examined on, as if they had been asked."""
    parts = [rows_of(part) for part in Split if rows_of(part).exists()]
    rows = [row for part in parts for row in Row.read_lines(part)]
    sample = Sample(limit)
    sample.update([as_traffic(row, day) for row in rows])
    return sample.finish()
