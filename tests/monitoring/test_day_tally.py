"""A day in counts: every row counts once, and parts add up."""

import pytest

from monitoring.traffic.user_sample import Tally
from project.records.traffic import Feedback, Traffic


def row(
    hour: int = 0, latency_ms: float | None = None, response: str = "r", rating: int | None = None
) -> Traffic:
    values = {"id": "x", "at": f"2026-03-01T{hour:02}:59:00Z", "prompt": "p", "response": response}
    feedback = None if rating is None else Feedback(rating=rating, correction="c" if rating else "")
    return Traffic.model_validate({**values, "latency_ms": latency_ms, "feedback": feedback})


def of(rows: list[Traffic]) -> Tally:
    tally = Tally()
    tally.update(rows)
    return tally


def test_rows_are_counted_in_their_hours() -> None:
    hours = of([row(3), row(3), row(23)]).finish().hours
    assert (len(hours), hours[3], hours[23], sum(hours)) == (24, 2, 1, 3)


def test_ratings_corrections_and_empty_answers_are_counted() -> None:
    found = of([row(rating=-1), row(rating=-1), row(rating=0), row(response=" \n")]).finish()
    assert (found.worse, found.neutral, found.better) == (2, 1, 0)
    assert (found.corrected, found.empty) == (2, 1)


def test_quantiles_of_latency_are_within_their_step() -> None:
    found = of([row(latency_ms=float(i)) for i in range(1, 1001)]).finish()
    assert found.median_ms == pytest.approx(500, rel=0.026)
    assert found.p95_ms == pytest.approx(950, rel=0.026)


def test_a_latency_has_as_many_digits_as_are_known_of_it() -> None:
    found = of([row(latency_ms=400.0) for _ in range(9)]).finish()
    assert (found.median_ms, found.p95_ms) == (400.0, 400.0)


def test_a_latency_beyond_all_bounds_counts_as_very_long() -> None:
    found = of([row(latency_ms=1.7e308)]).finish()
    assert found.median_ms == pytest.approx(1e9, rel=0.03)


@pytest.mark.parametrize("unknown", [None, 0.0, -1.0])
def test_without_latencies_there_are_no_quantiles(unknown: float | None) -> None:
    found = of([row(latency_ms=unknown)]).finish()
    assert (found.median_ms, found.p95_ms) == (None, None)


def test_parts_add_up_in_any_order() -> None:
    rows = [row(i, 10.0 * i, rating=i % 3 - 1) for i in range(12)]
    merged = of(rows[5:])
    merged.merge(of(rows[:5]))
    assert merged.finish() == of(rows).finish()
