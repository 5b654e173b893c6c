"""What follows from a night, as a table: states grow slowly, and a retrain is easily refused."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from monitoring.monitoring_settings import TriggerParams
from monitoring.trigger.state_machine import Facts, Step, step
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome

PARAMS = TriggerParams(confirm_nights=2, calm_nights=3, cooldown_days=7, minimum_labels=50)
FIRST = date(2026, 3, 1)
ENOUGH = Facts(labels=50, harm="rated worse", in_flight=None)
D, N = DriftVerdict.DRIFT, DriftVerdict.NO_DRIFT
LITTLE = DriftVerdict.INSUFFICIENT


def night(number: int, verdict: DriftVerdict, step: Step, **more: object) -> Night:
    return Night.model_validate(
        {
            "family": "test",
            "date": str(FIRST + timedelta(days=number)),
            "champion": 1,
            "reference": "r" * 64,
            "traffic": "t" * 64,
            "rows": 100,
            "units": 90,
            "set_aside": {},
            "verdict": verdict,
            "readings": (),
            "topics": (),
            "exemplars": (),
            "new_words": (),
            **step.model_dump(),
            **more,
        }
    )


def story(
    verdicts: Sequence[DriftVerdict],
    facts: Facts = ENOUGH,
    params: TriggerParams = PARAMS,
    outcome: RetrainOutcome = RetrainOutcome.LOST,
) -> list[Night]:
    """The nights that a row of verdicts makes; every retrain has one outcome."""
    nights: list[Night] = []
    for number, verdict in enumerate(verdicts):
        day = FIRST + timedelta(days=number)
        taken = step(verdict, day, nights, nights, facts, params)
        more = {"outcome": outcome} if taken.action is Action.RETRAIN else {}
        nights.append(night(number, verdict, taken, **more))
    return nights


@pytest.mark.parametrize(
    ("verdicts", "state", "action"),
    [
        ((N,), DriftState.OK, Action.NONE),
        ((LITTLE,), DriftState.OK, Action.NONE),
        ((D,), DriftState.WATCH, Action.NONE),
        ((D, N), DriftState.WATCH, Action.NONE),
        ((D, N, D), DriftState.WATCH, Action.NONE),
        ((D, N, N, N), DriftState.OK, Action.NONE),
        ((D, D), DriftState.ACT, Action.RETRAIN),
        ((D, LITTLE, D), DriftState.ACT, Action.RETRAIN),
        ((D, LITTLE, LITTLE), DriftState.WATCH, Action.NONE),
        ((D, D, N, N), DriftState.CONFIRMED, Action.NONE),
        ((D, D, LITTLE), DriftState.CONFIRMED, Action.NONE),
        ((D, D, N, N, N), DriftState.OK, Action.NONE),
        ((D, D, N, D), DriftState.CONFIRMED, Action.REFUSED),
    ],
)
def test_a_suspicion_grows_and_fades_over_several_nights(
    verdicts: tuple[DriftVerdict, ...], state: DriftState, action: Action
) -> None:
    last = story(verdicts)[-1]
    assert (last.state, last.action) == (state, action)


def test_one_night_confirms_where_the_settings_say_so() -> None:
    params = PARAMS.model_copy(update={"confirm_nights": 1})
    assert story([D], params=params)[-1].action is Action.RETRAIN


def test_too_few_labels_make_a_queue_and_no_retrain() -> None:
    last = story([D, D], ENOUGH.model_copy(update={"labels": 49}))[-1]
    assert (last.state, last.action) == (DriftState.CONFIRMED, Action.LABEL)
    assert "49 accepted labels on the drifted topics, 50 needed" in last.reasons


def test_a_retrain_is_refused_while_another_is_in_flight() -> None:
    last = story([D, D], ENOUGH.model_copy(update={"in_flight": "that of 2026-02-28"}))[-1]
    assert last.action is Action.REFUSED
    assert last.reasons[-1] == "another retrain is in flight: that of 2026-02-28"


def test_the_cooldown_doubles_with_every_challenger_that_lost() -> None:
    nights = story([D] * 40, params=PARAMS.model_copy(update={"retrains_per_month": 99}))
    days = [n for n, night in enumerate(nights) if night.action is Action.RETRAIN]
    assert days == [1, 15]  # after 14 days, and then after 28, which is day 43
    refused = nights[16].reasons[-1]
    assert "lasts until 2026-04-13, longer after 2 that lost" in refused


def test_after_a_challenger_that_won_the_cooldown_is_the_plain_one() -> None:
    days = [
        n
        for n, night in enumerate(story([D] * 17, outcome=RetrainOutcome.PROMOTED))
        if night.action is Action.RETRAIN
    ]
    assert days == [1, 8, 15]


def test_while_a_winner_waits_for_a_person_nothing_is_trained() -> None:
    nights = story([D] * 20, outcome=RetrainOutcome.REVIEW)
    assert sum(night.action is Action.RETRAIN for night in nights) == 1
    assert "waits for a person to promote it" in nights[-1].reasons[1]


def test_the_monthly_budget_is_kept() -> None:
    params = PARAMS.model_copy(update={"cooldown_days": 0, "retrains_per_month": 2})
    nights = story([D] * 33, params=params)
    assert sum(night.action is Action.RETRAIN for night in nights[:31]) == 2
    assert nights[3].reasons[-1] == "2 retrains in 30 days are all that the budget allows"
    assert nights[31].action is Action.RETRAIN


def test_a_budget_of_no_retrain_refuses_all() -> None:
    params = PARAMS.model_copy(update={"retrains_per_month": 0})
    assert story([D, D], params=params)[-1].action is Action.REFUSED


def test_every_night_has_a_reason() -> None:
    assert all(night.reasons[0] for night in story([LITTLE, N, D, D, N, LITTLE, N, N, N]))
