"""One night: look at the day's traffic, say whether it has drifted, and do what follows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from threading import Event

import numpy as np

from monitoring.drift.alarm_budget import night_readings
from monitoring.drift.reference_rows import began
from monitoring.drift.reference_store import Held, forget_units, held_against
from monitoring.drift.signal_tests import overall
from monitoring.drift.topic_attribution import attribute
from monitoring.features.signal_inputs import times_of
from monitoring.night_context import Site
from monitoring.night_history import check_of, in_flight, keep_check, nights_before
from monitoring.report.night_page import forget_pages, keep_map, write_page
from monitoring.scheduling.job import Outcome as Done
from monitoring.scheduling.job import Work
from monitoring.trigger.drifted_rows import Drifted
from monitoring.trigger.labels import LABELLED, add_labelled, labelled, write_queue
from monitoring.trigger.retrain import retrain
from monitoring.trigger.state_machine import Facts, Step, step
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.data import Row
from project.records.drift import Action, DriftVerdict, Night, Outcome, SignalReading, Watch
from project.records.scores import Verdict
from project.records.traffic import Traffic
from registry.jobs.outbox import Notice
from registry.jobs.runs import Claim


def nightly(site: Site) -> Work:
    """The work of the nightly job."""

    def work(claim: Claim, stop: Event) -> Done:
        registry = site.registry
        refuse_unfinished(claim.date, registry.clock())
        night = check_of(registry.engine, registry.family, claim.date)
        if night is None:
            night = check(site, claim.date)
            keep_check(registry.engine, claim, night, registry.clock())
        if night.action is Action.RETRAIN:
            night = retrained(site, night, stop)
        write_page(night, nights_before(registry.engine, registry.family, claim.date))
        forget(site, claim.date)
        return Done(night, tuple(notices(night)))

    return work


def forget(site: Site, day: date) -> None:
    """Delete what is older than the retention: traffic, and what was made of it."""
    before = day - timedelta(days=site.keep_days)
    site.traffic.expire(site.keep_days, day)
    site.embeddings.expire(site.keep_days)
    forget_units(before)
    forget_pages(site.registry.family, before)


def refuse_unfinished(day: date, now: datetime) -> None:
    """Raise IncumbentError for a UTC day that is not over, as in a time zone that is ahead."""
    if day >= now.astimezone(UTC).date():
        raise IncumbentError(f"{day} is not over yet in UTC: a night looks at a whole day")


def check(site: Site, day: date) -> Night:
    """The night's verdict and what is to be done; changes nothing but files that it can redo."""
    before = nights_before(site.registry.engine, site.registry.family, day)
    champion = site.registry.champion()
    if champion is None:
        return silent(site, day, None, "nobody holds the seat: there is no champion to watch")
    held = held_against(site, champion, day, before)
    if isinstance(held, str):
        return silent(site, day, champion, held)
    # Before the traffic is read: what comes meanwhile is not part of it.
    traffic, places = site.traffic.digest(day), [frozen.place(day, site) for frozen in held.all]
    sample, set_aside = site.sample([day], site.drift.sample)
    rows = sample.finish()
    if not rows:
        return silent(site, day, champion, "there is no traffic of that day", set_aside)
    batch = site.batch(rows, champion, judge=held.judge, answers=held.answers is not None)
    for frozen, place in zip(held.all, places, strict=True):
        frozen.keep(place, rows, batch)
    own = reign(before, held)
    readings = tuple(read(site, champion, held, day, own))
    verdict = overall(readings)
    found = attribute(held.prompts.reference, batch, times_of(rows))
    taken = follow(site, day, verdict, own, before, Drifted(site, held, found, champion))
    keep_map(site.registry.family, day, held.prompts.reference, batch, found.topics)
    return Night(
        family=site.registry.family,
        date=day.isoformat(),
        champion=champion.number,
        reference=held.prompts.digest,
        answers=held.answers.digest if held.answers else None,
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


def reign(before: Sequence[Night], held: Held) -> list[Night]:
    """The nights since this reference was taken up, without those that came to no verdict.

    A champion that was rolled back to has the reference of its first reign, not those nights.
    """
    own = takewhile(lambda night: night.reference in (held.prompts.digest, None), reversed(before))
    return [night for night in reversed(list(own)) if night.reference]


def read(
    site: Site, champion: AdapterVersion, held: Held, day: date, own: Sequence[Night]
) -> Iterator[SignalReading]:
    """Every signal over every window of the nights up to this one."""
    rng = np.random.default_rng([site.drift.seed, day.toordinal()])
    days = [date.fromisoformat(night.date) for night in own]
    for frozen in held.all:
        later = [one for one in days if one >= frozen.first][1 - max(site.drift.windows) :]
        units = [frozen.units_of(one, site, champion) for one in (*later, day)]
        signals, reference = frozen.reference.signals, frozen.reference.units
        yield from night_readings(signals, units, reference, site.drift, rng, among=held.signals)


def follow(
    site: Site,
    day: date,
    verdict: DriftVerdict,
    own: Sequence[Night],
    before: Sequence[Night],
    drifted: Drifted,
) -> Step:
    """Decide what to do, and lay out what it needs: rows to train on, or a queue to label."""
    since = max(began(own) or day, after_retrain(before) or date.min)
    rows = drifted.rows(since, day) if verdict is DriftVerdict.DRIFT else []
    answered = answered_of(rows)
    facts = Facts(
        labels=len(answered),
        harm=drifted.harm(rows),
        in_flight=in_flight(site.registry.engine, site.registry.family, day),
    )
    taken = step(verdict, day, own, before, facts, site.trigger)
    ids = frozenset(row.id for row in answered)
    if taken.action is Action.RETRAIN:
        added = add_labelled(drifted.labelled(since, day), ids, since.isoformat(), LABELLED)
        taken = said(taken, f"{added} rows are new in {LABELLED}")
    if taken.action is Action.LABEL:
        missing = [row for row in rows if row.id not in ids]
        write_queue(drifted.strangest_first(missing), site.trigger.queue)
        taken = said(taken, f"what to label is in {site.trigger.queue}")
    return taken


def answered_of(rows: Sequence[Traffic]) -> list[Traffic]:
    """Those whose right answer is known: the user wrote it, or somebody did for the queue."""
    known = {row.prompt_text for row in Row.read_lines(LABELLED)} if LABELLED.exists() else set()
    return [row for row in rows if labelled([row]) or row.prompt_text in known]


def after_retrain(before: Sequence[Night]) -> date | None:
    """The day after the last retrain: what was labelled until then, it has seen."""
    retrains = [night for night in before if night.action is Action.RETRAIN]
    return date.fromisoformat(retrains[-1].date) + timedelta(days=1) if retrains else None


def said(taken: Step, more: str) -> Step:
    return taken.model_copy(update={"reasons": (*taken.reasons, more)})


def silent(
    site: Site,
    day: date,
    champion: AdapterVersion | None,
    why: str,
    set_aside: dict[str, int] | None = None,
) -> Night:
    """A night that can say nothing: its state is that of the night before."""
    before = nights_before(site.registry.engine, site.registry.family, day)
    return Night(
        family=site.registry.family,
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
        state=before[-1].state if before else Watch.OK,
        action=Action.NONE,
        reasons=(why,),
    )


def retrained(site: Site, night: Night, stop: Event) -> Night:
    """Train a challenger, and let the decision say what becomes of it."""
    promote = site.trigger.promote == "policy"
    limit = timedelta(hours=site.trigger.retrain_hours)
    made = retrain(stop, limit=limit, promote=promote, family=night.family, day=night.date)
    champion = site.registry.champion()
    seated = champion is not None and champion.number == made.version
    outcome = Outcome.LOST
    told = f"version {made.version}: {made.decision}"
    if made.version == night.champion:
        told = f"nothing new was trained: is {LABELLED} among curation.collect.sources?"
    elif made.verdict is Verdict.PROMOTE:
        outcome = Outcome.PROMOTED if seated else Outcome.REVIEW
    return night.model_copy(
        update={"outcome": outcome, "challenger": made.version, "reasons": (*night.reasons, told)}
    )


def notices(night: Night) -> Iterator[Notice]:
    """What people are told: that drift was found, or what was done about it."""
    if night.action is Action.NONE and night.verdict is not DriftVerdict.DRIFT:
        return
    what = night.outcome or night.action
    yield Notice(
        key=f"nightly {night.family} {night.date}",
        kind="drift" if night.action is Action.NONE else what.value,
        text=f"{night.family}, {night}\n" + "\n".join(night.reasons[1:]),
        detail={"date": night.date, "verdict": night.verdict, "state": night.state},
    )
