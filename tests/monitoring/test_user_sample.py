"""A sample of users: random, bounded, and the same however the stream was cut."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.traffic.user_sample import UserSample
from project.records.traffic import Traffic


def row(number: int, user: str | None = None, day: str = "2026-03-01") -> Traffic:
    prompt = f"p {number}"
    return Traffic(id=f"r{number}", at=f"{day}T00:00:00Z", user=user, prompt=prompt, response="r")


def names(sample: UserSample) -> list[str]:
    return [row.id for row in sample.finish()]


def of(rows: list[Traffic], limit: int = 10, seed: int = 0) -> UserSample:
    sample = UserSample(limit, seed)
    sample.update(rows)
    return sample


@given(st.lists(st.integers(0, 60), min_size=1, max_size=200), st.integers(0, 200))
def test_samples_of_parts_merge_into_the_sample_of_the_whole(users: list[int], cut: int) -> None:
    rows = [row(i, f"u{user}") for i, user in enumerate(users)]
    parts = of(rows[cut:])
    parts.merge(of(rows[:cut]))
    assert names(parts) == names(of(rows))
    assert parts.tally.finish() == of(rows).tally.finish()


def test_memory_is_bounded_by_the_limit() -> None:
    sample = UserSample(10)
    for start in range(0, 1_000, 100):
        sample.update([row(start + i) for i in range(100)])
        assert len(sample.users) == 10
    assert (sample.tally.rows, len(sample.finish())) == (1_000, 10)


def test_a_busy_user_has_one_row_a_day() -> None:
    rows = [row(i, "robot") for i in range(1_000)] + [row(1_000 + i) for i in range(5)]
    assert len(of(rows).finish()) == 6
    assert len(of([*rows, row(2_000, "robot", "2026-03-02")]).finish()) == 7


def test_every_row_of_a_user_is_as_likely_as_another() -> None:
    rows = [row(i, "robot") for i in range(10)]
    chosen = [int(names(of(rows, seed=seed))[0][1:]) for seed in range(200)]
    assert 3.5 < sum(chosen) / len(chosen) < 5.5  # five standard errors around 4.5


def test_every_user_is_as_likely_as_another() -> None:
    rows = [row(i) for i in range(100)]
    chosen = [int(name[1:]) for seed in range(50) for name in names(of(rows, seed=seed))]
    first_half = sum(number < 50 for number in chosen) / len(chosen)
    assert 0.42 < first_half < 0.58  # five standard errors around a half
