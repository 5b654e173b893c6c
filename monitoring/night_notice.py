"""What people are notified of about a night."""

from collections.abc import Iterator

from project.records.drift import Action, DriftVerdict, Night, RetrainOutcome
from registry.jobs.outbox import Notice


def notices(night: Night) -> Iterator[Notice]:
    """The notice to people: that drift was found, or what was done about it."""
    if night.action is Action.NONE and night.verdict is not DriftVerdict.DRIFT:
        return
    what = night.outcome or night.action
    yield Notice(
        key=f"nightly {night.family} {night.date}",
        kind="drift" if night.action is Action.NONE else what.value,
        text=f"{night.family}, {night}\n" + "\n".join(night.reasons[1:]),
        detail={"date": night.date, "verdict": night.verdict, "state": night.state},
        path=path_of(night),
    )


def path_of(night: Night) -> str:
    """The page where a person goes on: the challenger that waits for one, else the night."""
    if night.outcome is RetrainOutcome.REVIEW and night.challenger:
        return f"/review/{night.challenger}"
    return f"/nights/{night.date}"
