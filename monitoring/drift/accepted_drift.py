"""A person accepts a drift: what may be accepted and when, and where its topics lie.

That is kept as an event. The next night freezes the references anew: here that would take minutes,
and this machine may lack the traffic.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import dropwhile
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.reference import Reference
from monitoring.drift.reference_rows import WEEK, began
from monitoring.drift.topic_attribution import parts_of
from monitoring.monitoring_settings import DriftParams
from monitoring.night_context import USERS_A_NIGHT, NightContext
from monitoring.night_history import nightly_of, nights_before
from monitoring.scheduling.runs import RunState, begun, run_on
from monitoring.signals.prompt_signals import NEW, Topics
from monitoring.signals.signal import NEIGHBOURS, Batch, Floats, distance, usual_distance
from monitoring.signals.signal_inputs import watched_prompts
from monitoring.signals.vocabulary import beginning, words_of
from project.errors import IncumbentError, InputError
from project.records.data import counted
from project.records.drift import DriftVerdict, Night, Topic
from project.records.events import DriftAccepted, Event, PromptReference
from project.records.traffic import Traffic
from registry.storage.database import writing
from registry.store import Registry

Flags = NDArray[np.bool_]
Days = tuple[date, date]  # the first and the last one


def accept_drift(
    registry: Registry,
    params: DriftParams,
    reason: str,
    *,
    topics: Sequence[str] = (),
    signals: Sequence[str] = (),
    days: Days | None = None,
) -> Event:
    """Keep that what a drift brought is normal now: some topics or signals of it, or all.

    days are those that it is to be like from now on: by default the last seven of the drift. The
    day of the first alarm is none of them, for it was odd enough to alarm.

    Raises InputError for a topic, signal or days that the drift has not, and IncumbentError where
    there is no drift or too little of it, while a night is at work, and for who may not promote.
    """
    registry.roles.require("promote", registry.actor)
    if not any(map(str.isalnum, reason)):
        raise InputError("a reason is needed: it is kept with your name", field="reason")
    refuse_night_at_work(registry)
    champion, drift = registry.champion(), drift_nights(registry)
    if champion is None or not drift:
        raise IncumbentError(
            "no drift is going on, so there is nothing to accept: `incumbent status` has the state"
        )
    chosen = chosen_nights(drift, days)
    refuse_few(registry, params, drift, chosen)
    told = DriftAccepted(
        night=drift[-1].date,
        first=chosen[0].date,
        last=chosen[-1].date,
        topics=tuple(dict.fromkeys(place_of_topic(drift, name) for name in topics)),
        signals=tuple(dict.fromkeys(known_signal(drift, name) for name in signals)),
    )
    with writing(registry.engine) as connection:
        return registry.append_event(connection, champion.number, told, reason)


def refuse_night_at_work(registry: Registry) -> None:
    now, job = registry.clock(), nightly_of(registry.family)
    for day in sorted(begun(registry.engine, job)):
        run = run_on(registry.engine, job, day)
        if run and run.state is RunState.RUNNING and run.held(now):
            raise IncumbentError(
                f"the night of {day} is at work: accept the drift when it is done; `incumbent "
                "status` shows that"
            )


def drift_nights(registry: Registry) -> list[Night]:
    """The nights of the drift that goes on, of the champion of now, from the first alarm on."""
    champion = registry.champion()
    nights = nights_before(registry.engine, registry.family, registry.clock().date())
    since = began(nights)
    recent = (
        night
        for night in nights
        if since and champion and night.date >= str(since) and night.champion == champion.number
    )
    return [*dropwhile(lambda night: night.verdict is not DriftVerdict.DRIFT, recent)]


def chosen_nights(drift: Sequence[Night], days: Days | None) -> list[Night]:
    """Those of the chosen days that had traffic. Raises InputError where the drift has not all."""
    there = [night for night in drift[1:] if night.rows]
    if days is None:
        return there[-WEEK:]
    first, last = map(str, days)
    if first > last or first <= drift[0].date or last > drift[-1].date:
        raise InputError(
            f"{first}..{last} are not days of this drift: choose some after {drift[0].date}, the "
            f"day of its first alarm, and up to {drift[-1].date}, the newest night",
            field="days",
        )
    return [night for night in there if first <= night.date <= last]


def refuse_few(
    registry: Registry, params: DriftParams, drift: Sequence[Night], chosen: Sequence[Night]
) -> None:
    """Raise IncumbentError for less than a week, or than the reference has, and for few users."""
    frozen = registry.newest_event(drift[-1].champion or 0, "watch")
    needed = min(WEEK, (frozen and frozen.told(PromptReference).days) or WEEK)
    there = sum(night.rows > 0 for night in drift[1:])
    if len(chosen) < needed <= there:
        raise IncumbentError(f"{counted(len(chosen), 'day')} of traffic: choose {needed} at least")
    if len(chosen) < needed:
        ready = date.fromisoformat(drift[-1].date) + timedelta(days=needed - there + 1)
        raise IncumbentError(
            f"the drift has {counted(there, 'day')} of traffic after its first alarm on "
            f"{drift[0].date}, and {needed} are needed: accept it from {ready} on"
        )
    users = sum(night.units for night in chosen)
    if users < params.minimum_reference:
        raise IncumbentError(
            f"these days have {users} users, and a reference needs {params.minimum_reference} "
            "(monitoring.drift.minimum_reference): choose more days, or wait for some"
        )


def accepted_words(event: Event) -> str:
    told = event.told(DriftAccepted)
    parts = [counted(len(told.topics), "topic")] * bool(told.topics)
    parts += [f"the signal {name}" for name in told.signals]
    what = ", ".join(parts) or "all that changed"
    rest = "; all else is compared as before" if parts else ""
    return (
        f"accepted {what}, as on {told.first}..{told.last}; the night after {told.night} freezes "
        f"the reference anew{rest}"
    )


# --- topics and signals by name -------------------------------------------------------------------


def place_of_topic(drift: Sequence[Night], name: str) -> str:
    """The newest night that names a topic, and its number there.

    A topic is named by the words that a night has for it or by some of them, by its number in the
    newest night that has topics, or by a night and a number. Raises InputError for another name.
    """
    telling = [night for night in reversed(drift) if night.topics]
    for night in telling:
        by_place = {f"{night.date}/{number}": topic for number, topic in enumerate(night.topics, 1)}
        places = [name] * (name in by_place) or named_so(by_place, name)
        if not places and name.isdecimal() and night is telling[0]:
            places = [place for place in by_place if place == f"{night.date}/{name}"]
        if len(places) == 1:
            return places[0]
        if places:
            several = "; ".join(by_place[place].name for place in places)
            raise InputError(f"{name!r} is in several: {several}; write one of them", field="topic")
    there = "its nights name none: accept a signal, or all of it"
    if telling:
        names = (f"{number}: {topic.name}" for number, topic in enumerate(telling[0].topics, 1))
        there = f"the night of {telling[0].date} has {'; '.join(names)}"
    raise InputError(f"no topic of this drift is called {name!r}; {there}", field="topic")


def named_so(topics: Mapping[str, Topic], name: str) -> list[str]:
    """The places of the topic of that name, else of those with all of its words."""
    exact = [place for place, topic in topics.items() if topic.name.lower() == name.lower()]
    words = {*words_of(name)}
    return exact or [p for p, topic in topics.items() if words and words <= {*words_of(topic.name)}]


def known_signal(drift: Sequence[Night], name: str) -> str:
    """Raises InputError for a signal that says nothing of this drift."""
    alarms = alarms_of(drift)
    if name in alarms:
        return name
    there = ", ".join(alarms) or "none does"
    raise InputError(f"{name!r} is no signal that alarms in this drift: {there}", field="signal")


def alarms_of(nights: Sequence[Night]) -> list[str]:
    """The signals that alarm in some nights, by name."""
    readings = (reading for night in nights for reading in night.readings)
    return sorted({reading.signal for reading in readings if reading.verdict is DriftVerdict.DRIFT})


# --- accepted topics ------------------------------------------------------------------------------

# Where the accepted topics lie: a function of a row that is fixed by the night which named them.


@dataclass(frozen=True)
class AcceptedTopics:
    """Those of one night. A row on a new topic belongs to none that its reference knows, lies as
    near to the topic's rows of that night as these to one another, and nearer to their middle than
    to that of any other new topic.
    """

    context: NightContext
    reference: Reference  # that the night was compared with
    known: tuple[int, ...]  # as Topics.labels numbers them
    middles: Floats  # of all new topics of that night [parts, d]
    accepted: tuple[int, ...]  # of the parts
    rows: Floats  # the vectors of those parts' rows [m, d]

    @classmethod
    def of_night(
        cls, context: NightContext, reference: Reference, night: Night, numbers: Sequence[int]
    ) -> Self | str:
        """Those of a night by their numbers there; words where they are not found again."""
        rows = context.sample([date.fromisoformat(night.date)], USERS_A_NIGHT)[0].finish()
        topics = topics_of(reference)
        if topics is None or not rows:
            return f"the traffic of {night.date} is gone"
        prompts = watched_prompts(rows, reference.shared)
        vectors = context.embeddings.encode(prompts)
        labels = topics.labels(Batch(vectors=vectors))
        new = np.flatnonzero(labels == topics.count - 1)
        parts = parts_of(vectors[new]) if len(new) else np.zeros(0, np.int64)
        shown = np.array([beginning(text) for text in prompts], dtype=object)
        known, accepted = list[int](), list[int]()
        for number in numbers:
            topic = night.topics[number - 1]
            there = np.isin(shown, topic.exemplars)
            among, matches = (accepted, parts[there[new]]) if topic.new else (known, labels[there])
            if not topic.new and reference.topic_names.count(topic.name) == 1:
                matches = np.array([reference.topic_names.index(topic.name)])
            if not len(matches):
                return f"no prompt of topic {number} of {night.date} is there any more"
            among.append(Counter(matches.tolist()).most_common(1)[0][0])
        middles = [vectors[new[parts == part]].mean(0) for part in range(parts.max(initial=-1) + 1)]
        return cls(
            context,
            reference,
            tuple(known),
            np.array(middles, np.float32).reshape(len(middles), vectors.shape[1]),
            tuple(accepted),
            vectors[new[np.isin(parts, accepted)]],
        )

    def on(self, rows: Sequence[Traffic]) -> Flags:
        """Which rows are on the topics [n]."""
        topics = topics_of(self.reference)
        assert topics is not None
        vectors = self.context.embeddings.encode(watched_prompts(rows, self.reference.shared))
        labels = topics.labels(Batch(vectors=vectors))
        there = np.isin(labels, self.known)
        if self.accepted:
            apart = ((vectors[:, None] - self.middles) ** 2).sum(2)
            near = distance(vectors, self.rows) <= self.reach(topics)
            there |= (labels == topics.count - 1) & np.isin(apart.argmin(1), self.accepted) & near
        return np.asarray(there, bool)

    def reach(self, topics: Topics) -> float:
        """How far from the rows of the new topics a row of theirs may be."""
        alone = len(self.rows) <= NEIGHBOURS
        distances = topics.far if alone else usual_distance(self.rows, NEW)
        return max(float(topics.far[0]), float(distances[0]))


def topics_of(reference: Reference) -> Topics | None:
    return next((signal for signal in reference.signals if isinstance(signal, Topics)), None)


def on_any(accepted: Collection[AcceptedTopics]) -> Callable[[Sequence[Traffic]], Flags]:
    def on(rows: Sequence[Traffic]) -> Flags:
        there = np.zeros(len(rows), bool)
        for topics in accepted:
            there |= topics.on(rows)
        return there

    return on
