"""A sample of users: random, bounded, and the same however the stream was cut."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.sample import ROWS_OF_ONE, Sample
from registry.records import Traffic


def row(number: int, user: str | None = None) -> Traffic:
    return Traffic(id=f"r{number}", at="2026-03-01T00:00:00Z", user=user, prompt="p", response="r")


def names(sample: Sample) -> list[str]:
    return [row.id for row in sample.finish()]


def of(rows: list[Traffic], limit: int = 10) -> Sample:
    sample = Sample(limit)
    sample.update(rows)
    return sample


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.integers(0, 200))
def test_samples_of_parts_merge_into_the_sample_of_the_whole(users: list[int], cut: int) -> None:
    rows = [row(i, f"u{user}") for i, user in enumerate(users)]
    parts = of(rows[cut:])
    parts.merge(of(rows[:cut]))
    assert names(parts) == names(of(rows))
    assert parts.rows == len(rows)


def test_memory_is_bounded_by_the_limit() -> None:
    sample = of([row(i) for i in range(1_000)], limit=10)
    assert len(sample.users) <= 20
    assert len(sample.finish()) == 10


def test_a_busy_user_keeps_a_bounded_number_of_rows_and_one_place() -> None:
    rows = [row(i, "robot") for i in range(1_000)] + [row(1_000 + i) for i in range(5)]
    kept = of(rows).finish()
    assert len(kept) == ROWS_OF_ONE + 5


def test_every_user_is_as_likely_as_another() -> None:
    chosen = [int(row.id[1:]) for seed in range(50) for row in self_seeded(seed)]
    first_half = sum(number < 50 for number in chosen) / len(chosen)
    assert 0.42 < first_half < 0.58  # five standard errors around a half


def self_seeded(seed: int) -> list[Traffic]:
    sample = Sample(10, seed)
    sample.update(row(i) for i in range(100))
    return sample.finish()
