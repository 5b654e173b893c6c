"""What people are notified of about a night."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta

from project.records.drift import Action, DriftVerdict, Night, RetrainOutcome
from registry.jobs.outbox import Notice

NO_TRAFFIC = "no traffic since"  # what a night's note begins with, behind it the first day
AGAIN = "judged again"  # what a note begins with of a night whose rows came late
DOUBT = "nothing is known of the days from"  # begins a note on a clock that may be wrong
REMINDED = 7  # days between two notices of one gap
DAY = timedelta(days=1)


def notices(night: Night, before: Sequence[Night] = ()) -> Iterator[Notice]:
    """The notices to people: that drift was found, or what was done about it; that no traffic
    comes, or that it comes again. before are the nights before it, oldest first.
    """
    yield from of_traffic(night, before)
    yield from of_clock(night)
    if night.action is Action.NONE and night.verdict is not DriftVerdict.DRIFT:
        return
    what = night.outcome or night.action
    yield Notice(
        key=f"nightly {night.family} {night.date}",
        kind="drift" if night.action is Action.NONE else what.value,
        text=f"{night.family}, {night}\n" + "\n".join(night.reasons[1:]),
        detail={"date": night.date, "verdict": night.verdict, "state": night.state},
        path=path_of(night),
        family=night.family,
    )


def path_of(night: Night) -> str:
    """The page where a person goes on: the challenger that waits for one, else the night."""
    if night.outcome is RetrainOutcome.REVIEW and night.challenger:
        return f"/review/{night.challenger}"
    return f"/nights/{night.date}"


def missing_since(day: date, days: Collection[date], before: Sequence[Night]) -> date | None:
    """The first day of the gap that a day without traffic is in; None where there never was any.

    days are those that have traffic, before the nights before this one: traffic may have been
    deleted for its age.
    """
    seen = [one for one in days if one < day]
    seen += [date.fromisoformat(night.date) for night in before if night.rows]
    return max(seen) + DAY if seen else None


def of_traffic(night: Night, before: Sequence[Night]) -> Iterator[Notice]:
    """One notice as a gap begins, one more each week that it lasts, and one when it is over."""
    if any(note.startswith(AGAIN) for note in night.notes):
        return
    since, was = gap_of(night), gap_of(before[-1]) if before else None
    if since:
        days = (date.fromisoformat(night.date) - since).days
        text = f"{night.family}: {NO_TRAFFIC} {since} ({days + 1} days): is it still logged?"
        key = f"no-traffic {night.family} {since} {days // REMINDED}"
        yield of_gap(night, since, key, "no-traffic", text)
    elif was and night.traffic:
        text = f"{night.family}: traffic is back on {night.date}; there was none since {was}"
        yield of_gap(night, was, f"traffic-back {night.family} {was}", "traffic-back", text)


def of_clock(night: Night) -> Iterator[Notice]:
    """A clock that may be wrong keeps traffic that seems due: a person knows which is right."""
    for note in night.notes:
        if note.startswith(DOUBT):
            yield Notice(
                key=f"clock {night.family} {night.date}",
                kind="clock",
                text=f"{night.family}: {note}",
                detail={"date": night.date},
                path=f"/nights/{night.date}",
                family=night.family,
            )


def of_gap(night: Night, since: date, key: str, kind: str, text: str) -> Notice:
    return Notice(
        key=key,
        kind=kind,
        text=text,
        detail={"date": night.date, "since": since.isoformat()},
        path=f"/nights/{night.date}",
        family=night.family,
    )


def gap_of(night: Night) -> date | None:
    """The first day without traffic, of a night that says so."""
    said = [note for note in night.notes if note.startswith(NO_TRAFFIC)]
    return date.fromisoformat(said[0].removeprefix(NO_TRAFFIC).split()[0]) if said else None
