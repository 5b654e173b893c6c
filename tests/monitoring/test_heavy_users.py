"""Whoever sends much of a day is known by name, in little memory, in any order of parts."""

from random import Random

import pytest

from monitoring.night_context import NightContext
from monitoring.traffic.user_sample import SAMPLED, SHOWN, HeavyUsers
from monitoring.trigger.labels import pseudonym_of
from project.records.drift import DriftVerdict, Night
from project.records.traffic import Traffic
from tests.quick_nights import day, rows_of, run


def row(user: str | None, number: int = 0, prompt: str = "about card please") -> Traffic:
    return Traffic(
        id=f"{user} {number}",
        at=f"{day(3)}T{number % 24:02}:00:00Z",
        user=user,
        prompt=prompt,
        response="as you like",
        adapter="bank v1",
    )


def many(user: str, count: int, prompt: str = "about card please") -> list[Traffic]:
    return [row(user, number, prompt) for number in range(count)]


def many_nameless(count: int) -> list[Traffic]:
    return [row(None, number) for number in range(count)]


def counted(rows: list[Traffic], parts: int = 1) -> HeavyUsers:
    found = HeavyUsers()
    for part in range(parts):
        own = HeavyUsers()
        own.update(rows[part::parts])
        found.merge(own)
    return found


@pytest.mark.parametrize("parts", [1, 7])
def test_a_heavy_user_is_found_among_thousands_however_the_day_is_cut(parts: int) -> None:
    rows = [*many("heavy", 3_000), *(row(f"user {i}") for i in range(5_000))]
    Random(0).shuffle(rows)
    found = counted(rows, parts)
    (user,) = found.above(0.2)
    assert user.name == "heavy"
    assert user.share == pytest.approx(3 / 8, abs=0.02)
    assert (len(found.rows), len(user.rows)) == (SAMPLED, SHOWN)
    assert found.rows == counted(rows).rows


def test_where_nobody_is_heavy_nobody_is_named() -> None:
    assert counted([row(f"user {i % 500}", i) for i in range(5_000)]).above(0.2) == []


def test_rows_without_a_user_are_nobodys() -> None:
    assert counted([*many("half", 100), *many_nameless(100)]).above(0)[0].share == 0.5


# --- the night ----------------------------------------------------------------------------------


def said(night: Night) -> list[str]:
    return [note for note in night.notes if note.startswith("one user")]


def test_one_user_with_most_rows_who_moves_is_told_of_and_is_no_drift(
    context: NightContext,
) -> None:
    night = run(context, 3, [*rows_of(3), *many("whale", 2_850, "whales sing below")])
    assert night.verdict is DriftVerdict.NO_DRIFT
    (note,) = said(night)
    assert note == (
        f"one user ({pseudonym_of('whale')}) sent about 95% of the rows, and 100% of that user's "
        "prompts are unlike the reference; a user counts once a day, so this alone is no drift"
    )


def test_one_user_with_most_rows_who_asks_what_all_ask_is_not_worth_a_word(
    context: NightContext,
) -> None:
    assert said(run(context, 3, [*rows_of(3), *many("whale", 2_850)])) == []
