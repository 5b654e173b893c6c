"""One night: look at the day's traffic, say whether it has drifted, and do what follows."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from threading import Event

import numpy as np

from monitoring.attribution import attribute
from monitoring.control import night_readings
from monitoring.drifted import Drifted
from monitoring.frozen import Frozen, began, frozen
from monitoring.history import check_of, in_flight, keep_check, nights_before
from monitoring.job import Outcome as Done
from monitoring.job import Work
from monitoring.labels import LABELLED, add_labelled, write_queue
from monitoring.pages import keep_map, write_page
from monitoring.retrain import retrain
from monitoring.site import Site
from monitoring.verdict import overall
from monitoring.watch import Facts, Step, step
from registry.outbox import Notice
from registry.records import (
    Action,
    AdapterVersion,
    DriftVerdict,
    Night,
    Outcome,
    SignalReading,
    Verdict,
    Watch,
)
from registry.runs import Claim


def nightly(site: Site) -> Work:
    """The work of the nightly job."""

    def work(claim: Claim, stop: Event) -> Done:
        registry = site.registry
        night = check_of(registry.engine, registry.family, claim.date)
        if night is None:
            night = check(site, claim.date)
            keep_check(registry.engine, claim, night, registry.clock())
        if night.action is Action.RETRAIN:
            night = retrained(site, night, stop)
        write_page(night, nights_before(registry.engine, registry.family, claim.date))
        site.traffic.expire(site.keep_days, claim.date)
        return Done(night, tuple(notices(night)))

    return work


def check(site: Site, day: date) -> Night:
    """The night's verdict and what is to be done; changes nothing but files that it can redo."""
    before = nights_before(site.registry.engine, site.registry.family, day)
    champion = site.registry.champion()
    if champion is None:
        return silent(site, day, None, "nobody holds the seat: there is no champion to watch")
    held = frozen(site, champion, day, before)
    if isinstance(held, str):
        return silent(site, day, champion, held)
    sample, set_aside = site.sample([day], site.drift.sample)
    rows = sample.finish()
    if not rows:
        return silent(site, day, champion, "there is no traffic of that day")
    batch = site.batch(rows, champion)
    held.keep(day, held.units(rows, batch))
    readings = tuple(read(site, champion, held, day))
    verdict = overall(readings)
    found = attribute(held.reference, batch)
    drifted = Drifted(site, held, found, champion)
    own = [night for night in before if night.reference == held.digest]
    taken = follow(site, day, verdict, own, before, drifted)
    keep_map(day, held.reference, batch, found.topics)
    return Night(
        family=site.registry.family,
        date=day.isoformat(),
        champion=champion.number,
        reference=held.digest,
        traffic=site.traffic.digest(day),
        rows=sample.rows,
        units=len(sample.users),
        set_aside=set_aside,
        verdict=verdict,
        readings=readings,
        **found.model_dump(exclude={"grown"}),
        **taken.model_dump(),
    )


def read(site: Site, champion: AdapterVersion, held: Frozen, day: date) -> Iterator[SignalReading]:
    """Every signal over every window of the nights up to this one."""
    longest = max(site.drift.windows)
    days = [d for d in site.traffic.days() if held.first <= d <= day][-longest:]
    units = [held.units_of(d, site, champion) for d in days]
    rng = np.random.default_rng([site.drift.seed, day.toordinal()])
    return night_readings(held.reference.signals, units, held.reference.units, site.drift, rng)


def follow(
    site: Site,
    day: date,
    verdict: DriftVerdict,
    own: Sequence[Night],
    before: Sequence[Night],
    drifted: Drifted,
) -> Step:
    """Decide what to do, and lay out what it needs: rows to train on, or a queue to label."""
    suspect = verdict is DriftVerdict.DRIFT or (own and own[-1].state is not Watch.OK)
    since = began(own) or day
    rows = drifted.rows(since, day) if suspect else []
    labelled = [row for row in rows if row.feedback and row.feedback.correction]
    facts = Facts(
        labels=len(labelled),
        harm=drifted.harm(rows),
        in_flight=in_flight(site.registry.engine, site.registry.family, day),
    )
    taken = step(verdict, day, own, before, facts, site.trigger)
    if taken.action is Action.RETRAIN:
        ids = frozenset(row.id for row in labelled)
        added = add_labelled(drifted.labelled(since, day), ids, since.isoformat(), LABELLED)
        taken = said(taken, f"{added} rows are new in {LABELLED}")
    if taken.action is Action.LABEL:
        write_queue([row for row in rows if row not in labelled], site.trigger.queue)
        taken = said(taken, f"what to label is in {site.trigger.queue}")
    return taken


def said(taken: Step, more: str) -> Step:
    return taken.model_copy(update={"reasons": (*taken.reasons, more)})


def silent(site: Site, day: date, champion: AdapterVersion | None, why: str) -> Night:
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
        set_aside={},
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
    made = retrain(stop, limit=limit, promote=promote, name=night.date)
    champion = site.registry.champion()
    seated = champion is not None and champion.number == made.version
    outcome = Outcome.LOST
    if made.verdict is Verdict.PROMOTE:
        outcome = Outcome.PROMOTED if seated else Outcome.REVIEW
    told = f"version {made.version}: {made.decision}"
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
