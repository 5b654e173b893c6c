"""A retrain that hangs is told of at once, and not tried again as it is; nights go on meanwhile."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitoring.monitoring_settings import TriggerParams
from monitoring.night_context import NightContext
from monitoring.night_history import nights_before
from monitoring.night_page import page_path
from monitoring.scheduling.outbox import newest_notices
from monitoring.scheduling.runs import RunState, run_on
from monitoring.trigger import retrain
from project.records.drift import Action, Night, RetrainOutcome
from project.records.traffic import Feedback, Traffic
from tests.quick_nights import Make, day, rows_of, scheduler_of, watched_site

HANGS = "#!/bin/sh\necho \"Running stage 'train':\"\nsleep 60\n"


@pytest.fixture
def context(make_adapter: Make, monkeypatch: pytest.MonkeyPatch) -> Iterator[NightContext]:
    """Trusted users write labels enough, and `dvc` does not come to an end."""
    program = Path("bin/dvc")
    program.parent.mkdir()
    program.write_text(HANGS)
    program.chmod(0o755)
    found_first = {**os.environ, "PATH": f"{program.parent.absolute()}:{os.environ['PATH']}"}
    monkeypatch.setattr(retrain, "environment", lambda: found_first)
    Path("params.yaml").write_text("registry: {family: bank}\n")
    trusted = tuple(f"user {number} {i}" for number in range(9) for i in range(150))
    trigger = TriggerParams(
        minimum_labels=3, confirm_nights=1, trusted=trusted, retrain_hours=1.5 / 3600
    )
    with watched_site(make_adapter) as made:
        yield replace(made, trigger=trigger)


def drifted(number: int) -> list[Traffic]:
    said = Feedback(rating=-1, correction="as it should be")
    return [
        one.model_copy(update={"feedback": said}) if i % 2 else one
        for i, one in enumerate(rows_of(number, new_share=0.6))
    ]


def live(context: NightContext, number: int) -> Night:
    """A day's traffic, and the scheduler in the morning after."""
    context.traffic.append(drifted(number))
    scheduler_of(context, at=day(number + 1)).tick()
    return nights_before(context.registry.engine, "bank", day(number + 1))[-1]


def test_a_retrain_that_hangs_is_told_at_once_and_not_tried_again_as_it_is(
    context: NightContext,
) -> None:
    engine = context.registry.engine
    hung = live(context, 3)
    run = run_on(engine, "nightly bank", day(3))
    assert run and (run.state, run.attempts) == (RunState.FAILED, 1)
    assert (hung.action, hung.outcome) == (Action.RETRAIN, RetrainOutcome.FAILED)
    (notice,) = [one.notice for one in newest_notices(engine, 9)]
    for words in ("took too long", "in stage 'train'", "incumbent nightly --date 2026-03-05"):
        assert words in notice.text
        assert words in hung.reasons[-1]
    assert (notice.kind, notice.path) == ("run-failed", "/nights/2026-03-05")
    page = page_path("bank", day(3)).read_text()
    assert page.index("</b> The retrain hung") < page.index("took too long")

    later = live(context, 4)
    assert later.action is Action.REFUSED
    told = "the retrain of 2026-03-05 ran over its time, and settings, pipeline and rows are still"
    assert any(told in reason for reason in later.reasons)

    Path("params.yaml").write_text("registry: {family: bank}\ntraining: {sft: {epochs: 1}}\n")
    assert live(context, 5).action is Action.RETRAIN


def test_a_person_tries_the_night_of_a_hung_retrain_again(context: NightContext) -> None:
    live(context, 3)
    Path("bin/dvc").write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    scheduler = scheduler_of(context, at=day(4))
    scheduler.run(scheduler.jobs[0], day(3), insist=True)
    run = run_on(context.registry.engine, "nightly bank", day(3))
    assert run and run.state is RunState.WAITING
    assert "no such luck" in (run.problem or "")
