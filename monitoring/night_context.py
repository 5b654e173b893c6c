"""What a night works with: the registry, the traffic, and the settings."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from secrets import token_hex
from socket import gethostname
from threading import Event
from typing import Self

from sqlalchemy import Connection, Engine, insert, select

from evaluation.evaluation_settings import ScoringParams
from monitoring.monitoring_settings import (
    DriftParams,
    TrafficParams,
    TriggerParams,
    name_of_special,
    quarantine_folder,
)
from monitoring.night_history import REMEMBERED, check_job, nightly_of
from monitoring.scheduling import runs
from monitoring.scheduling.job import ScheduleParams, WrongMachineError
from monitoring.scheduling.retrain_slots import NO_LIMITS, RetrainLimits
from monitoring.scheduling.runs import runs_of
from monitoring.signals.signal import Batch
from monitoring.signals.signal_inputs import MOST_GROUNDED, AnswerJudge, batch_of
from monitoring.signals.watched_text import NOTHING, SharedText
from monitoring.traffic.day_parts import PartReader, sample_parts
from monitoring.traffic.traffic_store import LATE, TrafficStore
from monitoring.traffic.user_sample import UserSample
from project.canonical import moment_of, stamp
from project.disclosure import DisclosureParams
from project.errors import IncumbentError, refuse_stopped
from project.files import home
from project.model_pins import ModelChoice, pin
from project.records.adapters import AdapterVersion
from project.records.data import counted
from project.records.drift import Night
from project.records.record import Record
from project.records.traffic import Traffic
from project.settings import load
from registry.reader import RegistryReader
from registry.storage.database import reading, writing
from registry.storage.tables import places
from registry.store import Registry
from retrieval.embedder import Embeddings

# Users of a night whose prompts are looked at: the smallest shift that counts by default, 2 %, is
# four standard errors of a share of so many.
USERS_A_NIGHT = 10_000
SEED = 0  # of samples and permutations, beside the day: a night that is run again says the same
JUDGED_ROWS = 300  # answers of a night that are judged: their mean is known to 0.06 deviations


@dataclass(frozen=True)
class NightContext:
    registry: Registry
    traffic: TrafficStore
    embeddings: Embeddings
    keep_days: int
    drift: DriftParams
    trigger: TriggerParams
    limits: RetrainLimits = NO_LIMITS  # what the scheduler keeps retrains to
    lease: timedelta = timedelta(minutes=10)  # of a retrain's slot
    phrasings: tuple[str, ...] = ()  # by which answers abstain, beside the usual ones
    # What users have to be told.
    disclosure: DisclosureParams = field(default_factory=DisclosureParams)
    stop: Event = field(default_factory=Event)  # set when the night is asked to end early

    def until(self, stop: Event) -> Self:
        """The same, whose long work ends with StoppedError once the event is set."""
        return replace(self, stop=stop, embeddings=self.embeddings.until(stop))

    @classmethod
    def here(cls, registry: Registry, limits: RetrainLimits = NO_LIMITS) -> Self:
        """The project in the current folder."""
        traffic = load(TrafficParams)
        state = home() / "monitoring"
        return cls(
            registry=registry,
            traffic=TrafficStore(
                traffic.folder, redact=traffic.redact, quarantine=quarantine_folder()
            ),
            embeddings=Embeddings(pin(load(ModelChoice), "embedder"), state / "embeddings.db"),
            keep_days=traffic.keep_days,
            drift=load(DriftParams),
            trigger=load(TriggerParams),
            limits=limits,
            lease=load(ScheduleParams).lease,
            phrasings=load(ScoringParams).abstentions,
            disclosure=load(DisclosureParams),
        )

    def special(self, day: date) -> str | None:
        """Why a day is compared with nothing: a holiday's name, or the setting's words."""
        return name_of_special(self.drift.special_days, day)

    def usual_days(self) -> list[date]:
        """The days with traffic, oldest first, that may be compared."""
        return [day for day in self.traffic.days() if not self.special(day)]

    def sample(
        self,
        days: Iterable[date],
        limit: int,
        of_these: Callable[[list[Traffic]], list[Traffic]] = list,
    ) -> tuple[UserSample, dict[str, int]]:
        """A sample of the users of some days, and what was set aside, by reason."""
        readings = [self.traffic.read(day) for day in days]
        reader = PartReader(readings, limit, SEED, of_these)
        return sample_parts(reader, lambda: refuse_stopped(self.stop))

    def batch(
        self,
        rows: Sequence[Traffic],
        champion: AdapterVersion,
        *,
        judge: AnswerJudge | None = None,
        nights: int = 1,
        answers: bool = True,
        perplexity: bool = True,
        shared: SharedText = NOTHING,
    ) -> Batch:
        """Rows as the signals see them, answers and perplexity where they are asked for; as many
        are read by the champion, and judged, as in so many nights. `shared` is left out of prompts.
        """
        return batch_of(
            rows,
            self.embeddings,
            champion,
            self.registry.artifacts,
            answers=answers,
            perplexity_rows=nights * self.drift.perplexity_rows if perplexity else 0,
            perplexity_new=self.drift.perplexity_rows,
            judge=judge,
            judged_rows=nights * JUDGED_ROWS,
            shared=shared,
            settled=self.settled,
            grounded_rows=nights * MOST_GROUNDED,
            phrasings=self.phrasings,
        )

    def settled(self, day: date) -> bool:
        """Whether all feedback on a day's rows has come that still counts."""
        return (self.registry.clock().date() - day).days > LATE


# --- same place -----------------------------------------------------------------------------------

# Whether what a night works with is on this machine: asked before a night is claimed.
#
# A machine whose traffic folder is not mounted sees a day without traffic. It must not say so for
# all. So the folder holds a mark, and the registry knows it: who sees another one is refused.

TRAFFIC = "traffic"


class MarkedFolder(Record):
    """A folder that everybody has to see, known by a mark that lies in it."""

    family: str
    kind: str  # such as traffic
    mark: str
    location: str  # as the machine named it that wrote this
    at: str
    by: str

    def __str__(self) -> str:
        return f"{self.location} (mark {self.mark}, by {self.by} on {self.at[:10]})"


class OtherPlaceError(IncumbentError):
    """Somebody else has settled the place meanwhile."""


def place_of(engine: Engine, family: str, kind: str) -> MarkedFolder | None:
    """The place that counts; None: none was settled yet."""
    with reading(engine) as connection:
        return newest(connection, family, kind)


def settle(engine: Engine, place: MarkedFolder, *, instead_of: str | None) -> None:
    """Let a place count from now on, instead of the one of that mark; None: it is the first one.

    Raises OtherPlaceError when another one counts by then.
    """
    with writing(engine) as connection:
        known = newest(connection, place.family, place.kind)
        if (known.mark if known else None) != instead_of:
            raise OtherPlaceError(f"the {place.kind} of {place.family} is at {known} by now")
        connection.execute(insert(places).values(place.model_dump()))


def newest(connection: Connection, family: str, kind: str) -> MarkedFolder | None:
    query = select(places).where(places.c.family == family, places.c.kind == kind)
    row = connection.execute(query.order_by(places.c.id.desc()).limit(1)).first()
    if row is None:
        return None
    return MarkedFolder(**{name: value for name, value in row._mapping.items() if name != "id"})


def require_place(context: NightContext) -> None:
    """Raise WrongMachineError where this machine lacks the traffic or the champion's files."""
    require_traffic(context)
    registry = context.registry
    champion = registry.champion()
    if champion and any(map(registry.artifacts.incomplete, champion.adapter.folders)):
        raise WrongMachineError(
            f"the files of {champion.label} are not in {registry.artifacts.blobs.location}: a "
            "machine that runs nights needs the registry's artifacts; set registry.artifacts in "
            "params.yaml to the store that all machines use"
        )


def require_traffic(context: NightContext) -> None:
    """Whoever sees traffic first says where it is; nothing is refused before."""
    traffic, registry = context.traffic, context.registry
    known = place_of(registry.engine, registry.family, TRAFFIC)
    if known is None and traffic.days():
        known = settle_traffic(context, None)
    if known is None or (mark := traffic.mark()) == known.mark:
        return
    here = f"has the mark {mark}" if mark else "has no mark (is it mounted?)"
    raise WrongMachineError(
        f"the traffic of {registry.family} is at {known}, and {traffic.location} on this machine "
        f"{here}. Mount the same folder here, or name it in monitoring.traffic.folder; if the "
        "traffic was moved to here, run `incumbent nightly --traffic-is-here`"
    )


def move_traffic(context: NightContext) -> MarkedFolder:
    """Let this machine's folder be the family's, on a person's word; that is kept on record."""
    known = place_of(context.registry.engine, context.registry.family, TRAFFIC)
    if known and known.mark == context.traffic.mark():
        return known
    if known and not context.traffic.days():
        raise WrongMachineError(
            f"{context.traffic.location} holds no day of traffic: is it mounted? Bring the days "
            f"from {known} there first"
        )
    return settle_traffic(context, known.mark if known else None)


def settle_traffic(context: NightContext, instead_of: str | None) -> MarkedFolder:
    registry = context.registry
    place = MarkedFolder(
        family=registry.family,
        kind=TRAFFIC,
        mark=context.traffic.put_mark(token_hex(8)),
        location=context.traffic.location,
        at=stamp(registry.clock()),
        by=registry.actor,
    )
    try:
        settle(registry.engine, place, instead_of=instead_of)
    except OtherPlaceError as error:  # another machine was quicker, maybe with the same folder
        raise WrongMachineError(f"{error}: it is looked at again") from None
    return place


# --- unseen days ----------------------------------------------------------------------------------

# A copy of the folder has its mark too. It grows old: days that another machine saw are not in it.

UNSEEN = "another machine saw traffic that this one does not see"  # what a night's note begins with
LOOKED_BACK = 7  # days
UNDISCLOSED = "a check failed, that users are told of the machine:"  # another note's beginning


def unseen_here(
    context: NightContext, day: date, days: Collection[date], before: Sequence[Night]
) -> str | None:
    """That a day before has had rows, and is not among the days that have traffic on this machine:
    its folder may be an old copy, with the mark of the right one.
    """
    recent = (day - timedelta(days=LOOKED_BACK), day - timedelta(days=context.keep_days))
    rows_on = {date.fromisoformat(n.date): n.rows for n in before if n.rows}
    gone = [past for past in rows_on if past >= max(recent) and past not in days]
    if not gone:
        return None
    seen, host = max(gone), gethostname()
    run = runs.run_on(context.registry.engine, check_job(context.registry.family), seen)
    other = run.holder.rsplit(":", 2)[0] if run else "another machine"
    return (
        f"{UNSEEN}: {other} saw {counted(rows_on[seen], 'row')} of {seen}, and "
        f"{context.traffic.location} on {host} has none of that day. Is it an old copy? Let "
        "monitoring.traffic.folder be the folder that gateways write to"
    )


# --- clock check ----------------------------------------------------------------------------------

# Whether the clock can be believed: one that is far ahead would delete all traffic at once.

LONGEST_GAP = timedelta(days=30)  # without a sign that the days between have been
SEEN = 4  # days on which nights have to run after a longer one, before it is believed
CLOCK = "clock"


def trusted_day(registry: RegistryReader, traffic: TrafficStore, day: date) -> date:
    """The newest day, up to `day`, of which it is believed that it has been: what is deleted for
    its age is counted from it.

    The registry and the traffic show on which days somebody was at work. Where a month or more
    before today shows nothing, the clock may be wrong: then it is the last day before that gap,
    until nights have run on four days by this clock, or a person said that it is right. So after a
    real outage things are deleted again within four days.
    """
    today = registry.clock().date()
    runs = runs_of(registry.engine, nightly_of(registry.family), REMEMBERED)
    ran = {moment_of(run.started).date() for run in runs}
    gap = newest_gap((*ran, *traffic.days()), today)
    if gap is None:
        return day
    before, after = gap
    seen = {sign for sign in (*ran, today) if after <= sign <= today}
    return day if len(seen) >= SEEN or confirmed(registry, after) else min(day, before)


def believe(registry: RegistryReader) -> MarkedFolder:
    """Keep that a person says that the clock is right now."""
    known, now = place_of(registry.engine, registry.family, CLOCK), registry.clock()
    place = MarkedFolder(
        family=registry.family,
        kind=CLOCK,
        mark=now.date().isoformat(),
        location="the clock of a machine",
        at=stamp(now),
        by=registry.actor,
    )
    settle(registry.engine, place, instead_of=known.mark if known else None)
    return place


# --- what the history says ----------------------------------------------------------------------


def newest_gap(signs: Iterable[date], today: date) -> tuple[date, date] | None:
    """The last day before the newest gap and the first one after it; None: there is none."""
    known = sorted({today, *(sign for sign in signs if sign < today)})
    pairs = reversed([*pairwise(known)])
    return next((pair for pair in pairs if pair[1] - pair[0] > LONGEST_GAP), None)


def confirmed(registry: RegistryReader, since: date) -> bool:
    """Whether a person said, after the gap, that the clock is right."""
    known = place_of(registry.engine, registry.family, CLOCK)
    return known is not None and date.fromisoformat(known.mark) >= since
