"""Nights in a row that say the same."""

from collections.abc import Sequence

from project.records.drift import DriftVerdict, Night


def drift_run(own: Sequence[Night]) -> list[Night]:
    """The nights of drift in a row that end with the last night; those that say nothing left out.

    Oldest first.
    """
    run: list[Night] = []
    for night in reversed(own):
        if night.verdict is DriftVerdict.DRIFT:
            run.append(night)
        elif night.verdict is DriftVerdict.NO_DRIFT:
            break
    return run[::-1]
