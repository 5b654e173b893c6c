"""Nights that could not see a drift if there were one: why, since when, and what mends it.

Blind neither begins nor ends a drift: the state underneath stays what it was.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import takewhile
from math import ceil

import numpy as np
from sqlalchemy import Engine

from monitoring.drift.reference import LEAST_USERS
from monitoring.drift.reference_rows import WEEK
from monitoring.drift.reference_store import PROMPTS, NoReference, References, find_reference
from monitoring.drift.signal_tests import FEWEST_USERS
from monitoring.drift.user_days import UserDays
from monitoring.monitoring_settings import quarantine_folder
from monitoring.night_context import UNDISCLOSED, UNSEEN, NightContext
from monitoring.night_history import REMEMBERED, check_job, made_a_test, nightly_of
from monitoring.night_text import blind_sentence
from monitoring.scheduling.job import Cron, ScheduleParams, due
from monitoring.scheduling.runs import runs_of
from monitoring.traffic.file_lines import NO_DAY, NO_FOLDER_DAY, NO_FORMAT
from monitoring.traffic.partition import ANOTHER_DAY, NO_PROMPT, NO_ZONE, REPEATED
from project.records.data import counted
from project.records.drift import Hindrance, HindranceKind, Night
from registry.notices import Notice

# --- hindrances -----------------------------------------------------------------------------------

# What a single night lacks, with what a person can do about it.

MUCH = 0.2  # of the rows: a drift may be in what is set aside
SOON = 7  # nights: a reference that is whole by then needs nobody
DATASET = "monitoring.drift.reference to dataset"
USERS_MEND = (
    "Log a person or a conversation as `user`, not an application, and those of more people "
    "(serving.traffic.share): a reference of them is frozen within a week. `incumbent drift check` "
    "compares two files that name no users."
)
TRAFFIC_MEND = (
    "See whether the gateway logs traffic, and whether that is in monitoring.traffic.folder."
)
# What is the matter with rows that are set aside, by a part of the reason, and what mends it.
ASIDE = {
    NO_ZONE: (
        "times lack a zone",
        "Let the log write times with their zone, as in 2026-11-24T10:00:00Z.",
    ),
    NO_PROMPT: (
        "rows have no prompt",
        "Let the log hold the prompts (LiteLLM: `store_prompts_in_spend_logs`).",
    ),
    ANOTHER_DAY: (
        "rows lie in the folder of another day",
        "Put each row into the folder of its UTC day.",
    ),
    NO_FORMAT: ("files are in no format that is read", "Write the log as JSON Lines."),
    NO_DAY: ("files have no day in their names", "Name them as in `2026-11-24-app.jsonl`."),
    NO_FOLDER_DAY: ("folders have no day in their names", "Name them as in `2026-11-24/`."),
}


def set_aside_hindrance(day: date, rows: int, set_aside: Mapping[str, int]) -> Hindrance | None:
    """Where much of a day's traffic was set aside; repeated rows and feedback do not count."""
    lost = {
        reason: count
        for reason, count in set_aside.items()
        if reason != REPEATED and not reason.startswith("feedback: ")
    }
    total = rows + sum(lost.values())
    if not lost or sum(lost.values()) <= MUCH * total:
        return None
    most = max(lost, key=lambda reason: lost[reason])
    listed = f"See {quarantine_folder() / str(day)}.jsonl, and mend what writes such lines."
    what, mend = next((told for part, told in ASIDE.items() if part in most), (f'"{most}"', listed))
    others = f", {sum(lost.values()):,} set aside in all" if len(lost) > 1 else ""
    cause = f"{what}: {lost[most]:,} of {total:,} rows{others}"
    return Hindrance(kind=HindranceKind.ROWS, cause=cause, mend=mend)


def reference_hindrance(missing: NoReference, gained: int, needed: int) -> Hindrance | None:
    """Where there is no reference yet: `gained` units of the night itself join what it `needed`."""
    rows, days = missing.rows + gained, missing.days + bool(gained)
    if missing.source == "dataset":
        return dataset_hindrance(missing.rows, needed)
    if missing.source is None or not rows:
        return None
    pace = rows / days
    if days >= WEEK and missing.users < LEAST_USERS:
        return users_hindrance(missing.users)
    more = ceil((needed - rows) / pace) + 1
    return Hindrance(
        kind=HindranceKind.REFERENCE,
        cause=f"the reference has {missing.rows} of {needed} rows: at {pace:.0f} users a day it is "
        f"whole in {more} nights",
        mend=f"Wait, or set monitoring.drift.minimum_reference to less, or {DATASET}.",
        soon=more <= SOON,
    )


def dataset_hindrance(rows: int, needed: int) -> Hindrance:
    """Where the dataset, which does not grow by itself, is the reference and too small."""
    return Hindrance(
        kind=HindranceKind.REFERENCE,
        cause=f"the dataset has {rows} rows, and a reference needs {needed}",
        mend="Set monitoring.drift.reference to traffic, or monitoring.drift.minimum_reference to "
        "less.",
    )


def special_hindrance(name: str) -> Hindrance:
    """Where the settings leave the day out."""
    return Hindrance(
        kind=HindranceKind.SPECIAL,
        cause=f"it is a special day ({name}), on which nothing is compared",
        mend="Nothing: monitoring.drift.special_days leaves the day out.",
        soon=True,
    )


def users_hindrance(users: int) -> Hindrance:
    """Where the reference has too few users."""
    cause = (
        f"{users} users, {LEAST_USERS} needed: a part of the reference's users fits the "
        "signals, and the others are compared with"
    )
    return Hindrance(kind=HindranceKind.USERS, cause=cause, mend=USERS_MEND)


def window_hindrance(references: References, nights: Sequence[UserDays]) -> Hindrance:
    """Where the references said nothing of the nights of the longest window."""
    if references.prompts.has_few_users:
        reference = references.prompts.reference
        others = len(np.unique(reference.units.users))
        return users_hindrance(others + len(reference.index_users))
    users = len(np.unique(np.concatenate([night.users for night in nights])))
    cause = f"{users} users in the longest window, {FEWEST_USERS} needed"
    if users >= FEWEST_USERS:
        cause = "the reference has too few users of such a weekday or part of the day"
    return Hindrance(kind=HindranceKind.USERS, cause=cause, mend=USERS_MEND)


# --- blind nights ---------------------------------------------------------------------------------

# One odd night is no blindness: it takes several in a row.

UNTOLD = 3  # nights in a row that compared nothing
SET_ASIDE = 2  # nights in a row with much set aside: two say that it is no odd one


def with_blindness(night: Night, before: Sequence[Night], missing: str | None) -> Night:
    """The night with whether it is blind; `missing` says since when there is no traffic."""
    if night.champion is None:  # nobody watches
        return night
    hindrance = night.hindrance
    if missing and hindrance is None:
        cause = missing.partition(" since ")[0]  # the day is told beside it
        hindrance = Hindrance(kind=HindranceKind.TRAFFIC, cause=cause, mend=TRAFFIC_MEND)
    if hindrance:
        kind = hindrance.kind
        same = takewhile(lambda earlier: kind_of(earlier) is kind, reversed(before))
        since = [night.date, *(earlier.date for earlier in same)][-1]
        hindrance = hindrance.model_copy(update={"since": since})
    night = night.model_copy(update={"hindrance": hindrance})
    return night.model_copy(update={"blind": blind_since(night, before)})


def blind_since(night: Night, before: Sequence[Night]) -> str | None:
    """The first night of those that cannot tell drift; None where this one can, or may soon."""
    if night.hindrance is None:
        return None
    if before and before[-1].blind:
        return before[-1].blind
    nights = [night, *reversed(before)]
    untold, aside = list(takewhile(is_untold, nights)), list(takewhile(has_much_aside, nights))
    long = [run for run, least in ((untold, UNTOLD), (aside, SET_ASIDE)) if len(run) >= least]
    return min((run[-1].date for run in long), default=None)


def is_untold(night: Night) -> bool:
    """Whether a night compared nothing, for a reason that does not end by itself within days."""
    if made_a_test(night) or night.champion is None:
        return False
    return not night.hindrance.soon if night.hindrance else night.rows > 0


def has_much_aside(night: Night) -> bool:
    return night.hindrance is not None and night.hindrance.kind is HindranceKind.ROWS


# --- blind notices --------------------------------------------------------------------------------

REMINDED = 7  # days between two notices of one cause
SIGHT = "drift can be told again"  # begins a note on a night that was blind
LOST = "never judged"  # begins a note on nights that nobody began
LISTED = 14  # lost nights that are named one by one
DATE = re.compile(r"\d{4}-\d\d-\d\d")


def blind_notices(night: Night, before: Sequence[Night]) -> Iterator[Notice]:
    """One notice as nights become blind or the cause is another one, one more each week, and one
    when they are blind no more. Of missing traffic there are notices of its own.
    """
    yield from of_noted(night)
    yield from of_lost(night)
    run = list(takewhile(lambda earlier: earlier.blind, reversed(before)))
    told = {kind_of(earlier) for earlier in run} - {HindranceKind.TRAFFIC}
    if night.blind and kind_of(night) is not HindranceKind.TRAFFIC:
        same = list(takewhile(lambda earlier: kind_of(earlier) is kind_of(night), run))
        first = date.fromisoformat((same or [night])[-1].date)
        week = (date.fromisoformat(night.date) - first).days // REMINDED
        mend = night.hindrance.mend if night.hindrance else ""
        text = f"{night.family}: {blind_sentence(night)} To do: {mend}"
        yield blind_notice(night, "blind", f"{first} {kind_of(night)} {week}", text)
    elif told and not night.blind and made_a_test(night):
        yield sight_notice(
            night, f"{SIGHT} on {night.date}; nights were blind since {run[0].blind}"
        )


def sight_notes(context: NightContext, known: Night, night: Night) -> list[str]:
    """Of a night that is judged again, and that was blind as the newest one: that it is no more."""
    registry = context.registry
    newest = runs_of(registry.engine, check_job(registry.family), 1)
    is_newest = bool(newest) and str(newest[0].date) == night.date
    if not (known.blind and is_newest and made_a_test(night)):
        return []
    return [f"{SIGHT} on {night.date}, whose rows have come; nights were blind since {known.blind}"]


def of_sight(night: Night) -> Iterator[Notice]:
    yield from (sight_notice(night, note) for note in night.notes if note.startswith(SIGHT))


def sight_notice(night: Night, told: str) -> Notice:
    return blind_notice(night, "blind-over", night.date, f"{night.family}: {told}")


def of_noted(night: Night) -> Iterator[Notice]:
    """One notice a week of what a note tells: that a machine does not see what another one saw, or
    that users were not told of the machine.
    """
    week = date.fromisoformat(night.date).toordinal() // REMINDED
    for beginning, kind in ((UNSEEN, "traffic-unseen"), (UNDISCLOSED, "undisclosed")):
        for note in night.notes:
            if note.startswith(beginning):
                yield night_notice(night, kind, str(week), f"{night.family}: {note}")


def lost_dates(
    engine: Engine, family: str, schedule: ScheduleParams, day: date, now: datetime
) -> list[date]:
    """The dates right before a night's that were due, and that no scheduler catches up with."""
    job, cron = nightly_of(family), Cron(schedule.nightly, schedule.timezone)
    begun = [run.date for run in runs_of(engine, job, REMEMBERED) if run.date < day]
    if not begun:
        return []
    asleep = timedelta(days=min((now.date() - max(begun)).days + 1, REMEMBERED))
    made_up_for = due(cron, now, begun, schedule.catch_up)
    missed = due(cron, now, [*begun, *made_up_for], asleep)
    return [lost for lost in missed if max(begun) < lost < day]


def lost_notes(context: NightContext, schedule: ScheduleParams, day: date) -> list[str]:
    """Which nights before a day's nobody judged, by their dates, and how each still is; none from
    before the champion's reference, with which nothing can compare them.
    """
    registry = context.registry
    dates = lost_dates(registry.engine, registry.family, schedule, day, registry.clock())
    champion = registry.champion() if dates else None
    frozen = champion and find_reference(context, champion, PROMPTS, dates[0])
    dates = [lost for lost in dates if frozen and lost >= frozen.first]
    if not dates:
        return []
    named = ", ".join(map(str, dates)) if len(dates) <= LISTED else f"{dates[0]} to {dates[-1]}"
    return [
        f"{LOST}: {counted(len(dates), 'night')}, {named}. No scheduler ran for longer than "
        f"monitoring.schedule.catch_up_days, {schedule.catch_up_days}; while traffic is kept, "
        f"{context.keep_days} days, each is judged by `incumbent nightly --date {dates[0]}`"
    ]


def of_lost(night: Night) -> Iterator[Notice]:
    for note in night.notes:
        if note.startswith(LOST):
            first = DATE.findall(note)[0]
            yield night_notice(night, "nights-lost", first, f"{night.family}: {note}", since=first)


def kind_of(night: Night) -> HindranceKind | None:
    return night.hindrance.kind if night.hindrance else None


def blind_notice(night: Night, kind: str, key: str, text: str) -> Notice:
    return night_notice(night, kind, key, text, since=night.blind, state=night.state)


def night_notice(night: Night, kind: str, key: str, text: str, **detail: str | None) -> Notice:
    """A notice that leads to a night's page; `key` tells it from others of its kind."""
    return Notice(
        key=f"{kind} {night.family} {key}",
        kind=kind,
        text=text,
        detail={"date": night.date, **detail},
        path=f"/nights/{night.date}",
        family=night.family,
    )
