"""The references that a night freezes anew because a person accepted a drift.

What is accepted comes out of the days that the person chose, all else out of the reference before.
So a drift in what was not accepted stays one. docs/explain/drift.md says why p stays valid.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from monitoring.drift.accepted_drift import AcceptedTopics, Flags, on_any
from monitoring.drift.reference import Reference, numbers_of
from monitoring.drift.reference_rows import (
    MONTH,
    WEEK,
    ReferenceRows,
    began,
    dataset,
    own_answers,
    quiet_days,
)
from monitoring.drift.reference_store import (
    ANSWERS,
    PROMPTS,
    FrozenReference,
    References,
    fitted_rows,
    keep_reference,
    reference_of,
    shared_by,
    watched_batch,
)
from monitoring.drift.user_days import UserDays
from monitoring.monitoring_settings import Weekday
from monitoring.night_context import SEED, NightContext
from monitoring.signals.signal_inputs import (
    AnswerJudge,
    times_of,
    trained_judge,
)
from monitoring.signals.watched_text import SharedText
from monitoring.traffic.voices import voices_of
from project.records.adapters import AdapterVersion
from project.records.data import counted
from project.records.drift import Night
from project.records.events import DriftAccepted, Event, ReferenceKind
from project.records.traffic import Traffic
from project.untrusted_input import one_line

# --- accepted references --------------------------------------------------------------------------


@dataclass(frozen=True)
class Refreezing:
    """References of one kind that a night freezes anew."""

    context: NightContext
    champion: AdapterVersion
    kind: ReferenceKind
    day: date  # of the night
    nights: Sequence[Night]  # before it, oldest first
    shared: SharedText  # of the prompts' reference: what answers are watched without

    def as_accepted(self, known: FrozenReference) -> tuple[FrozenReference, tuple[str, ...]]:
        """The reference with all that people accepted since it was frozen; with what to say of it.

        An acceptance that cannot be followed changes nothing, and each night says why.
        """
        notes = []
        for event in self.events:
            if event.seq < known.event or event.told(DriftAccepted).night >= str(self.day):
                continue
            if (made := self.frozen(event, known)) is None:
                continue
            who = f"{event.actor} accepted on {event.at[:10]}"
            of = "the reference" if self.kind == PROMPTS else "the reference of answers"
            if isinstance(made, str):
                advice = "`incumbent drift accept` takes other days, or all that changed"
                notes.append(f"what {who} is not in {of}, for {made}; {advice}")
            else:
                known = made
                notes.append(f"{of} has what {who}: {one_line(event.reason)}")
        return known, tuple(notes)

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(self.context.registry.history(self.champion.number, "accept"))

    def frozen(self, event: Event, known: FrozenReference) -> FrozenReference | str | None:
        """The reference that follows from an acceptance, or words; None where it is of others."""
        told = event.told(DriftAccepted)
        if told.signals and not told.topics and not known.has(told.signals):
            return None
        anew = bool(told.topics) or not told.signals  # else its signals stay as they are fitted
        rows = self.rows(told, known) if anew else self.rows_of_days(told)
        if isinstance(rows, str):
            return rows
        chosen = ReferenceRows(rows, self.day)
        days, least = chosen.days or 0, self.context.drift.minimum_reference
        if days < min(WEEK, known.days or WEEK) or len(rows) < least:
            return f"only {len(rows)} rows of {counted(days, 'day')} are there for it"
        judge, reference = known.judge, known.reference
        if anew:
            judge = trained_judge() if self.kind == ANSWERS else None
            shared = shared_by(rows, self.context) if self.kind == PROMPTS else self.shared
            reference = fitted_rows(self.context, self.champion, self.kind, chosen, shared, judge)
        for acceptance in self.signals_of(told, known):
            reference = self.with_signals(reference, acceptance, judge)
        return keep_reference(
            self.context,
            self.champion,
            self.kind,
            self.day,
            reference,
            f"{len(chosen.rows)} rows as {event.actor} accepted",
            chosen,
            judge,
            accepted=event.seq,
            instead_of=known.digest,
        )

    # --- what it is made of ---------------------------------------------------------------------

    def rows(self, told: DriftAccepted, old: FrozenReference) -> list[Traffic] | str:
        """The rows of the chosen days, or of topics the old reference's; words where none match."""
        if not (told.topics or told.signals):
            return self.rows_of_days(told)
        before = self.rows_behind(old, told)
        if isinstance(before, str) or not told.topics:
            return before
        accepted = self.accepted_topics(told)
        if isinstance(accepted, str):
            return accepted
        weekend = self.context.drift.weekend
        return exchanged(self.rows_of_days(told), before, on_any(accepted), weekend)

    def rows_of_days(self, told: DriftAccepted) -> list[Traffic]:
        return self.sample(self.chosen_days(told))

    def chosen_days(self, told: DriftAccepted) -> list[date]:
        days = self.context.usual_days()
        return [day for day in days if told.first <= str(day) <= told.last]

    def sample(self, days: Sequence[date]) -> list[Traffic]:
        keep = own_answers(self.context, self.champion) if self.kind == ANSWERS else list[Traffic]
        return self.context.sample(days, self.context.drift.reference_rows, keep)[0].finish()

    def rows_behind(self, frozen: FrozenReference, told: DriftAccepted) -> list[Traffic] | str:
        """The rows that a reference is of, or as many days of such rows from before the drift: its
        own, as long as they are there, and else the first quiet ones after them.
        """
        if frozen.accepted is not None:
            earlier, old = self.acceptance(frozen)
            return self.rows(earlier, old)
        if frozen.since is None:
            rows = dataset(frozen.first, self.context.drift.reference_rows)
            return spread(rows, self.chosen_days(told))
        since = began([night for night in self.nights if night.date <= told.night])
        digest = frozen.digest if self.kind == PROMPTS else ""
        days = quiet_days(self.context, frozen.since, since or self.day, self.nights, digest)
        return self.sample(days[: max(MONTH, frozen.days or 0)])

    def acceptance(self, frozen: FrozenReference) -> tuple[DriftAccepted, FrozenReference]:
        """What a reference followed from, and the reference before it."""
        event = next(event for event in self.events if event.seq == frozen.accepted)
        old = reference_of(self.context, self.champion.number, self.kind, frozen.instead_of)
        assert old is not None, "a reference that was taken the place of is kept"
        return event.told(DriftAccepted), old

    def signals_of(self, told: DriftAccepted, old: FrozenReference) -> list[DriftAccepted]:
        """The acceptances that a new reference follows, oldest first, but for those that it has."""
        latest = [told] * bool(told.signals)
        if not told.topics or old.accepted is None:
            return latest
        earlier, older = self.acceptance(old)
        return [*self.all_signals(earlier, older), *latest]

    def all_signals(self, told: DriftAccepted, old: FrozenReference) -> list[DriftAccepted]:
        if not (told.topics or told.signals):
            return []
        latest = [told] * bool(told.signals)
        return [*self.all_signals(*self.acceptance(old)), *latest] if old.accepted else latest

    def with_signals(
        self, reference: Reference, told: DriftAccepted, judge: AnswerJudge | None
    ) -> Reference:
        rows, shared = self.rows_of_days(told), reference.shared
        batch = watched_batch(self.context, self.champion, self.kind, rows, shared, judge)
        units = reference.units_of(batch, voices_of(rows), times_of(rows))
        return with_signals(reference, told.signals, units)

    def accepted_topics(self, told: DriftAccepted) -> "list[AcceptedTopics] | str":
        """Of each night that topics were named by."""
        numbers: defaultdict[str, list[int]] = defaultdict(list)
        for place in told.topics:
            day, _, number = place.partition("/")
            numbers[day].append(int(number))
        accepted = []
        for day, of_day in numbers.items():
            night = next((night for night in self.nights if night.date == day), None)
            if night is None or (prompts := self.prompts_of(night)) is None:
                return f"the night of {day} is not there any more"
            topics = AcceptedTopics.of_night(self.context, prompts.reference, night, of_day)
            if isinstance(topics, str):
                return topics
            accepted.append(topics)
        return accepted

    def prompts_of(self, night: Night) -> FrozenReference | None:
        return reference_of(self.context, self.champion.number, PROMPTS, night.reference)


def as_accepted(
    context: NightContext,
    champion: AdapterVersion,
    day: date,
    nights: Sequence[Night],
    known: References,
) -> tuple[References, tuple[str, ...]]:
    """The references with all that people accepted since they were frozen, and notes on it."""
    shared = known.prompts.reference.shared
    of_prompts = Refreezing(context, champion, PROMPTS, day, nights, shared)
    prompts, notes = of_prompts.as_accepted(known.prompts)
    if known.answers is None:
        return References(prompts, None), notes
    of_answers = replace(of_prompts, kind=ANSWERS, shared=prompts.reference.shared)
    answers, more = of_answers.as_accepted(known.answers)
    return References(prompts, answers), tuple(dict.fromkeys((*notes, *more)))


# --- exchanged rows -------------------------------------------------------------------------------

# The rows of a reference whose accepted topics are as in the chosen days, and all else as before.


def exchanged(
    chosen: Sequence[Traffic],
    before: Sequence[Traffic],
    on_topic: Callable[[Sequence[Traffic]], Flags],
    weekend: Sequence[Weekday],
) -> list[Traffic]:
    """The rows of the chosen days, those that are not on the topics exchanged for rows before that
    are not either.

    Each chosen day has the rows of one day before, of the same weekday where there is one, so that
    a day keeps what its rows have in common.
    """
    rng = np.random.default_rng(SEED)
    on = on_topic(chosen)
    others = [row for row, is_on in zip(before, on_topic(before), strict=True) if not is_on]
    days, known = by_day(chosen), by_day(others)
    rows: list[Traffic] = []
    for day, partner in partners(sorted(days, reverse=True), sorted(known), weekend).items():
        theirs = [(chosen[i], bool(on[i])) for i in days[day]]
        rows += exchanged_day(day, theirs, [others[i] for i in known[partner]], rng)
    return rows


def exchanged_day(
    day: date,
    chosen: Sequence[tuple[Traffic, bool]],
    others: Sequence[Traffic],
    rng: np.random.Generator,
) -> Iterator[Traffic]:
    """As many users of a chosen day as there are others, each with whether it is on the topics: so
    these have the share that they have on that day, with the chance in it that so many users have.
    """
    some = [chosen[i] for i in rng.permutation(len(chosen))[: len(others)]]
    kept = [row for row, is_on in some if is_on]
    voices = {*voices_of(kept)}
    yield from kept
    strangers = [
        row for row, voice in zip(others, voices_of(others), strict=True) if voice not in voices
    ]
    for i in rng.permutation(len(strangers))[: len(some) - len(kept)]:
        yield moved(strangers[i], day)


def moved(row: Traffic, day: date) -> Traffic:
    return row.model_copy(update={"at": f"{day}{row.at[10:]}"})


def spread(rows: Sequence[Traffic], days: Sequence[date]) -> list[Traffic]:
    """Rows of no day, such as a dataset's, over some days at random."""
    order = np.random.default_rng(SEED).permutation(len(rows)) if days else ()
    return [moved(rows[i], days[number % len(days)]) for number, i in enumerate(order)]


def by_day(rows: Sequence[Traffic]) -> dict[date, list[int]]:
    """The places of the rows of each day."""
    places: defaultdict[date, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[row.time.date()].append(place)
    return dict(places)


def partners(
    days: Sequence[date], others: Sequence[date], weekend: Sequence[Weekday]
) -> dict[date, date]:
    """For each day another one, no two the same: of that weekday, or else of its kind."""
    free, matched, ends = [*others], dict[date, date](), numbers_of(weekend)
    kinds: tuple[Callable[[date], int], ...] = (date.weekday, lambda day: day.weekday() in ends)
    for kind in kinds:
        for day in days:
            like = next((other for other in free if kind(other) == kind(day)), None)
            if day not in matched and like:
                matched[day] = like
                free.remove(like)
    return matched


# --- accepted signals -----------------------------------------------------------------------------


def with_signals(reference: Reference, names: Collection[str], units: UserDays) -> Reference:
    """A reference that has other units for some of its signals: those of the chosen days, as it
    sees them. Each signal is tested by itself, so the others have what they had.
    """
    rng = np.random.default_rng(SEED)
    accepted = {*names} & {*reference.units.columns}
    some = UserDays.some_of([units], max(len(reference.units), 1), rng)
    kept = only_columns(reference.units, {*reference.units.columns} - accepted)
    return replace(reference, units=UserDays.joined([kept, only_columns(some, accepted)]))


def only_columns(units: UserDays, names: Collection[str]) -> UserDays:
    """The same units, without a value in all other signals."""
    columns = {
        name: rows if name in names else np.full_like(rows, np.nan)
        for name, rows in units.columns.items()
    }
    return UserDays(columns, units.strata, units.users, units.days)
