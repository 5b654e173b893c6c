"""Which of several judgements of one person on one task counts: the newest."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from curation.sources.exports.judgements.answered import Answered
from curation.sources.exports.judgements.judgement import REPLACED

Key = tuple[Hashable, ...]


def newest(everything: Sequence[tuple[Key | None, object, Answered]]) -> list[Answered]:
    """Each with its key and its time, in the order in which they were written down.

    All but the newest of a key are marked as replaced. Where a time is missing, or is none, the
    later in that order is the newer. What has no key replaces nothing.
    """
    best: dict[Key, int] = {}
    for place, (key, at, _) in enumerate(everything):
        if key is None:
            continue
        rival = best.setdefault(key, place)
        if not is_older(at, everything[rival][1]):
            best[key] = place
    kept = set(best.values())
    return [
        answered if key is None or place in kept else replaced(answered)
        for place, (key, _, answered) in enumerate(everything)
    ]


def replaced(answered: Answered) -> Answered:
    return replace(answered, one=replace(answered.one, why=REPLACED))


def is_older(at: object, than: object) -> bool:
    one, other = moment(at), moment(than)
    return one is not None and other is not None and one < other


def moment(at: object) -> float | None:
    """Seconds since 1970 of a time as an export writes it: a number, or ISO 8601."""
    if isinstance(at, int | float) and not isinstance(at, bool):
        return float(at)
    if not isinstance(at, str):
        return None
    try:
        parsed = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def first_known(times: Iterable[object]) -> object:
    return next((at for at in times if moment(at) is not None), None)
