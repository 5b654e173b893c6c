"""Experiments in the registry: what may be tried, what is counted once, and how one ends."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.errors import IncumbentError, InputError
from project.records.events import ExperimentOpened
from registry.audit import problems
from registry.experiment_events import (
    Arms,
    Experiment,
    ExperimentHealth,
    ExperimentResult,
    Observation,
    end_experiment,
    experiments,
    find_experiment,
    interruption,
    open_experiment,
    put_observations,
    read_observations,
    result_of,
    running_experiment,
)
from registry.garbage import collect
from registry.roles import Roles
from registry.store import Registry
from tests.places import Place, decide, submit, ticking, win

pytest_plugins = ["tests.servers"]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    return Place(tmp_path / "registry", url)


def told(champion: int | None = 1, mode: str = "canary") -> ExperimentOpened:
    return ExperimentOpened.model_validate(
        {
            "mode": mode,
            "adapter": "a" * 64,
            "champion": champion,
            "share": "0.1",
            "metric": "rating",
            "alpha": "0.05",
            "guardrails": ("errors",),
            "salt": "salt",
        }
    )


def opened(registry: Registry, tmp_path: Path) -> Experiment:
    """An experiment with v2, beside the champion v1."""
    win(registry, "a", tmp_path)
    submit(registry, "b", tmp_path)
    return open_experiment(registry, 2, told(), "to see")


def result(experiment: Experiment) -> ExperimentResult:
    none = Arms(champion=0, challenger=0)
    health = ExperimentHealth(
        ratio=1, feedback_ratio=None, ratio_needed=1000, both_arms=0, waiting=0
    )
    return ExperimentResult(
        experiment=experiment.number,
        counted=0,
        users=none,
        metric=None,
        guardrails=(),
        health=health,
    )


def observation(unit: str, value: float = 1.0, **changes: object) -> Observation:
    fields: dict[str, object] = {"experiment": 7, "arm": "champion", "metric": "rating"}
    fields |= {"unit": unit, "value": value, "at": "2026-01-01T00:00:00.000Z"} | changes
    return Observation.model_validate(fields)


def test_an_experiment_runs_until_it_is_ended_and_keeps_its_result(
    place: Place, tmp_path: Path
) -> None:
    with place.open(ticking()) as registry:
        experiment = opened(registry, tmp_path)
        assert running_experiment(registry) == experiment
        ended = end_experiment(registry, experiment, "harm", result(experiment), "it hurt")
        assert running_experiment(registry) is None
        assert find_experiment(registry, experiment.number) == ended
        assert result_of(registry, ended) == result(experiment)
        assert collect(registry) == []
        assert list(problems(registry)) == []


def test_a_verdict_once_given_stays(registry: Registry, tmp_path: Path) -> None:
    experiment = opened(registry, tmp_path)
    first = end_experiment(registry, experiment, "harm", result(experiment), "it hurt")
    again = end_experiment(registry, experiment, "better", result(experiment), "it did not")
    assert again == first
    assert len(registry.history(kind="experiment-end")) == 1


def test_of_many_gateways_at_once_one_ends_an_experiment(place: Place, tmp_path: Path) -> None:
    with place.open() as registry, ThreadPoolExecutor(8) as pool:
        experiment = opened(registry, tmp_path)

        def end(_: int) -> Experiment:
            return end_experiment(registry, experiment, "harm", result(experiment), "it hurt")

        assert len({one.ended.seq for one in pool.map(end, range(8)) if one.ended}) == 1
        assert list(problems(registry)) == []


def test_only_what_users_may_get_can_be_tried(registry: Registry, tmp_path: Path) -> None:
    submit(registry, "z", tmp_path)
    with pytest.raises(InputError, match="no champion to compare with"):
        open_experiment(registry, 1, told(None), "to see")
    decide(registry, registry.version(1))
    registry.promote(1, "first")
    with pytest.raises(InputError, match="is the champion already"):
        open_experiment(registry, 1, told(), "to see")
    for number, name in enumerate("bcd", start=2):
        assert submit(registry, name, tmp_path).number == number
    registry.reject(2, "rude")
    with pytest.raises(InputError, match="was rejected by tester: rude"):
        open_experiment(registry, 2, told(), "to see")
    registry.delete(3, "old")
    with pytest.raises(InputError, match="was deleted"):
        open_experiment(registry, 3, told(), "to see")
    with pytest.raises(InputError, match="no version 9"):
        open_experiment(registry, 9, told(), "to see")
    with pytest.raises(IncumbentError, match="another champion by now"):
        open_experiment(registry, 4, told(champion=3), "to see")


def test_one_experiment_runs_at_a_time(registry: Registry, tmp_path: Path) -> None:
    experiment = opened(registry, tmp_path)
    submit(registry, "c", tmp_path)
    with pytest.raises(InputError, match=f"incumbent gateway experiment stop {experiment.number}"):
        open_experiment(registry, 3, told(), "to see")
    end_experiment(registry, experiment, "stopped", result(experiment), "enough")
    assert open_experiment(registry, 3, told(), "to see").version == 3
    assert [one.version for one in experiments(registry)] == [3, 2]


def test_only_who_may_promote_opens_one(registry: Registry, tmp_path: Path) -> None:
    registry.roles = Roles(promote=("ann",))
    with pytest.raises(IncumbentError, match="tester may not promote"):
        open_experiment(registry, 1, told(), "to see")


def test_with_four_eyes_nobody_lets_users_try_what_he_submitted(
    registry: Registry, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    submit(registry, "b", tmp_path)
    registry.four_eyes = True
    with pytest.raises(IncumbentError, match="asks for a second person"):
        open_experiment(registry, 2, told(), "to see")
    assert open_experiment(registry, 2, told(mode="shadow"), "nobody sees it").version == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda registry: registry.promote(2, "won", force=True), "v2 is the champion now"),
        (lambda registry: registry.promote(3, "won", force=True), "not the champion any more"),
        (lambda registry: registry.reject(2, "rude"), "v2 was rejected by tester"),
        (lambda registry: registry.delete(2, "old"), "v2 was deleted"),
    ],
)
def test_an_experiment_cannot_go_on_without_its_two_sides(
    registry: Registry, tmp_path: Path, change: object, why: str
) -> None:
    experiment = opened(registry, tmp_path)
    submit(registry, "c", tmp_path)
    assert interruption(registry, experiment) is None
    assert callable(change)
    change(registry)
    assert why in str(interruption(registry, experiment))


def test_of_each_user_metric_and_arm_the_first_value_is_kept(place: Place) -> None:
    with place.open() as registry:
        engine = registry.engine
        assert put_observations(engine, [observation("a", 1), observation("a", 0)]) == 1
        more = [observation("a", 0), observation("a", 3, metric="slow"), observation("b")]
        assert put_observations(engine, more) == 2
        found = read_observations(engine, 7)
        assert [(one.unit, one.metric, one.value) for one in found] == [
            ("a", "rating", 1),
            ("a", "slow", 3),
            ("b", "rating", 1),
        ]
        assert read_observations(engine, 7, after=found[1].id) == found[2:]
        assert read_observations(engine, 8) == []


def test_gateways_that_write_at_once_lose_nothing_and_count_nothing_twice(place: Place) -> None:
    units = [f"user {number}" for number in range(40)]

    def write(start: int) -> None:
        for at in range(start, start + 20):
            put_observations(registry.engine, [observation(units[at % 40])])

    with place.open() as registry, ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [0, 10, 20, 30]))
        found = read_observations(registry.engine, 7)
        assert sorted(one.unit for one in found) == sorted(units)
        assert [one.id for one in found] == sorted(one.id for one in found)


def test_a_batch_that_cannot_be_written_leaves_nothing_of_itself(place: Place) -> None:
    broken = observation("c").model_copy(update={"value": None})
    with place.open() as registry:
        with pytest.raises(IncumbentError, match="nothing was changed"):
            put_observations(registry.engine, [observation("a"), broken])
        assert read_observations(registry.engine, 7) == []
        assert put_observations(registry.engine, [observation("a")]) == 1
