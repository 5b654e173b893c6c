"""A champion's references, frozen and kept in the registry, and the nights compared with them.

One is of prompts, of the traffic before the champion's first night. One is of answers, as soon as
there are enough of the champion's own.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np

from monitoring.drift.reference import (
    ALWAYS,
    FINEST,
    LEAST_USERS,
    Reference,
    Season,
    shared_text,
)
from monitoring.drift.reference_rows import (
    WEEK,
    ReferenceRows,
    answer_rows,
    days_since,
    is_due,
    prompt_rows,
    traffic_rows,
)
from monitoring.drift.signal_tests import FEWEST_USERS, MINIMUM_UNITS
from monitoring.drift.user_days import UserDays, from_bytes, to_bytes
from monitoring.night_context import SEED, USERS_A_NIGHT, NightContext
from monitoring.signals import ANSWER_SIGNALS, PROMPT_SIGNALS
from monitoring.signals.answer_signals import OUTCOMES, Ratings
from monitoring.signals.signal import Batch, Signal
from monitoring.signals.signal_inputs import AnswerJudge, times_of, trained_judge
from monitoring.signals.watched_text import SharedText
from monitoring.traffic.voices import asked_text, voices_of
from project.files import home, write_bytes
from project.records.adapters import AdapterVersion
from project.records.drift import Night
from project.records.events import Event, PromptReference, ReferenceKind
from project.records.record import Digest
from project.records.traffic import Traffic

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
    event: int = 0  # the number of the one that keeps it; 0: none does
    since: date | None = None  # the first day that its rows may be of, and how many days they are
    days: int | None = None  # of; None: it is not of traffic
    # The event of the acceptance that it follows, and the reference that it took the place of.
    accepted: int | None = None
    instead_of: Digest | None = None

    def keep(self, place: Path, rows: Sequence[Traffic], batch: Batch) -> None:
        """Keep a day's units, of sampled rows, for the windows of the nights that follow."""
        units = self.reference.units_of(batch, voices_of(rows), times_of(rows))
        write_bytes(place, to_bytes(units.arrays()))

    def units_of(self, day: date, context: NightContext, champion: AdapterVersion) -> UserDays:
        """A day's units; made again where they are not kept under these settings, or where rows
        came after they were."""
        place = self.place(day, context)
        if not place.exists():
            rows = context.sample([day], USERS_A_NIGHT)[0].finish()
            self.keep(place, rows, self.batch(rows, context, champion))
        return UserDays.of_arrays(from_bytes(place.read_bytes()))

    def batch(
        self, rows: Sequence[Traffic], context: NightContext, champion: AdapterVersion
    ) -> Batch:
        """Rows as this reference watches them."""
        return context.batch(rows, champion, judge=self.judge, shared=self.reference.shared)

    def place(self, day: date, context: NightContext) -> Path:
        """Where the units of a day's rows are kept, of those that are there at this moment."""
        folder = home() / "monitoring" / "units" / f"{self.digest[:16]}-{context.drift.digest[:8]}"
        waits = self.waits_for_users and not context.settled(day)
        return folder / f"{day}-{context.traffic.stamp(day)}{'-early' if waits else ''}.npz"

    def has(self, signals: Collection[str]) -> bool:
        return any(signal.name in signals for signal in self.reference.signals)

    @property
    def has_few_users(self) -> bool:
        """Whether so few can be compared with that no test says anything."""
        users = self.reference.units.users
        return bool(len(users)) and len(np.unique(users)) < FEWEST_USERS

    @property
    def waits_for_users(self) -> bool:
        """Whether it has signals of ratings, or of what became of cases: known a day later."""
        return any(isinstance(signal, (Ratings, *OUTCOMES)) for signal in self.reference.signals)


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


@dataclass(frozen=True)
class NoReference:
    """Why a day has none, and what there is of one that is not whole yet."""

    why: str
    source: Literal["traffic", "dataset"] | None = None  # None: there is one, of later nights
    rows: int = 0
    users: int = 0
    days: int = 0


def find_or_freeze(
    context: NightContext, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> References | NoReference:
    """The champion's references, frozen now where it has none; nights are oldest first."""
    prompts = prompts_of(context, champion, day, nights)
    if isinstance(prompts, NoReference):
        return prompts
    if day < prompts.first:
        return NoReference(f"the reference was frozen for nights from {prompts.first}")
    answers = find_reference(context, champion, ANSWERS, day)
    if answers is None or answers_are_due(context, answers, day, nights):
        answers = freeze_answers(context, champion, day, prompts.reference.shared) or answers
    # A night that is done late may be part of the answers that were frozen after it.
    return References(prompts, answers if answers and answers.first <= day else None)


def night_references(context: NightContext, night: Night) -> References:
    """Those that a night's verdict rests on."""
    prompts = reference_of(context, night.champion, PROMPTS, night.reference)
    assert prompts is not None, "what compared nothing asks for nothing"
    return References(prompts, reference_of(context, night.champion, ANSWERS, night.answers))


def reference_of(
    context: NightContext, champion: int | None, kind: ReferenceKind, digest: Digest | None
) -> FrozenReference | None:
    """A champion's reference by its digest; None: it has no such one."""
    events = context.registry.history(champion, kind)
    known = (event for event in events if event.told(PromptReference).reference == digest)
    return next((of_event(context, event) for event in known), None)


def prompts_of(
    context: NightContext, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> FrozenReference | NoReference:
    known = find_reference(context, champion, PROMPTS, day)
    if known is None:
        return freeze_prompts(context, champion, day, nights)
    return prompts_anew(context, champion, day, nights, known) or known


def find_reference(
    context: NightContext, champion: AdapterVersion, kind: ReferenceKind, day: date
) -> FrozenReference | None:
    """The reference of a champion that a day is compared with: the newest one from before it, else
    the first; not one that was seen by another embedder, or for days that are still to come, which
    a clock that was ahead may have left.
    """
    events = context.registry.history(champion.number, kind)
    today = max(day, context.registry.clock().date()).isoformat()
    told = [(event, event.told(PromptReference)) for event in events]
    seen = [pair for pair in told if pair[1].embedder == context.embeddings.pin.digest]
    past = [event for event, frozen in seen if frozen.first <= today]
    before = [event for event in past if event.told(PromptReference).first <= day.isoformat()]
    chosen = [*past[:1], *before][-1:]
    return of_event(context, chosen[0]) if chosen else None


def of_event(context: NightContext, event: Event) -> FrozenReference:
    artifacts, frozen = context.registry.artifacts, event.told(PromptReference)
    judge, judges = frozen.judge[0] if frozen.judge else None, home() / "judges"
    return FrozenReference(
        reference=Reference.from_bytes(artifacts.get(frozen.reference)),
        digest=frozen.reference,
        first=date.fromisoformat(frozen.first),
        judge=AnswerJudge(artifacts.check_out(judge, judges / judge)) if judge else None,
        event=event.seq,
        accepted=frozen.accepted,
        instead_of=frozen.instead_of,
        since=date.fromisoformat(frozen.since) if frozen.since else None,
        days=frozen.days,
    )


def freeze_prompts(
    context: NightContext, champion: AdapterVersion, day: date, nights: Sequence[Night]
) -> FrozenReference | NoReference:
    chosen = prompt_rows(context, day, nights)
    if len(chosen.rows) < context.drift.minimum_reference:
        missing = context.drift.minimum_reference - len(chosen.rows)
        why = f"the reference needs {missing} more rows of traffic, each of another user"
        users = len(set(voices_of(chosen.rows)))
        source: Literal["traffic", "dataset"] = "traffic" if chosen.since else "dataset"
        return NoReference(why, source, len(chosen.rows), users, chosen.days or 0)
    return freeze_rows(context, champion, day, chosen)


def prompts_anew(
    context: NightContext,
    champion: AdapterVersion,
    day: date,
    nights: Sequence[Night],
    known: FrozenReference,
) -> FrozenReference | None:
    """A reference of more days than the known one, once they are there; None while they are not.

    Where the known one has too few users to compare with, nothing was tested: one of more users
    takes its place, which is looked for once a week.
    """
    if known.since is None or known.days is None or known.first >= day:
        return None
    days = days_since(context, known.since, day, nights, known.digest)
    longer = is_due(known.days, days)
    weekly = (day - known.first).days % WEEK == 0
    if not (longer or (weekly and known.has_few_users)):
        return None
    chosen = traffic_rows(context, days, known.since)
    enough = len(chosen.rows) >= context.drift.minimum_reference
    enough &= longer or len(set(voices_of(chosen.rows))) >= LEAST_USERS
    return freeze_rows(context, champion, day, chosen) if enough else None


def freeze_rows(
    context: NightContext, champion: AdapterVersion, day: date, chosen: ReferenceRows
) -> FrozenReference:
    rows, source = chosen.rows, "traffic" if chosen.since else "dataset"
    reference = fitted_rows(context, champion, PROMPTS, chosen, shared_by(rows, context), None)
    what = f"{len(rows)} rows of {source}"
    return keep_reference(context, champion, PROMPTS, day, reference, what, chosen)


def freeze_answers(
    context: NightContext, champion: AdapterVersion, day: date, shared: SharedText
) -> FrozenReference | None:
    chosen = answer_rows(context, champion, day)
    if not chosen.rows:
        return None
    judge = trained_judge()
    reference = fitted_rows(context, champion, ANSWERS, chosen, shared, judge)
    what = f"{len(chosen.rows)} answers"
    return keep_reference(context, champion, ANSWERS, day, reference, what, chosen, judge)


def answers_are_due(
    context: NightContext, known: FrozenReference, day: date, nights: Sequence[Night]
) -> bool:
    """Whether there may be four weeks of answers for a reference of fewer; asked once a week."""
    if known.since is None or known.days is None or known.first >= day:
        return False
    weekly = (day - known.first).days % WEEK == 0
    return weekly and is_due(known.days, days_since(context, known.since, day, nights, ""))


def shared_by(rows: Sequence[Traffic], context: NightContext) -> SharedText:
    """What the prompts share that `fitted` will take for its index."""
    texts, rng = [asked_text(row.prompt) for row in rows], np.random.default_rng(SEED)
    return shared_text(texts, voices_of(rows), rng)


def fitted_rows(
    context: NightContext,
    champion: AdapterVersion,
    kind: ReferenceKind,
    chosen: ReferenceRows,
    shared: SharedText,
    judge: AnswerJudge | None,
) -> Reference:
    """A reference of some rows, which nothing keeps yet; `shared` is left out of their prompts."""
    rows, times = chosen.rows, times_of(chosen.rows)
    of_traffic = chosen.since is not None
    weekend = context.drift.weekend
    return Reference.freeze(
        watched_batch(context, champion, kind, rows, shared, judge),
        voices_of(rows),
        times,
        rng=np.random.default_rng(SEED),
        season=Season.fit(times, FINEST, MINIMUM_UNITS, weekend) if of_traffic else ALWAYS,
        kinds=PROMPT_SIGNALS if kind == PROMPTS else ANSWER_SIGNALS,
        shared=shared,
    )


def watched_batch(
    context: NightContext,
    champion: AdapterVersion,
    kind: ReferenceKind,
    rows: Sequence[Traffic],
    shared: SharedText,
    judge: AnswerJudge | None,
) -> Batch:
    of_prompts = kind == PROMPTS
    return context.batch(
        rows,
        champion,
        judge=judge,
        nights=READ,
        answers=not of_prompts,
        perplexity=of_prompts,
        shared=shared,
    )


def keep_reference(
    context: NightContext,
    champion: AdapterVersion,
    kind: ReferenceKind,
    day: date,
    reference: Reference,
    what: str,
    chosen: ReferenceRows,
    judge: AnswerJudge | None = None,
    *,
    accepted: int | None = None,
    instead_of: Digest | None = None,
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
        since=chosen.since.isoformat() if chosen.since else None,
        days=chosen.days,
        accepted=accepted,
        instead_of=instead_of,
    )
    return of_event(context, event)
