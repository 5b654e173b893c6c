"""Which rows of simulated days a night looks at, where rows need not tell a user."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from monitoring.signals.signal import Floats, Ints
from monitoring.traffic.user_sample import UserSample
from project.records.traffic import Traffic

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
NOBODY = -2  # the user of a row that tells none


def sampled(texts: Sequence[str], users: Ints, hours: Floats, limit: int) -> list[int]:
    """The positions of the rows that the product's own sample takes; hours are since MONDAY."""
    sample = UserSample(limit)
    sample.update(list(logged(texts, users, hours)))
    return sorted(int(row.id) for row in sample.finish())


def logged(texts: Sequence[str], users: Ints, hours: Floats) -> Iterator[Traffic]:
    rows = zip(texts, users.tolist(), hours.tolist(), strict=True)
    for number, (text, user, hour) in enumerate(rows):
        yield Traffic(
            id=str(number),
            at=(MONDAY + timedelta(hours=hour)).isoformat(),
            user=None if user == NOBODY else str(user),
            prompt=text,
            response="",
        )
