"""Nights as they are stored."""

from datetime import date
from typing import Any

from project.records.drift import Action, DriftState, DriftVerdict, Night


def night_of(family: str, day: date, **told: Any) -> Night:
    """Of a family, with what the test tells of it; else quiet and empty."""
    quiet: dict[str, Any] = {
        "champion": None,
        "reference": None,
        "traffic": None,
        "rows": 0,
        "units": 0,
        "set_aside": {},
        "verdict": DriftVerdict.NO_DRIFT,
        "readings": (),
        "topics": (),
        "exemplars": (),
        "new_words": (),
        "state": DriftState.OK,
        "action": Action.NONE,
        "reasons": ("because",),
    }
    return Night(family=family, date=str(day), **(quiet | told))
