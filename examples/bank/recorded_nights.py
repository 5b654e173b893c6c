"""Lindmoor Bank's nights of a month: quiet ones, then three on which users ask of a new thing.

The figures are made up; what a night's page says of them is what it says of any night.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from monitoring.night_history import check_job, nightly_of
from monitoring.scheduling.runs import claim, finish
from monitoring.signals import PROMPT_SIGNALS
from monitoring.trigger.labels import write_queue
from project.canonical import digest_json
from project.records.drift import Action, DriftState, DriftVerdict, Night, SignalReading, Topic
from project.records.traffic import DayTally, Traffic
from registry.storage.database import writing
from registry.store import Registry

FAMILY = "lindmoor-bank"
NIGHTS, USERS = 33, 690
WINDOWS = (1, 2, 7, 28)
MOVED, MOST = ("novelty", "topics", "vocabulary"), 28  # what moved, in windows shorter than this
LEVEL = 5e-5  # that a p-value must not exceed
ASKED = (
    "can I pay with my watch?",
    "does the Harbour Card work in a phone wallet?",
    "how do I remove a lost phone from the wallet?",
    "is there a fee for paying by phone?",
    "why was my phone payment declined at the till?",
)
WALLET = Topic(
    name="phone, wallet, pay", new=True, before=0, now=0.087, z=8.4, exemplars=ASKED, rating=-0.31
)
LOANS = Topic(
    name="loan, rate, repay",
    new=False,
    before=0.112,
    now=0.139,
    z=3.1,
    exemplars=("what does the Tailwind Car Loan cost a month?", "can I repay a loan early?"),
    rating=0.42,
)
TALLY = DayTally(
    # As people of one country write, from midnight on.
    hours=(
        *(2, 1, 0, 0, 1, 4, 21, 60, 118, 150, 163, 158),
        *(141, 149, 160, 152, 139, 120, 98, 81, 60, 41, 18, 7),
    ),
    worse=31,
    neutral=12,
    better=204,
    corrected=9,
    empty=0,
    median_ms=640.0,
    p95_ms=1_720.0,
)
# The last nights, oldest first: what came of the drift in each, and why.
WATCHED = (DriftState.WATCH, Action.NONE, ("drift, not yet seen again on later days alone",))
CONFIRMED = (
    DriftState.CONFIRMED,
    Action.LABEL,
    (
        "drift, seen again on 2 later days",
        "nothing shows yet that the champion is worse there",
        "0 accepted labels on the drifted topics, 50 needed",
    ),
)
DRIFTED = (WATCHED, WATCHED, CONFIRMED)
CALM = (DriftState.OK, Action.NONE, ("nothing that matters has changed",))
NAMES = [signal.name for signal in PROMPT_SIGNALS]
QUEUE = Path("datasets/queue/labels.json")


def last_night() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def keep_nights(registry: Registry, champion: int) -> None:
    """As the scheduler keeps them at their end, up to yesterday."""
    stories = [*[CALM] * NIGHTS, *DRIFTED]
    for back, story in enumerate(reversed(stories)):
        keep(registry, night(last_night() - timedelta(days=back), champion, *story))
    rows = [asked(place, text) for place, text in enumerate(ASKED)]
    write_queue(rows, QUEUE, drifted={row.id for row in rows}, since=str(last_night()))


def keep(registry: Registry, night: Night) -> None:
    now, day = datetime.now(UTC), date.fromisoformat(night.date)
    for job in (check_job(night.family), nightly_of(night.family)):
        own = claim(registry.engine, job, day, "bank", now, timedelta(1))
        assert own is not None
        with writing(registry.engine) as connection:
            finish(connection, own, now, night.canonical().decode())


def night(
    day: date, champion: int, state: DriftState, action: Action, reasons: tuple[str, ...]
) -> Night:
    drifted = state is not DriftState.OK
    return Night(
        family=FAMILY,
        date=str(day),
        champion=champion,
        reference=digest_json("prompts"),
        answers=digest_json("answers"),
        traffic=digest_json(str(day)),
        rows=sum(TALLY.hours),
        units=USERS,
        tally=TALLY,
        set_aside={},
        verdict=DriftVerdict.DRIFT if drifted else DriftVerdict.NO_DRIFT,
        readings=tuple(reading(day, name, span, drifted) for name in NAMES for span in WINDOWS),
        topics=(WALLET, LOANS) if drifted else (),
        exemplars=ASKED[:3] if drifted else (),
        new_words=("wallet", "watch", "tap") if drifted else (),
        state=state,
        action=action,
        reasons=reasons,
    )


def reading(day: date, signal: str, nights: int, drifted: bool) -> SignalReading:
    """A p-value that is drawn by the day; of what moved, one that no chance explains."""
    lot = int(digest_json([str(day), signal, nights])[:4], 16) / 0xFFFF
    moved = drifted and signal in MOVED and nights < MOST
    return SignalReading(
        signal=signal,
        nights=nights,
        n=USERS * nights,
        reference_n=10_000,
        p=LEVEL * 0.4 if moved else max(lot, LEVEL * 20),
        level=LEVEL,
        effect=0.08 if moved else 0.004,
        verdict=DriftVerdict.DRIFT if moved else DriftVerdict.NO_DRIFT,
    )


def asked(number: int, text: str) -> Traffic:
    return Traffic(
        id=f"chatcmpl-{number}",
        at=f"{last_night()}T1{number}:24:00Z",
        user=f"customer-{number}",
        prompt=text,
        response="I am sorry, I do not know that.",
        adapter=f"{FAMILY}-v1",
    )
