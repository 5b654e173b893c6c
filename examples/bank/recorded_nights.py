"""Lindmoor Bank's nights of a month: quiet ones, then three on which users ask of a new thing.

The figures are made up; what a night's page says of them is what it says of any night.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from monitoring.blindness import set_aside_hindrance, users_hindrance
from monitoring.night_history import check_job, nightly_of
from monitoring.scheduling.runs import claim, finish
from monitoring.signals import SIGNALS
from monitoring.signals.answer_signals import TOOL_SIGNALS
from monitoring.traffic.partition import NO_ZONE
from monitoring.trigger.labels import write_queue
from project.canonical import digest_json
from project.records.drift import (
    Action,
    AnswerChange,
    AnswerCounts,
    DriftState,
    DriftVerdict,
    FarAnswer,
    Night,
    RatingShift,
    RetrainOutcome,
    SignalReading,
    Topic,
)
from project.records.traffic import DayTally, Traffic
from registry.storage.database import writing
from registry.store import Registry

FAMILY = "lindmoor-bank"
NIGHTS, USERS = 33, 690
WINDOWS = (1, 2, 7, 28)
MOVED, MOST = ("novelty", "topics", "vocabulary"), 28  # what moved, in windows shorter than this
ASKED_IN_UKRAINIAN = (
    "як заблокувати картку?",
    "скільки коштує переказ до України?",
    "коли прийде моя зарплата?",
)
UKRAINIAN = Topic(
    name="переказ, картку, зарплата",
    new=True,
    before=0,
    now=0.062,
    z=7.1,
    exemplars=ASKED_IN_UKRAINIAN,
)
SORRY = "I am sorry, I cannot help with that."
WORSE = AnswerChange(
    now=AnswerCounts(n=688, refused=151, empty=23, cut=4),
    before=AnswerCounts(n=1_986, refused=17, empty=0, cut=9),
    furthest=(
        FarAnswer(
            prompt="what is the fee for a transfer to Norway?",
            answer=SORRY,
            usual_prompt="what does a transfer to Norway cost?",
            usual_answer="A transfer to Norway costs 4 crowns, and arrives on the next workday.",
        ),
        FarAnswer(
            prompt="how do I raise my card limit?",
            answer="",
            usual_prompt="can I raise the limit of my card?",
            usual_answer="In the app, under Cards and Limits; it holds from the next day.",
        ),
        FarAnswer(
            prompt="is my deposit insured?",
            answer="Here is a haiku about deposits: coins sleep in the dark",
            usual_prompt="are deposits insured?",
            usual_answer="Deposits are insured up to 100,000 crowns for each customer.",
        ),
        FarAnswer(
            prompt="when is the branch open on Friday?",
            answer="As a language model I have no",
            usual_prompt="when does the branch open?",
            usual_answer="From 9:00 to 17:00 on workdays, on Fridays until 15:00.",
        ),
        FarAnswer(
            prompt="how do I close my account?",
            answer="Sure! Closing your account is easy. First, think about why.",
            usual_prompt="I want to close my account",
            usual_answer="Any branch closes it; take your identity card with you.",
        ),
    ),
    ratings=None,
)
RATED = WORSE.model_copy(
    update={
        "now": AnswerCounts(n=688, refused=6, empty=0, cut=4),
        "furthest": (
            FarAnswer(
                prompt="what is the rate of the Tailwind Car Loan?",
                answer="The Tailwind Car Loan is 4.9 % a year.",
                usual_prompt="what does the Tailwind Car Loan cost?",
                usual_answer="The Tailwind Car Loan is 4.9 % a year.",
            ),
        ),
        "ratings": RatingShift(
            now=0.21, n=204, before=0.62, n_before=1_310, low=-0.58, high=-0.24, level=0.99
        ),
    }
)
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
SEEN = "drift, seen again on 2 later days"
NOTHING_SHOWS = "nothing shows yet that the champion is worse there"
NO_LABELS = "0 accepted labels since the drift began, 50 needed"
# The last nights, oldest first: what came of the drift in each, and why.
WATCHED = (DriftState.WATCH, Action.NONE, ("drift, not yet seen again on later days alone",))
CONFIRMED = (
    DriftState.CONFIRMED,
    Action.LABEL,
    (
        SEEN,
        NOTHING_SHOWS,
        "0 accepted labels on the drifted topics, 50 needed",
    ),
)
DRIFTED = (WATCHED, WATCHED, CONFIRMED)
CALM = (DriftState.OK, Action.NONE, ("nothing that matters has changed",))
NAMES = [signal.name for signal in SIGNALS if signal not in TOOL_SIGNALS]
QUEUE = Path("datasets/queue/labels.json")


VISA = Topic(
    name="visa, embassy, travel",
    new=True,
    before=0,
    now=0.062,
    z=6.7,
    exemplars=("which letter does the embassy want for a visa?", "a bank letter for my visa"),
)
BLIND = {
    "state": DriftState.OK,
    "action": Action.NONE,
    "verdict": DriftVerdict.INSUFFICIENT,
    "readings": (),
    "blind": "2026-03-11",
    "reasons": ("not enough data",),
}
# What can be wrong, each as the night that says so; docs/pictures.py takes a picture of each.
NOTHING_NEW = {"topics": (), "exemplars": (), "new_words": ()}
SITUATIONS: dict[str, dict[str, Any]] = {
    "new-topic": {"topics": (WALLET,)},
    "language": {
        "moved": ("novelty", "vocabulary", "script"),
        "topics": (UKRAINIAN,),
        "exemplars": ASKED_IN_UKRAINIAN,
        "new_words": ("переказ", "картку", "зарплата"),
    },
    "answers": NOTHING_NEW
    | {
        "moved": ("response", "judge"),
        "answer_change": WORSE,
        "reasons": (SEEN, NOTHING_SHOWS, NO_LABELS),
    },
    "ratings": NOTHING_NEW
    | {
        "moved": ("feedback",),
        "answer_change": RATED,
        "reasons": (SEEN, f"{RATED.ratings} since the drift began", NO_LABELS),
    },
    "second": {"topics": (WALLET, VISA), "exemplars": (*ASKED[:2], *VISA.exemplars[:1])},
    "hung": {
        "topics": (WALLET,),
        "state": DriftState.ACT,
        "action": Action.RETRAIN,
        "outcome": RetrainOutcome.FAILED,
        "hung": digest_json("what it read"),
        "reasons": (SEEN, "the retrain failed: it ran over its 12 hours in stage sft"),
    },
    "blind-users": BLIND | {"units": 30, "hindrance": users_hindrance(30)},
    "blind-format": BLIND
    | {
        "units": 0,
        "rows": 0,
        "set_aside": {NO_ZONE: 120},
        "hindrance": set_aside_hindrance(date(2026, 3, 11), 0, {NO_ZONE: 120}),
    },
}


def last_night() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def keep_nights(registry: Registry, champion: int) -> None:
    """As the scheduler keeps them at their end, up to yesterday."""
    stories = [*[CALM] * NIGHTS, *DRIFTED]
    for back, story in enumerate(reversed(stories)):
        keep(registry, night(last_night() - timedelta(days=back), champion, *story))
    rows = [asked(place, text) for place, text in enumerate(ASKED)]
    write_queue(rows, QUEUE, drifted={row.id for row in rows}, since=str(last_night()))


def situations(champion: int) -> dict[str, tuple[Night, list[Night]]]:
    """The night of each situation, and the nights before it, oldest first."""
    days = [last_night() - timedelta(days=back) for back in range(NIGHTS, 0, -1)]
    before = [night(day, champion, *CALM) for day in days]
    return {name: (situation(champion, **own), before) for name, own in SITUATIONS.items()}


def situation(champion: int, **own: Any) -> Night:
    """Last night: confirmed drift, but for what a situation has of its own, its state too."""
    state, action, reasons = CONFIRMED
    usual = {"state": state, "action": action, "reasons": reasons}
    return night(last_night(), champion, **usual | own)


def keep(registry: Registry, night: Night) -> None:
    now, day = datetime.now(UTC), date.fromisoformat(night.date)
    for job in (check_job(night.family), nightly_of(night.family)):
        own = claim(registry.engine, job, day, "bank", now, timedelta(1))
        assert own is not None
        with writing(registry.engine) as connection:
            finish(connection, own, now, night.canonical().decode())


def night(
    day: date,
    champion: int,
    state: DriftState,
    action: Action,
    reasons: tuple[str, ...],
    *,
    moved: tuple[str, ...] = MOVED,
    **found: object,
) -> Night:
    """A night whose signals `moved` alarm where its state is not ok; `found` is what else it has,
    by default a new topic.
    """
    drifted = state is not DriftState.OK
    wallet = {
        "topics": (WALLET, LOANS) if drifted else (),
        "exemplars": ASKED[:3] if drifted else (),
        "new_words": ("wallet", "watch", "tap") if drifted else (),
    }
    told = {
        "family": FAMILY,
        "date": str(day),
        "champion": champion,
        "reference": digest_json("prompts"),
        "answers": digest_json("answers"),
        "traffic": digest_json(str(day)),
        "rows": sum(TALLY.hours),
        "units": USERS,
        "tally": TALLY,
        "set_aside": {},
        "verdict": DriftVerdict.DRIFT if drifted else DriftVerdict.NO_DRIFT,
        "readings": tuple(
            reading(day, name, span, drifted and name in moved)
            for name in NAMES
            for span in WINDOWS
        ),
        "state": state,
        "action": action,
        "reasons": reasons,
    }
    return Night.model_validate(told | wallet | found)


def reading(day: date, signal: str, nights: int, drifted: bool) -> SignalReading:
    """A p-value that is drawn by the day; of what moved, one that no chance explains."""
    lot = int(digest_json([str(day), signal, nights])[:4], 16) / 0xFFFF
    moved = drifted and nights < MOST
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
