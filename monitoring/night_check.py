"""A night's verdict on the day's traffic."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import takewhile

import numpy as np

from monitoring.drift.alarm_budget import night_readings
from monitoring.drift.reference_store import References, find_or_freeze
from monitoring.drift.signal_tests import overall
from monitoring.drift.topic_attribution import attribute
from monitoring.features.signal_inputs import times_of
from monitoring.night_action import follow
from monitoring.night_context import NightContext
from monitoring.night_history import nights_before
from monitoring.report.night_page import keep_map
from monitoring.trigger.drifted_rows import DriftedRows
from project.records.adapters import AdapterVersion
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    SignalReading,
)


def check(context: NightContext, day: date) -> Night:
    """The night's verdict and what is to be done; changes nothing but files that it can redo."""
    before = nights_before(context.registry.engine, context.registry.family, day)
    champion = context.registry.champion()
    if champion is None:
        return silent(context, day, None, "there is no champion to watch")
    references = find_or_freeze(context, champion, day, before)
    if isinstance(references, str):
        return silent(context, day, champion, references)
    # Before the traffic is read: what comes meanwhile is not part of it.
    traffic, places = (
        context.traffic.digest(day),
        [frozen.place(day, context) for frozen in references.all],
    )
    sample, set_aside = context.sample([day], context.drift.sample)
    rows = sample.finish()
    if not rows:
        return silent(context, day, champion, "there is no traffic of that day", set_aside)
    batch = context.batch(
        rows, champion, judge=references.judge, answers=references.answers is not None
    )
    for frozen, place in zip(references.all, places, strict=True):
        frozen.keep(place, rows, batch)
    own = reign(before, references)
    readings = tuple(read(context, champion, references, day, own))
    verdict = overall(readings)
    found = attribute(references.prompts.reference, batch, times_of(rows))
    taken = follow(
        context, day, verdict, own, before, DriftedRows(context, references, found, champion)
    )
    keep_map(context.registry.family, day, references.prompts.reference, batch, found.topics)
    return Night(
        family=context.registry.family,
        date=day.isoformat(),
        champion=champion.number,
        reference=references.prompts.digest,
        answers=references.answers.digest if references.answers else None,
        traffic=traffic,
        rows=sample.tally.rows,
        units=len(sample.users),
        tally=sample.tally.finish(),
        set_aside=set_aside,
        verdict=verdict,
        readings=readings,
        **found.model_dump(exclude={"grown"}),
        **taken.model_dump(),
    )


def reign(before: Sequence[Night], references: References) -> list[Night]:
    """The nights since this reference was taken up, without those that came to no verdict.

    A champion that was rolled back to has the reference of its first reign, not those nights.
    """
    own = takewhile(
        lambda night: night.reference in (references.prompts.digest, None), reversed(before)
    )
    return [night for night in reversed(list(own)) if night.reference]


def read(
    context: NightContext,
    champion: AdapterVersion,
    references: References,
    day: date,
    own: Sequence[Night],
) -> Iterator[SignalReading]:
    """Every signal over every window of the nights up to this one."""
    rng = np.random.default_rng([context.drift.seed, day.toordinal()])
    days = [date.fromisoformat(night.date) for night in own]
    for frozen in references.all:
        later = [one for one in days if one >= frozen.first][1 - max(context.drift.windows) :]
        units = [frozen.units_of(one, context, champion) for one in (*later, day)]
        signals, reference = frozen.reference.signals, frozen.reference.units
        yield from night_readings(
            signals, units, reference, context.drift, rng, among=references.signals
        )


def silent(
    context: NightContext,
    day: date,
    champion: AdapterVersion | None,
    why: str,
    set_aside: dict[str, int] | None = None,
) -> Night:
    """A night that can say nothing: its state is that of the night before."""
    before = nights_before(context.registry.engine, context.registry.family, day)
    return Night(
        family=context.registry.family,
        date=day.isoformat(),
        champion=champion.number if champion else None,
        reference=None,
        traffic=None,
        rows=0,
        units=0,
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
