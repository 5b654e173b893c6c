"""A champion's references, frozen once and kept in the registry, and the nights held against them.

One is of prompts, of the traffic before the champion's first night. One is of answers, as soon as
there are enough of the champion's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from monitoring.drift.array_bytes import from_bytes, to_bytes
from monitoring.drift.reference import Reference
from monitoring.drift.reference_rows import answer_rows, prompt_rows
from monitoring.drift.season import ALWAYS, Season
from monitoring.drift.user_days import Units
from monitoring.features.answer_judge import Judge, trained_judge
from monitoring.features.signal_inputs import times_of, users_of
from monitoring.night_context import Site
from monitoring.signals import ANSWER_SIGNALS, PROMPT_SIGNALS, Kinds
from monitoring.signals.signal import Batch, Signal
from project.files import home, write_bytes
from project.records.adapters import AdapterVersion
from project.records.drift import Night
from project.records.events import Event, WatchKind
from project.records.record import Digest
from project.records.traffic import Traffic
from registry.artifacts.artifact_store import Artifacts

PROMPTS: WatchKind = "watch"
ANSWERS: WatchKind = "watch-answers"
READ = 10  # nights: a reference has as many rows read and judged as so many of them


@dataclass(frozen=True)
class Frozen:
    """A reference, its digest, and the first day that is held against it."""

    reference: Reference
    digest: Digest
    first: date
    judge: Judge | None  # that its answers were judged with

    def keep(self, place: Path, rows: Sequence[Traffic], batch: Batch) -> None:
        """Keep a day's units, of sampled rows, for the windows of the nights that follow."""
        units = self.reference.units_of(batch, users_of(rows), times_of(rows))
        write_bytes(place, to_bytes(units.arrays()))

    def units_of(self, day: date, site: Site, champion: AdapterVersion) -> Units:
        """A day's units; made again where they are not kept under these settings, or where rows
        came after they were."""
        place = self.place(day, site)
        if not place.exists():
            rows = site.sample([day], site.drift.sample)[0].finish()
            self.keep(place, rows, site.batch(rows, champion, judge=self.judge))
        return Units.of_arrays(from_bytes(place.read_bytes()))

    def place(self, day: date, site: Site) -> Path:
        """Where the units of a day's rows are kept, of those that are there at this moment."""
        folder = f"{self.digest[:16]}-{site.drift.digest[:8]}"
        return home() / "monitoring" / "units" / folder / f"{day}-{site.traffic.stamp(day)}.npz"


@dataclass(frozen=True)
class Held:
    """What a champion is held against."""

    prompts: Frozen
    answers: Frozen | None  # None: there are too few of them yet

    @property
    def all(self) -> tuple[Frozen, ...]:
        return (self.prompts, self.answers) if self.answers else (self.prompts,)

    @property
    def signals(self) -> tuple[Signal, ...]:
        return tuple(signal for frozen in self.all for signal in frozen.reference.signals)

    @property
    def judge(self) -> Judge | None:
        return self.answers.judge if self.answers else None


def held_against(
    site: Site, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> Held | str:
    """The champion's references; frozen now where it has none. Words when there is too little.

    nights are those before `day`, oldest first.
    """
    prompts = known(site, champion, PROMPTS) or freeze_prompts(site, champion, day, nights)
    if isinstance(prompts, str):
        return prompts
    if day < prompts.first:
        return f"the reference was frozen for nights from {prompts.first}"
    answers = known(site, champion, ANSWERS) or freeze_answers(site, champion, day)
    # A night that is done late may be part of the answers that were frozen after it.
    return Held(prompts, answers if answers and answers.first <= day else None)


def known(site: Site, champion: AdapterVersion, kind: WatchKind) -> Frozen | None:
    """The reference that a champion has; not one that was seen by another embedder."""
    event = site.registry.newest_event(champion.number, kind)
    if event is None or event.detail["embedder"] != site.embeddings.pin.digest:
        return None
    return of_event(site, event)


def of_event(site: Site, event: Event) -> Frozen:
    artifacts, digest = site.registry.artifacts, str(event.detail["reference"])
    judge = event.detail.get("judge")
    return Frozen(
        reference=Reference.from_bytes(artifacts.get(digest)),
        digest=digest,
        first=date.fromisoformat(str(event.detail["first"])),
        judge=kept_judge(artifacts, judge[0]) if isinstance(judge, tuple) else None,
    )


def kept_judge(artifacts: Artifacts, digest: Digest) -> Judge:
    return Judge(artifacts.check_out(digest, home() / "judges" / digest))


def freeze_prompts(
    site: Site, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> Frozen | str:
    rows, source = prompt_rows(site, day, nights)
    if len(rows) < site.drift.minimum_reference:
        missing = site.drift.minimum_reference - len(rows)
        return f"the reference needs {missing} more rows of traffic, each of another user"
    season = season_of(rows, site) if source == "traffic" else ALWAYS
    batch = site.batch(rows, champion, nights=READ, answers=False)
    reference = fitted(site, rows, batch, season, PROMPT_SIGNALS)
    return kept(site, champion, PROMPTS, day, reference, f"{len(rows)} rows of {source}")


def freeze_answers(site: Site, champion: AdapterVersion, day: date) -> Frozen | None:
    rows = answer_rows(site, champion, day)
    if not rows:
        return None
    judge = trained_judge() if site.drift.judge_rows else None
    batch = site.batch(rows, champion, nights=READ, judge=judge, perplexity=False)
    reference = fitted(site, rows, batch, season_of(rows, site), ANSWER_SIGNALS)
    return kept(site, champion, ANSWERS, day, reference, f"{len(rows)} answers", judge)


def fitted(
    site: Site, rows: Sequence[Traffic], batch: Batch, season: Season, kinds: Kinds
) -> Reference:
    rng = np.random.default_rng(site.drift.seed)
    times = times_of(rows)
    return Reference.freeze(batch, users_of(rows), times, rng=rng, season=season, kinds=kinds)


def kept(
    site: Site,
    champion: AdapterVersion,
    kind: WatchKind,
    day: date,
    reference: Reference,
    what: str,
    judge: Judge | None = None,
) -> Frozen:
    """The reference as the registry has it from now on."""
    event = site.registry.watch(
        champion.number,
        kind,
        reference.to_bytes(),
        first=day.isoformat(),
        embedder=site.embeddings.pin.digest,
        judge=judge.folder if judge else None,
        reason=f"{what} before {day}",
    )
    return of_event(site, event)


def forget_units(before: date) -> None:
    """Delete the units of days before one."""
    for path in (home() / "monitoring" / "units").glob("*/????-??-??-*.npz"):
        if path.name < before.isoformat():
            path.unlink(missing_ok=True)


def season_of(rows: Sequence[Traffic], site: Site) -> Season:
    return Season.fit(times_of(rows), site.drift.season, site.drift.minimum_units)
