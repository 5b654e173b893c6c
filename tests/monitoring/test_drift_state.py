"""What follows from a night, as a table: states grow slowly, and a retrain is easily refused."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest

from monitoring.monitoring_settings import TriggerParams
from monitoring.trigger.state_machine import DriftStep, Facts, step
from project.records.drift import (
    Action,
    DriftState,
    DriftVerdict,
    Night,
    RetrainOutcome,
    SignalReading,
)

PARAMS = TriggerParams(confirm_nights=2, cooldown_days=7, minimum_labels=50)
FIRST = date(2026, 3, 1)
ENOUGH = Facts(labels=50, harm="rated worse", in_flight=None)
D, N = DriftVerdict.DRIFT, DriftVerdict.NO_DRIFT
LITTLE = DriftVerdict.INSUFFICIENT


def reading(verdict: DriftVerdict, nights: int = 1) -> SignalReading:
    return SignalReading(
        signal="novelty",
        nights=nights,
        n=100,
        reference_n=100,
        p=0.01,
        level=0.02,
        effect=0.1,
        verdict=verdict,
    )


AGAIN = (reading(D),)  # later days alone say it too


def night(number: int, verdict: DriftVerdict, step: DriftStep, **more: object) -> Night:
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
    confirming: Sequence[SignalReading] = AGAIN,
) -> list[Night]:
    """The nights that a row of verdicts makes; every retrain has one outcome, and every night of
    drift after the first one of its run says the same of the days after that one.
    """
    nights: list[Night] = []
    for number, verdict in enumerate(verdicts):
        day = FIRST + timedelta(days=number)
        later = number and verdict is D and verdicts[number - 1] is not N
        known = facts.model_copy(update={"confirming": tuple(confirming) if later else ()})
        taken = step(verdict, day, nights, nights, known, params)
        more = {"outcome": outcome} if taken.action is Action.RETRAIN else {}
        nights.append(night(number, verdict, taken, confirming=known.confirming, **more))
    return nights


def retrain_days(nights: Sequence[Night]) -> list[int]:
    return [n for n, night in enumerate(nights) if night.action is Action.RETRAIN]


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
    nights = story(verdicts)
    assert (nights[-1].state, nights[-1].action) == (state, action)
    assert all(night.reasons[0] for night in nights)


@pytest.mark.parametrize("confirming", [(), (reading(N),), (reading(LITTLE),)])
def test_an_odd_day_that_later_days_alone_do_not_show_is_never_confirmed(
    confirming: tuple[SignalReading, ...],
) -> None:
    """The long windows hold the odd day for weeks."""
    nights = story([D] * 27, confirming=confirming)
    assert {night.state for night in nights} == {DriftState.WATCH}
    assert nights[-1].reasons[0] == "drift, not yet seen again on later days alone"


def test_a_confirmation_says_on_how_many_later_days_it_was_seen() -> None:
    last = story([D, D], confirming=(reading(N, 9), reading(D, 2)))[-1]
    assert last.reasons[0] == "drift, seen again on 2 later days"


@pytest.mark.parametrize(
    ("verdicts", "nights", "state"),
    [
        ([D], 1, DriftState.ACT),
        ([D, D], 3, DriftState.WATCH),
        ([D, D, D], 3, DriftState.ACT),
        ([D, D, N, D, D], 3, DriftState.WATCH),  # it counts in its own run of drift alone
    ],
)
def test_nights_that_confirm_are_the_first_and_those_that_see_it_again(
    verdicts: list[DriftVerdict], nights: int, state: DriftState
) -> None:
    params = PARAMS.model_copy(update={"confirm_nights": nights})
    assert story(verdicts, params=params)[-1].state is state


QUOTA = "the quota of 3 retrains a week is used up until 2026-03-06 02:30 UTC"


@pytest.mark.parametrize(
    ("known", "state", "action", "reason"),
    [
        (
            {"labels": 49},
            DriftState.CONFIRMED,
            Action.LABEL,
            "49 accepted labels on the drifted topics, 50 needed",
        ),
        (
            {"in_flight": "that of 2026-02-28"},
            DriftState.CONFIRMED,
            Action.REFUSED,
            "another retrain is in flight: that of 2026-02-28",
        ),
        ({"quota": QUOTA}, DriftState.CONFIRMED, Action.REFUSED, QUOTA),
        (
            {"waiting": 4},
            DriftState.CONFIRMED,
            Action.REFUSED,
            "version 4 won, and waits for a person to promote it",
        ),
    ],
    ids=["too few labels", "another retrain", "the quota", "a winner waits"],
)
def test_what_stands_against_a_retrain_is_its_reason(
    known: dict[str, object], state: DriftState, action: Action, reason: str
) -> None:
    last = story([D, D], ENOUGH.model_copy(update=known))[-1]
    assert (last.state, last.action) == (state, action)
    assert last.reasons[-1] == reason


def test_the_cooldown_doubles_with_every_challenger_that_lost() -> None:
    nights = story([D] * 40, params=PARAMS.model_copy(update={"retrains_per_month": 99}))
    assert retrain_days(nights) == [1, 15]  # after 14 days, and then after 28, which is day 43
    refused = nights[16].reasons[-1]
    assert "lasts until 2026-04-13, longer after 2 that lost" in refused


def test_however_many_lost_the_cooldown_has_an_end() -> None:
    days = retrain_days(story([D] * 400))
    assert [later - day for day, later in pairwise(days)] == [
        *(14, 28),
        *[56] * (len(days) - 3),
    ]


def test_a_cooldown_that_the_settings_ask_for_is_not_cut() -> None:
    params = PARAMS.model_copy(update={"cooldown_days": 90})
    assert retrain_days(story([D] * 200, params=params)) == [1, 91, 181]


@pytest.mark.parametrize("outcome", [RetrainOutcome.PROMOTED, RetrainOutcome.REVIEW])
def test_after_a_challenger_that_won_the_cooldown_is_the_plain_one(outcome: RetrainOutcome) -> None:
    """Whether a winner waits for a person, the registry says."""
    assert retrain_days(story([D] * 17, outcome=outcome)) == [1, 8, 15]


def test_a_run_that_failed_waits_for_itself_longer_each_time_and_a_week_at_most() -> None:
    nights = story([D] * 40, outcome=RetrainOutcome.FAILED)
    assert retrain_days(nights) == [1, 2, 4, 8, 15, 22, 29, 36]
    assert nights[3].reasons[-1] == (
        "the run of 2026-03-03 failed, and 1 before it: the next may be on 2026-03-05"
    )


def test_a_run_that_failed_is_no_challenger_that_lost_and_nothing_of_the_budget() -> None:
    """Four failed; the first that ends is followed by the cooldown of one that lost."""
    params = PARAMS.model_copy(update={"retrains_per_month": 1})
    nights = story([D] * 15, params=params, outcome=RetrainOutcome.FAILED)
    assert len(retrain_days(nights)) == 4
    ended = night(16, D, DriftStep(state=DriftState.ACT, action=Action.RETRAIN, reasons=("",)))
    nights.append(ended.model_copy(update={"outcome": RetrainOutcome.LOST}))
    taken = step(D, FIRST + timedelta(days=17), nights, nights, ENOUGH, params)
    assert taken.reasons[1:] == (
        "the cooldown after 2026-03-17 lasts until 2026-03-31, longer after 1 that lost",
        "1 retrains in 30 days are all that the budget allows",
    )


def test_the_monthly_budget_is_kept() -> None:
    params = PARAMS.model_copy(update={"cooldown_days": 0, "retrains_per_month": 2})
    nights = story([D] * 33, params=params)
    assert sum(night.action is Action.RETRAIN for night in nights[:31]) == 2
    assert nights[3].reasons[-1] == "2 retrains in 30 days are all that the budget allows"
    assert nights[31].action is Action.RETRAIN
    none = params.model_copy(update={"retrains_per_month": 0})
    assert story([D, D], params=none)[-1].action is Action.REFUSED
