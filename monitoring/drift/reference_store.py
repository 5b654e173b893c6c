"""A champion's references, frozen once and kept in the registry, and the nights compared with them.

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
from monitoring.drift.user_days import UserDays
from monitoring.features.answer_judge import AnswerJudge, trained_judge
from monitoring.features.signal_inputs import times_of, users_of
from monitoring.night_context import NightContext
from monitoring.signals import ANSWER_SIGNALS, PROMPT_SIGNALS, Kinds
from monitoring.signals.signal import Batch, Signal
from project.files import home, write_bytes
from project.records.adapters import AdapterVersion
from project.records.drift import Night
from project.records.events import Event, PromptReference, ReferenceKind
from project.records.record import Digest
from project.records.traffic import Traffic
from registry.artifacts.artifact_store import Artifacts

PROMPTS: ReferenceKind = "watch"
ANSWERS: ReferenceKind = "watch-answers"
READ = 10  # nights: a reference has as many rows read and judged as so many of them


@dataclass(frozen=True)
class FrozenReference:
    """A reference, its digest, and the first day that is compared with it."""

    reference: Reference
    digest: Digest
    first: date
    judge: AnswerJudge | None  # that its answers were judged with

    def keep(self, place: Path, rows: Sequence[Traffic], batch: Batch) -> None:
        """Keep a day's units, of sampled rows, for the windows of the nights that follow."""
        units = self.reference.units_of(batch, users_of(rows), times_of(rows))
        write_bytes(place, to_bytes(units.arrays()))

    def units_of(self, day: date, context: NightContext, champion: AdapterVersion) -> UserDays:
        """A day's units; made again where they are not kept under these settings, or where rows
        came after they were."""
        place = self.place(day, context)
        if not place.exists():
            rows = context.sample([day], context.drift.sample)[0].finish()
            self.keep(place, rows, context.batch(rows, champion, judge=self.judge))
        return UserDays.of_arrays(from_bytes(place.read_bytes()))

    def place(self, day: date, context: NightContext) -> Path:
        """Where the units of a day's rows are kept, of those that are there at this moment."""
        folder = f"{self.digest[:16]}-{context.drift.digest[:8]}"
        return home() / "monitoring" / "units" / folder / f"{day}-{context.traffic.stamp(day)}.npz"


@dataclass(frozen=True)
class References:
    """What a champion is compared with."""

    prompts: FrozenReference
    answers: FrozenReference | None  # None: there are too few of them yet

    @property
    def all(self) -> tuple[FrozenReference, ...]:
        return (self.prompts, self.answers) if self.answers else (self.prompts,)

    @property
    def signals(self) -> tuple[Signal, ...]:
        return tuple(signal for frozen in self.all for signal in frozen.reference.signals)

    @property
    def judge(self) -> AnswerJudge | None:
        return self.answers.judge if self.answers else None


def find_or_freeze(
    context: NightContext, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> References | str:
    """The champion's references; frozen now where it has none. Words when there is too little.

    nights are those before `day`, oldest first.
    """
    prompts = find_reference(context, champion, PROMPTS) or freeze_prompts(
        context, champion, day, nights
    )
    if isinstance(prompts, str):
        return prompts
    if day < prompts.first:
        return f"the reference was frozen for nights from {prompts.first}"
    answers = find_reference(context, champion, ANSWERS) or freeze_answers(context, champion, day)
    # A night that is done late may be part of the answers that were frozen after it.
    return References(prompts, answers if answers and answers.first <= day else None)


def find_reference(
    context: NightContext, champion: AdapterVersion, kind: ReferenceKind
) -> FrozenReference | None:
    """The reference that a champion has; not one that was seen by another embedder."""
    event = context.registry.newest_event(champion.number, kind)
    if event is None or event.told(PromptReference).embedder != context.embeddings.pin.digest:
        return None
    return of_event(context, event)


def of_event(context: NightContext, event: Event) -> FrozenReference:
    artifacts, frozen = context.registry.artifacts, event.told(PromptReference)
    return FrozenReference(
        reference=Reference.from_bytes(artifacts.get(frozen.reference)),
        digest=frozen.reference,
        first=date.fromisoformat(frozen.first),
        judge=load_judge(artifacts, frozen.judge[0]) if frozen.judge else None,
    )


def load_judge(artifacts: Artifacts, digest: Digest) -> AnswerJudge:
    return AnswerJudge(artifacts.check_out(digest, home() / "judges" / digest))


def freeze_prompts(
    context: NightContext, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> FrozenReference | str:
    rows, source = prompt_rows(context, day, nights)
    if len(rows) < context.drift.minimum_reference:
        missing = context.drift.minimum_reference - len(rows)
        return f"the reference needs {missing} more rows of traffic, each of another user"
    season = season_of(rows, context) if source == "traffic" else ALWAYS
    batch = context.batch(rows, champion, nights=READ, answers=False)
    reference = fitted(context, rows, batch, season, PROMPT_SIGNALS)
    return keep_reference(
        context, champion, PROMPTS, day, reference, f"{len(rows)} rows of {source}"
    )


def freeze_answers(
    context: NightContext, champion: AdapterVersion, day: date
) -> FrozenReference | None:
    rows = answer_rows(context, champion, day)
    if not rows:
        return None
    judge = trained_judge() if context.drift.judge_rows else None
    batch = context.batch(rows, champion, nights=READ, judge=judge, perplexity=False)
    reference = fitted(context, rows, batch, season_of(rows, context), ANSWER_SIGNALS)
    return keep_reference(context, champion, ANSWERS, day, reference, f"{len(rows)} answers", judge)


def fitted(
    context: NightContext, rows: Sequence[Traffic], batch: Batch, season: Season, kinds: Kinds
) -> Reference:
    rng = np.random.default_rng(context.drift.seed)
    times = times_of(rows)
    return Reference.freeze(batch, users_of(rows), times, rng=rng, season=season, kinds=kinds)


def keep_reference(
    context: NightContext,
    champion: AdapterVersion,
    kind: ReferenceKind,
    day: date,
    reference: Reference,
    what: str,
    judge: AnswerJudge | None = None,
) -> FrozenReference:
    """The reference as the registry has it from now on."""
    event = context.registry.watch(
        champion.number,
        kind,
        reference.to_bytes(),
        first=day.isoformat(),
        embedder=context.embeddings.pin.digest,
        judge=judge.folder if judge else None,
        reason=f"{what} before {day}",
    )
    return of_event(context, event)


def forget_user_days(before: date) -> None:
    """Delete the units of days before one."""
    for path in (home() / "monitoring" / "units").glob("*/????-??-??-*.npz"):
        if path.name < before.isoformat():
            path.unlink(missing_ok=True)


def season_of(rows: Sequence[Traffic], context: NightContext) -> Season:
    return Season.fit(times_of(rows), context.drift.season, context.drift.minimum_units)
