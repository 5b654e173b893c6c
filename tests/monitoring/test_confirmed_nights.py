"""Whole nights: what confirms a drift, which labels count, and what stands against a retrain."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Event
from typing import Any

import pytest

from curation.eval_sets import Extension, read_changes
from monitoring import night, night_action
from monitoring.night_action import run_retrain, waiting_version
from monitoring.night_check import check
from monitoring.night_context import NightContext
from monitoring.night_history import nights_before
from monitoring.trigger.acceptance import accept
from monitoring.trigger.drifted_rows import accepted_since, last_read
from monitoring.trigger.labels import LABEL_QUEUE, LABELLED, Label, label_of
from monitoring.trigger.retrain import RetrainResult
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome
from project.records.evidence import Verdict
from project.records.traffic import Feedback, Traffic
from tests.conftest import decision_on, evidence_of
from tests.quick_nights import (
    NOW,
    Make,
    day,
    opened,
    rows_of,
    run,
    scheduler_of,
    site_of,
    watched_site,
)

DRIFT, FEW = DriftVerdict.DRIFT, 2


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    """A champion with three days of traffic before its first night."""
    with watched_site(make_adapter) as made:
        yield replace(made, trigger=made.trigger.model_copy(update={"minimum_labels": FEW}))


def odd(number: int) -> list[Traffic]:
    return rows_of(number, new_share=0.5)


def test_one_odd_day_is_not_confirmed_by_the_windows_that_hold_it(context: NightContext) -> None:
    nights = [run(context, 3, odd(3)), *(run(context, number) for number in (4, 5))]
    assert [night.verdict for night in nights[:2]] == [DRIFT, DRIFT]
    assert {night.state for night in nights} == {DriftState.WATCH}
    assert nights[1].reasons[0] == "drift, not yet seen again on later days alone"
    assert {one.verdict for one in nights[1].confirming} == {DriftVerdict.NO_DRIFT}


def test_a_drift_that_stays_is_confirmed_by_the_next_day(context: NightContext) -> None:
    first, second = run(context, 3, odd(3)), run(context, 4, odd(4))
    assert (first.state, first.confirming) == (DriftState.WATCH, ())
    assert (second.state, second.action) == (DriftState.CONFIRMED, Action.LABEL)
    assert second.reasons[0] == "drift, seen again on 1 later day"
    alarmed = {one.signal for one in first.readings if one.verdict is DRIFT}
    assert {one.signal for one in second.confirming} == alarmed


def label(row: Traffic, answer: str, user: str | None = None) -> Label:
    said = Feedback(rating=-1, correction=answer) if user else None
    return label_of(row.model_copy(update={"user": user, "feedback": said}), answer, None)


def labels_told(night: Night) -> str:
    return next(reason for reason in night.reasons if "accepted labels" in reason)


def test_a_label_that_many_ask_for_counts_once(context: NightContext) -> None:
    """Half of the rows ask one of four prompts; one of them has an accepted answer."""
    run(context, 3, odd(3))
    new = next(row for row in odd(3) if "coin" in row.prompt_text)
    accept([label(new, "Ask the desk.")], context.registry, "true")
    night = run(context, 4, odd(4))
    assert sum(row.prompt_text == new.prompt_text for row in odd(4)) > FEW
    assert (night.action, labels_told(night)) == (
        Action.LABEL,
        "1 accepted labels on the drifted topics, 2 needed",
    )


def test_what_one_user_wrote_counts_once_and_what_experts_wrote_each(context: NightContext) -> None:
    run(context, 3, odd(3))
    asked = {row.prompt_text: row for row in odd(3) if row.prompt_text not in OLD_PROMPTS}
    rows = list(asked.values())
    own = [label(row, f"Mine {i}.", "mallory") for i, row in enumerate(rows[:3])]
    accept(own, context.registry, "true")
    assert labels_told(run(context, 4, odd(4))).startswith("1 accepted labels")
    accept([label(rows[3], "Ask the desk.")], context.registry, "true")
    context.traffic.append(odd(5))
    night = check(context, day(5))
    assert (night.action, labels_told(night)) == (
        Action.RETRAIN,
        "2 accepted labels on the drifted topics",
    )


@pytest.mark.parametrize(
    ("step", "before", "left"),
    [
        ("check", False, "nothing"),
        ("keep_check", True, "nothing"),
        ("accept_and_queue", True, "nothing"),
        ("accept_and_queue", False, "labels and queue"),
        ("run_retrain", True, "labels and queue"),
    ],
)
def test_a_night_that_dies_between_two_steps_labels_nothing_before_its_verdict_is_kept(
    context: NightContext, monkeypatch: pytest.MonkeyPatch, step: str, before: bool, left: str
) -> None:
    """Whenever it died, the night that is run again accepts and queues once."""
    written = {row.id: replace_answer(row) for row in odd(4) if row.prompt_text not in OLD_PROMPTS}
    users = tuple(f"user 4 {i}" for i in range(150))
    context = replace(context, trigger=context.trigger.model_copy(update={"trusted": users}))
    run(context, 3, odd(3))
    monkeypatch.setattr(night, "run_retrain", lambda own, made, stop: made)
    with monkeypatch.context() as dying:
        dying.setattr(night, step, died(getattr(night, step), before))
        context.traffic.append([written.get(row.id, row) for row in odd(4)])
        again(context, 4)
    done = LABELLED.exists(), len(read_changes()), LABEL_QUEUE.exists()
    assert done == ((False, 0, False) if left == "nothing" else (True, 1, True))
    again(context, 4)
    (change,) = read_changes().values()
    assert isinstance(change, Extension)
    (kept,) = nights_before(context.registry.engine, "bank", day(5))[1:]
    assert (kept.action, kept.to_label, len(change.rows)) == (Action.RETRAIN, None, 4)
    told = [reason for reason in kept.reasons if reason.startswith("what to label is in")]
    assert len(told) == 1 and LABEL_QUEUE.exists()


def replace_answer(row: Traffic) -> Traffic:
    return row.model_copy(update={"feedback": Feedback(rating=-1, correction="Ask the desk.")})


def died(work: Callable[..., Any], before: bool) -> Callable[..., Any]:
    """The same work, with a death right before it or right after it."""

    def dying(*args: Any, **fields: Any) -> None:
        if not before:
            work(*args, **fields)
        raise KeyboardInterrupt

    return dying


def again(context: NightContext, number: int) -> None:
    scheduler = scheduler_of(context)
    (job,) = scheduler.jobs
    scheduler.run(job, day(number), insist=True)


OLD_PROMPTS = {row.prompt_text for number in range(3) for row in rows_of(number)}


@pytest.mark.parametrize("after", ["nothing", "rejected", "deleted", "promoted"])
def test_a_winner_waits_until_somebody_decided(
    context: NightContext, make_adapter: Make, after: str
) -> None:
    registry = context.registry
    version = registry.submit(*make_adapter("b"), "test").number
    won = run(context, 3).model_copy(
        update={"outcome": RetrainOutcome.REVIEW, "challenger": version}
    )
    if after == "rejected":
        registry.reject(version, "no")
    if after == "deleted":
        registry.delete(version, "no")
    if after == "promoted":
        registry.promote(version, "yes", force=True)
        registry.rollback("worse")
    assert waiting_version(registry, [won]) == (version if after == "nothing" else None)


@pytest.mark.parametrize("outcome", [RetrainOutcome.LOST, RetrainOutcome.FAILED])
def test_what_a_retrain_read_is_new_to_no_other_but_after_a_run_that_failed(
    make_adapter: Make, outcome: RetrainOutcome
) -> None:
    seconds = count()
    with opened(make_adapter, lambda: NOW + timedelta(seconds=next(seconds))) as registry:
        context = site_of(registry)
        row = rows_of(3)[0]
        accept([label(row, "Ask the desk.")], registry, "true")
        night = run(context, 3)  # its check ends after that
        ended = night.model_copy(update={"action": Action.RETRAIN, "outcome": outcome})
        champion = registry.champion()
        assert champion is not None
        new = accepted_since(last_read(registry, champion, [ended]))
        assert len(new) == (outcome is RetrainOutcome.FAILED)
        accept([label(row, "Ask at the door.")], registry, "true")
        assert len(accepted_since(last_read(registry, champion, [ended]))) == len(new) + 1


@pytest.mark.parametrize(("version", "outcome"), [(1, "failed"), (2, "failed"), (3, "lost")])
def test_a_retrain_that_made_nothing_new_lost_nothing(
    context: NightContext, monkeypatch: pytest.MonkeyPatch, version: int, outcome: str
) -> None:
    """Version 1 is the champion, version 2 lost in an earlier night."""
    decision = decision_on(evidence_of("1" * 64, None), Verdict.HOLD)
    made = RetrainResult(version=version, verdict=Verdict.HOLD, decision=decision)
    earlier = run(context, 3).model_copy(update={"challenger": 2})
    night = run(context, 4)
    monkeypatch.setattr(night_action, "retrain", lambda *_, **__: made)
    monkeypatch.setattr(night_action, "nights_before", lambda *_: (earlier,))
    ended = run_retrain(context, night, Event())
    assert ended.outcome == outcome
    assert ("nothing new was trained" in ended.reasons[-1]) == (outcome == "failed")
