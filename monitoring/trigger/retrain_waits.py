"""How long the next retrain has to wait, after those that ended and those that failed."""

from collections.abc import Sequence
from datetime import date, timedelta

from monitoring.monitoring_settings import TriggerParams
from project.records.drift import Action, Night, RetrainOutcome

MONTH = timedelta(days=30)
# The cooldown doubles with each challenger that lost, up to eight weeks: by then the traffic is
# another one, and so may be what a retrain makes of it.
BACKOFF, LONGEST_COOLDOWN = 2, 56  # times; days
FAILED = 1  # days that the first run which failed waits: tomorrow's night tries again
# A machine that is mended is to retrain within a week; one that is not costs a run a week.
LONGEST_FAILED = 7


def waits(day: date, nights: Sequence[Night], params: TriggerParams) -> list[str]:
    """What the retrains before a day have to say against one on it; nothing when it is empty."""
    tried = [n for n in nights if n.action is Action.RETRAIN and n.date < str(day)]
    ended = [n for n in tried if n.outcome is not RetrainOutcome.FAILED]
    recent = [n for n in ended if day - date.fromisoformat(n.date) < MONTH]
    found = [*after_ended(day, ended, params), *after_failed(day, tried)]
    if len(recent) >= params.retrains_per_month:
        found.append(f"{len(recent)} retrains in 30 days are all that the budget allows")
    return found


def after_ended(day: date, ended: Sequence[Night], params: TriggerParams) -> list[str]:
    """The cooldown, longer after each challenger that lost."""
    if not ended:
        return []
    losses = in_a_row(ended, RetrainOutcome.LOST)
    longest = max(LONGEST_COOLDOWN, params.cooldown_days)
    days = grown(params.cooldown_days, BACKOFF, losses, longest)
    over = date.fromisoformat(ended[-1].date) + timedelta(days=days)
    after = f", longer after {losses} that lost" if losses else ""
    lasts = f"the cooldown after {ended[-1].date} lasts until {over}{after}"
    return [lasts] if day < over else []


def after_failed(day: date, tried: Sequence[Night]) -> list[str]:
    """A run that failed made no challenger: its wait is its own, and a week at most."""
    failures = in_a_row(tried, RetrainOutcome.FAILED)
    if not failures:
        return []
    days = grown(FAILED, BACKOFF, failures - 1, LONGEST_FAILED)
    over = date.fromisoformat(tried[-1].date) + timedelta(days=days)
    more = f", and {failures - 1} before it" if failures > 1 else ""
    said = f"the run of {tried[-1].date} failed{more}: the next may be on {over}"
    return [said] if day < over else []


def in_a_row(retrains: Sequence[Night], outcome: RetrainOutcome) -> int:
    """How many of the last ones came to one outcome."""
    count = 0
    for night in reversed(retrains):
        if night.outcome is not outcome:
            break
        count += 1
    return count


def grown(days: float, factor: float, times: int, longest: float) -> float:
    """Days that grow by a factor so many times, up to the longest."""
    for _ in range(times):
        if days >= longest:
            break
        days *= factor
    return min(days, longest)
