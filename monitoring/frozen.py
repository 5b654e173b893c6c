"""A champion's reference, frozen once and kept in the registry, and the nights held against it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from monitoring.arrays import from_bytes, to_bytes
from monitoring.features import as_traffic, users_of, weekdays_of
from monitoring.reference import Reference
from monitoring.sample import Sample
from monitoring.signals.signal import Batch
from monitoring.site import Site
from monitoring.units import Units
from registry.files import home, write_bytes
from registry.layout import rows_of
from registry.records import AdapterVersion, Digest, Night, Row, Split, Traffic, Watch


@dataclass(frozen=True)
class Frozen:
    """A reference, its digest, and the first day that is held against it."""

    reference: Reference
    digest: Digest
    first: date

    def units(self, rows: Sequence[Traffic], batch: Batch) -> Units:
        """Of sampled rows, and what the signals see of them."""
        return self.reference.units_of(batch, users_of(rows), weekdays_of(rows))

    def keep(self, day: date, units: Units, site: Site) -> None:
        """Keep a day's units for the windows of the nights that follow."""
        write_bytes(self.place(day, site), to_bytes(units.arrays()))

    def units_of(self, day: date, site: Site, champion: AdapterVersion) -> Units:
        """An earlier day's units; made again where they are not kept under these settings."""
        if not self.place(day, site).exists():
            rows = site.sample([day], site.drift.sample)[0].finish()
            self.keep(day, self.units(rows, site.batch(rows, champion)), site)
        return Units.of_arrays(from_bytes(self.place(day, site).read_bytes()))

    def place(self, day: date, site: Site) -> Path:
        folder = f"{self.digest[:16]}-{site.drift.digest[:8]}"
        return home() / "monitoring" / "units" / folder / f"{day}.npz"


def frozen(
    site: Site, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> Frozen | str:
    """The champion's reference; frozen now if it has none. Words when there is too little for one.

    nights are those before `day`, oldest first.
    """
    event = site.registry.newest_event(champion.number, "watch")
    embedder = site.embeddings.pin.digest
    if event is None or event.detail["embedder"] != embedder:
        rows, source = reference_rows(site, day, nights)
        if len(rows) < site.drift.minimum_reference:
            missing = site.drift.minimum_reference - len(rows)
            return f"the reference needs {missing} more rows of traffic, each of another user"
        data = freeze(site, champion, rows, source).to_bytes()
        reason = f"{len(rows)} rows of {source} before {day}"
        event = site.registry.watch(champion.number, data, day.isoformat(), embedder, reason)
    digest = str(event.detail["reference"])
    first = date.fromisoformat(str(event.detail["first"]))
    return Frozen(Reference.from_bytes(site.registry.artifacts.get(digest)), digest, first)


def freeze(site: Site, champion: AdapterVersion, rows: Sequence[Traffic], source: str) -> Reference:
    return Reference.freeze(
        site.batch(rows, champion),
        users_of(rows),
        weekdays_of(rows),
        rng=np.random.default_rng(site.drift.seed),
        seasonal=source == "traffic" and seasonal(rows, site),
    )


def seasonal(rows: Sequence[Traffic], site: Site) -> bool:
    """Whether every weekday has users enough for both halves, chance in the split allowed for."""
    users = Counter(weekdays_of(rows).tolist())
    enough = all(users[weekday] >= 3 * site.drift.minimum_units for weekday in range(7))
    return site.drift.season == "weekday" and enough


def reference_rows(site: Site, day: date, nights: Sequence[Night]) -> tuple[list[Traffic], str]:
    """The rows for a new reference, and what they are: "traffic" or "dataset".

    Of traffic the latest days before `day`; after a drift only those since it began, or the new
    champion would be held against what is gone.
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
        if sample.rows >= site.drift.reference_rows:
            break
    return sample.finish()


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
    sample.update(as_traffic(row, day) for row in rows)
    return sample.finish()
