"""A night's verdict on the day's traffic."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import takewhile

import numpy as np

from monitoring.blindness import (
    reference_hindrance,
    set_aside_hindrance,
    special_hindrance,
    window_hindrance,
)
from monitoring.champion_quality import with_quality, with_same_model
from monitoring.drift.accepted_reference import as_accepted
from monitoring.drift.alarm_budget import confirm, night_tests
from monitoring.drift.answer_attribution import answer_change
from monitoring.drift.reference import Reference
from monitoring.drift.reference_rows import reference_notes
from monitoring.drift.reference_store import (
    FrozenReference,
    NoReference,
    References,
    find_or_freeze,
)
from monitoring.drift.signal_tests import overall
from monitoring.drift.topic_attribution import attribute
from monitoring.drift.user_days import UserDays
from monitoring.night_action import follow
from monitoring.night_context import SEED, USERS_A_NIGHT, NightContext
from monitoring.night_history import nights_before
from monitoring.night_page import keep_map
from monitoring.signals.prompt_signals import Topics
from monitoring.signals.signal import Batch
from monitoring.signals.signal_inputs import (
    cut_notes,
    cut_prompts,
    rated_so_far,
    rewatched,
    times_of,
    watched_prompts,
)
from monitoring.traffic.user_sample import HeavyUsers, UserSample
from monitoring.traffic.voices import voice_notes
from monitoring.trigger.drifted_rows import DriftedRows
from monitoring.trigger.labels import pseudonym_of
from project.engine.ray_cluster import cluster_kept
from project.errors import refuse_stopped
from project.records.adapters import AdapterVersion
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Hindrance,
    Night,
    SignalReading,
    answers_alone,
)
from project.records.record import Digest
from project.records.traffic import Traffic

NO_TRAFFIC = "there is no traffic of that day"
ALL_ASIDE = "all rows of that day were set aside"


def check(context: NightContext, day: date) -> Night:
    """The night's verdict and what is to be done, with the champion's quality on fresh labels;
    changes nothing but files that it can redo, and freezes a reference where one is due.
    """
    with cluster_kept():
        return with_same_model(context, with_quality(context, judged_night(context, day)))


def judged_night(context: NightContext, day: date) -> Night:
    """What the day's traffic says, and what follows from it."""
    # Before the traffic is read: what comes meanwhile is not part of it.
    traffic = context.traffic.seen(day)
    before = nights_before(context.registry.engine, context.registry.family, day)
    champion = context.registry.champion()
    if champion is None:
        return silent(context, day, None, "there is no champion to watch", traffic)
    if traffic is None:  # before a reference is frozen, which takes long, and for good
        set_aside = context.sample([day], USERS_A_NIGHT)[1]  # such as a file that nothing reads
        return silent(context, day, champion, NO_TRAFFIC, None, set_aside)
    if special := context.special(day):
        lacks = special_hindrance(special)
        return hindered(read_only(context, day, champion, lacks.cause, traffic), lacks)
    references = find_or_freeze(context, champion, day, before)
    if isinstance(references, NoReference):
        night = read_only(context, day, champion, references.why, traffic)
        needed = context.drift.minimum_reference
        return hindered(night, reference_hindrance(references, night.units, needed))
    references, notes = as_accepted(context, champion, day, before, references)
    night = compared(context, day, traffic, champion, references, before)
    return night.model_copy(update={"notes": (*notes, *night.notes)})


def compared(
    context: NightContext,
    day: date,
    traffic: Digest,
    champion: AdapterVersion,
    references: References,
    before: Sequence[Night],
) -> Night:
    """What the day's rows say beside the references, and what follows from it."""
    places = [frozen.place(day, context) for frozen in references.all]
    sample, set_aside = context.sample([day], USERS_A_NIGHT)
    rows = sample.finish()
    if not rows:
        why = ALL_ASIDE if set_aside else NO_TRAFFIC
        return hindered(silent(context, day, champion, why, traffic, set_aside))
    batch = batch_of(context, champion, references, rows)
    for frozen, place in zip(references.all, places, strict=True):
        own_prompts = rewatched(batch, rows, frozen.reference.shared, context.embeddings)
        frozen.keep(place, rows, own_prompts)
    cut = cut_prompts(batch)
    # A champion that was rolled back to has the reference of its first reign, not those nights.
    reign = [night for night in since_taken_up(before, references) if night.reference]
    days = days_with_rows(context, before, references)
    readings = tuple(read(context, champion, references, day, days))
    verdict = overall(readings)
    is_drift = verdict is DriftVerdict.DRIFT
    confirming = confirm(context, champion, references, day, days, reign) if is_drift else ()
    shown = rated_so_far(batch, rows, champion)
    attribution = attribute(references.prompts.reference, shown, times_of(rows))
    change = answer_change(context, champion, references, readings, [*days, day])
    # Where answers alone drift, no topic does: what one grew by is chance, and not where to look.
    alone = answers_alone(readings)
    grown = () if alone else attribution.grown
    drifted = DriftedRows(context, references, grown, champion, alone)
    taken, to_label = follow(context, day, verdict, confirming, reign, before, drifted)
    keep_map(context.registry.family, day, references.prompts.reference, batch, attribution.grown)
    night = Night(
        family=context.registry.family,
        date=day.isoformat(),
        champion=champion.number,
        reference=references.prompts.digest,
        answers=references.answers.digest if references.answers else None,
        traffic=traffic,
        rows=sample.tally.rows,
        units=len(rows),
        tally=sample.tally.finish(),
        set_aside=set_aside,
        verdict=verdict,
        readings=readings,
        confirming=confirming,
        cut=cut,
        notes=(
            *voice_notes(sample.tally.rows, sample.tally.nameless, len(rows)),
            *cut_notes(cut, len(rows)),
            *heavy_user_notes(context, sample.heavy, references.prompts.reference),
            *reference_notes(references.prompts.reference, day, readings),
        ),
        **attribution.model_dump(exclude={"grown"}),
        **taken.model_dump(),
        to_label=to_label,
        answer_change=change,
    )
    if verdict is not DriftVerdict.INSUFFICIENT:
        return hindered(night)
    units = units_before(context, champion, references.prompts, day, days)
    return hindered(night, window_hindrance(references, units))


def hindered(night: Night, otherwise: Hindrance | None = None) -> Night:
    """The night with what keeps it from telling drift: rows that are set aside come first."""
    aside = set_aside_hindrance(date.fromisoformat(night.date), night.rows, night.set_aside)
    return night.model_copy(update={"hindrance": aside or otherwise})


def batch_of(
    context: NightContext,
    champion: AdapterVersion,
    references: References,
    rows: Sequence[Traffic],
) -> Batch:
    """The rows as the reference of prompts watches them."""
    return context.batch(
        rows,
        champion,
        judge=references.judge,
        answers=references.answers is not None,
        shared=references.prompts.reference.shared,
    )


def since_taken_up(before: Sequence[Night], references: References) -> list[Night]:
    reign = takewhile(
        lambda night: night.reference in (references.prompts.digest, None), reversed(before)
    )
    return list(reversed(list(reign)))


def days_with_rows(
    context: NightContext, before: Sequence[Night], references: References
) -> list[date]:
    """The days of those nights; of one that came to no verdict, where its rows have come since."""
    there = set(context.usual_days())
    nights = since_taken_up(before, references)
    days = [(date.fromisoformat(night.date), night.reference) for night in nights]
    return [day for day, reference in days if reference or day in there]


def read(
    context: NightContext,
    champion: AdapterVersion,
    references: References,
    day: date,
    days: Sequence[date],
) -> Iterator[SignalReading]:
    """Every signal over every window of the nights up to this one."""
    rng = np.random.default_rng([SEED, day.toordinal()])
    for frozen in references.all:
        units = units_before(context, champion, frozen, day, days)
        signals, reference = frozen.reference.signals, frozen.reference.units
        for test in night_tests(
            signals, units, reference, context.drift, rng, among=references.signals
        ):
            refuse_stopped(context.stop)
            yield test.reading


def units_before(
    context: NightContext,
    champion: AdapterVersion,
    frozen: FrozenReference,
    day: date,
    days: Sequence[date],
) -> list[UserDays]:
    """The units of a reference's longest window, tonight's the last."""
    later = [when for when in days if when >= frozen.first][1 - max(context.drift.windows) :]
    return [frozen.units_of(when, context, champion) for when in (*later, day)]


def read_only(
    context: NightContext, day: date, champion: AdapterVersion, why: str, traffic: Digest
) -> Night:
    """A night whose rows are counted and compared with nothing."""
    there, set_aside = context.sample([day], USERS_A_NIGHT)
    return silent(context, day, champion, why, traffic, set_aside, there)


def silent(
    context: NightContext,
    day: date,
    champion: AdapterVersion | None,
    why: str,
    traffic: Digest | None,
    set_aside: dict[str, int] | None = None,
    sample: UserSample | None = None,
) -> Night:
    """A night that can say nothing: its state is that of the night before."""
    before = nights_before(context.registry.engine, context.registry.family, day)
    return Night(
        family=context.registry.family,
        date=day.isoformat(),
        champion=champion.number if champion else None,
        reference=None,
        traffic=traffic,
        rows=sample.tally.rows if sample else 0,
        units=len(sample.finish()) if sample else 0,
        tally=sample.tally.finish() if sample else None,
        set_aside=set_aside or {},
        verdict=DriftVerdict.INSUFFICIENT,
        readings=(),
        topics=(),
        exemplars=(),
        new_words=(),
        state=before[-1].state if before else DriftState.OK,
        action=Action.NONE,
        reasons=(why,),
    )


# --- heavy user notes -----------------------------------------------------------------------------

# What a night says of users who send much of the traffic: they count once, and may move alone.

HEAVY = 0.2  # of the rows: a user with more is looked at
MOST = 0.5  # of a user's prompts


def heavy_user_notes(
    context: NightContext, heavy: HeavyUsers, reference: Reference
) -> Iterator[str]:
    """A sentence on each heavy user most of whose prompts are unlike all of the reference.

    No word of what they wrote: a topic of one person may be about that person.
    """
    topics = next((s for s in reference.signals if isinstance(s, Topics)), None)
    if topics is None:
        return
    for user in heavy.above(HEAVY):
        prompts = watched_prompts(user.rows, reference.shared)
        labels = topics.labels(Batch(vectors=context.embeddings.encode(prompts)))
        new = float(np.mean(labels == topics.count - 1))
        if new >= MOST:
            yield (
                f"one user ({pseudonym_of(user.name)}) sent about {user.share:.0%} of the rows, "
                f"and {new:.0%} of that user's prompts are unlike the reference; a user counts "
                "once a day, so this alone is no drift"
            )
