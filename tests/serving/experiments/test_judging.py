"""What follows from an experiment's figures, as a table: levels, verdicts, limits, health."""

import random
from collections.abc import Callable

import pytest

from registry.experiment_events import Arm, Arrival, Experiment
from serving.exchange import digest_of_user
from serving.experiments.arrivals import Arrivals, limited
from serving.experiments.experiment_judging import figures, harmful, judge, levels
from serving.experiments.opening import unit_of
from serving.experiments.sentences import sentences
from tests.serving.experiments.conftest import Open

Says = Callable[[random.Random, bool], float | None]  # None: nothing


def like(champion: float, challenger: float) -> Says:
    return lambda luck, tried: float(luck.random() < (challenger if tried else champion))


def arrivals(experiment: Experiment, users: int, **says: Says) -> Arrivals:
    """Users who are drawn by the share, and what comes of each in each metric."""
    luck = random.Random(2)
    rows: list[Arrival] = []
    for number in range(users):
        tried = luck.random() < experiment.share
        arm: Arm = "challenger" if tried else "champion"
        for metric, say in says.items():
            value = say(luck, tried)
            if value is not None:
                rows.append(Arrival(len(rows) + 1, unit(number), arm, metric, value))
    found = Arrivals(shadow=False)
    found.add(rows)
    return found


def unit(user: object, caller: str = "app") -> str:
    return unit_of("salt", caller, digest_of_user(str(user)))


def told_by(experiment: Experiment, callers: dict[str, int]) -> Arrivals:
    """The worst ratings of the challenger and the best of the champion, of each caller's users."""
    found = Arrivals(shadow=False)
    for caller, users in callers.items():
        for n in range(users):
            arm: Arm = "challenger" if n % 2 else "champion"
            row = Arrival(found.newest + 1, unit(f"{caller} {n}", caller), arm, "rating", 1 - n % 2)
            found.add([row])
    return found


@pytest.mark.attack
@pytest.mark.parametrize("mode", ["canary", "ab"])
def test_one_caller_s_twenty_ratings_end_no_experiment(open_one: Open, mode: str) -> None:
    experiment = open_one(mode=mode)
    assert verdict(experiment, told_by(experiment, {"mallory": 20})) is None
    assert verdict(experiment, told_by(experiment, {"mallory": 38, "other": 0})) is None
    assert verdict(experiment, told_by(experiment, {"web": 20, "app": 20, "mail": 20})) == "harm"
    assert verdict(experiment, told_by(experiment, {"the only one": 60})) == "harm"


def verdict(experiment: Experiment, found: Arrivals) -> str | None:
    return judge(figures(experiment, found, intervals=False))


@pytest.mark.parametrize("mode", ["shadow", "canary", "ab"])
def test_all_false_verdicts_together_are_as_seldom_as_alpha_says(open_one: Open, mode: str) -> None:
    level = levels(open_one(mode=mode, share=0.5, alpha=0.05))
    assert 0 < level.harm + level.better + 4 * level.guardrail <= 0.05


@pytest.mark.parametrize(
    ("mode", "metric", "champion", "challenger", "expected"),
    [
        ("canary", "rating", 0.8, 0.8, None),
        ("canary", "rating", 0.8, 0.6, "harm"),
        ("canary", "rating", 0.6, 0.8, None),
        ("ab", "rating", 0.8, 0.8, None),
        ("ab", "rating", 0.8, 0.6, "harm"),
        ("ab", "rating", 0.6, 0.8, "better"),
        ("ab", "resolved", 0.6, 0.8, "better"),
        ("ab", "satisfaction", 0.8, 0.6, "harm"),
        ("ab", "escalated", 0.4, 0.2, "better"),
        ("ab", "escalated", 0.2, 0.4, "harm"),
    ],
)
def test_a_verdict_needs_evidence_and_knows_which_way_is_better(
    open_one: Open, mode: str, metric: str, champion: float, challenger: float, expected: str
) -> None:
    experiment = open_one(mode=mode, metric=metric)
    found = arrivals(experiment, 1500, **{metric: like(champion, challenger)})
    assert verdict(experiment, found) == expected


def test_differences_are_told_as_people_read_them_whichever_way_is_better(open_one: Open) -> None:
    experiment = open_one(mode="ab", metric="escalated")
    found = figures(
        experiment, arrivals(experiment, 2000, escalated=like(0.4, 0.2)), intervals=True
    )
    assert found.metric
    low, high = found.metric.interval
    assert low < found.metric.difference < high < 0


def test_evidence_that_was_enough_once_stays_enough(open_one: Open) -> None:
    experiment = open_one()
    found = arrivals(experiment, 400, rating=like(0.9, 0.5))
    assert verdict(experiment, found) == "harm"
    luck = random.Random(3)
    newer: list[tuple[str, Arm]] = [
        (unit(f"late {n}"), "challenger" if luck.random() < 0.5 else "champion")
        for n in range(2000)
    ]
    found.add(Arrival(10_000 + n, user, arm, "rating", 1.0) for n, (user, arm) in enumerate(newer))
    assert verdict(experiment, found) == "harm"


def test_a_win_of_those_who_speak_more_in_one_arm_is_none(open_one: Open) -> None:
    """The challenger's unhappy users say nothing: of those who speak, more are content."""
    experiment = open_one(mode="ab")

    def silent(luck: random.Random, tried: bool) -> float | None:
        value = float(luck.random() < 0.6)
        return None if tried and not value else value

    result = figures(
        experiment,
        arrivals(experiment, 2000, errors=like(0, 0), rating=silent),
        intervals=False,
    )
    assert result.metric and result.metric.better and result.metric.better_needed
    assert result.metric.better >= result.metric.better_needed
    assert not result.health.sound
    assert judge(result) is None
    assert any(
        "users of one arm give feedback more often" in s for s in sentences(experiment, result)
    )


def test_what_is_slow_is_told_from_the_champion_before_anybody_is_held_against_it(
    open_one: Open,
) -> None:
    experiment = open_one()
    few = arrivals(experiment, 150, slow=lambda luck, tried: luck.random())
    assert limited(few.series("slow"), pairs=False)[1] is None
    many = arrivals(experiment, 1000, slow=lambda luck, tried: luck.random())
    judged, limit = limited(many.series("slow"), pairs=False)
    assert limit == pytest.approx(0.95, abs=0.05)
    assert set(judged.values) == {0.0, 1.0}
    assert 700 < len(judged.values) < 900


def test_a_little_slower_ends_no_experiment(open_one: Open) -> None:
    experiment = open_one()
    found = arrivals(experiment, 20_000, slow=lambda luck, tried: luck.random() + 0.01 * tried)
    assert harmful(figures(experiment, found, intervals=False)) == ()


def test_users_who_were_answered_by_both_are_counted_and_stay_where_they_came_first(
    open_one: Open,
) -> None:
    experiment = open_one()
    found = Arrivals(shadow=False)
    rows: list[tuple[str, Arm, str, float]] = [
        ("ann", "champion", "errors", 0.0),
        ("ann", "challenger", "errors", 1.0),
        ("ben", "challenger", "errors", 0.0),
    ]
    found.add(
        Arrival(number, unit(user), arm, metric, value)
        for number, (user, arm, metric, value) in enumerate(rows, start=1)
    )
    result = figures(experiment, found, intervals=False)
    assert (result.users.champion, result.users.challenger) == (1, 1)
    assert result.health.both_arms == 1
    errors = result.guardrails[0]
    assert (errors.users.champion, errors.means.challenger) == (1, 0)


def test_a_shadow_is_compared_request_by_request(open_one: Open) -> None:
    experiment = open_one(mode="shadow", share=1.0)
    found = Arrivals(shadow=True)
    rows: list[tuple[str, Arm, float]] = [
        ("ann", "shadow", 1.0),
        ("ben", "champion", 0.0),
        ("ann", "champion", 0.0),
        ("ben", "shadow", 1.0),
        ("only the champion's came", "champion", 1.0),
    ]
    found.add(
        Arrival(number, unit(user), arm, "errors", value)
        for number, (user, arm, value) in enumerate(rows, start=1)
    )
    errors = figures(experiment, found, intervals=False).guardrails[0]
    assert (errors.means.champion, errors.means.challenger) == (0, 1)
    assert errors.users.champion == errors.users.challenger == 2


@pytest.mark.parametrize("mode", ["shadow", "canary", "ab"])
def test_figures_without_a_single_user_can_be_kept(open_one: Open, mode: str) -> None:
    found = figures(open_one(mode=mode), Arrivals(shadow=mode == "shadow"), intervals=True)
    assert found.canonical()
    assert judge(found) is None
