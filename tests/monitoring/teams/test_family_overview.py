"""How all families stand: those first that need a person, and no words of another team's rows."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from monitoring.duties import (
    FamilyLine,
    Overview,
    family_overview,
    is_for_a_person,
)
from monitoring.night_history import check_job, nightly_of
from monitoring.scheduling import runs
from monitoring.scheduling.heartbeats import Heartbeat, beat
from monitoring.scheduling.retrain_slots import RetrainLimits, claim_slot
from monitoring.scheduling.runs import Claim
from project.records.adapters import Adapter
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome
from project.records.evidence import Verdict
from registry.storage.database import writing
from registry.store import Registry
from tests.conftest import decision_on, evidence_of, keep_decision
from tests.nights import night_of

NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)
DAY = date(2026, 3, 9)
LEASE = timedelta(minutes=10)
ONE = RetrainLimits(at_once=1, quota=3)
Make = Callable[[str], tuple[Adapter, Path]]


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path / "registry", "bank", clock=lambda: NOW) as registry:
        yield registry


def family(registry: Registry, name: str, adapter: tuple[Adapter, Path]) -> Registry:
    """Another family of the registry, with a champion."""
    own = Registry(Path("registry"), name, clock=lambda: NOW)
    own.promote(own.submit(*adapter, "made").number, "made", force=True)
    return own


def claim(registry: Registry, job: str) -> Claim:
    claimed = runs.claim(registry.engine, job, DAY, "a", NOW, LEASE)
    assert claimed
    return claimed


def drifted(family: str) -> Night:
    seen = {"champion": 1, "rows": 9, "units": 9, "verdict": DriftVerdict.DRIFT}
    return night_of(family, DAY, **seen, state=DriftState.CONFIRMED, action=Action.REFUSED)


def had_night(registry: Registry, verdict: DriftVerdict, state: DriftState) -> None:
    night = drifted(registry.family).model_copy(update={"verdict": verdict, "state": state})
    for job in (check_job(registry.family), nightly_of(registry.family)):
        claimed = claim(registry, job)
        with writing(registry.engine) as connection:
            runs.finish(connection, claimed, NOW, night.canonical().decode())


def failed_night(registry: Registry, problem: str) -> None:
    claimed = claim(registry, nightly_of(registry.family))
    with writing(registry.engine) as connection:
        runs.fail(connection, claimed, NOW, problem, None)


def wants_retrain(registry: Registry) -> None:
    night = Claim(job=nightly_of(registry.family), date=DAY, holder="a", fence=1, attempt=1)
    claim_slot(registry.engine, registry.family, night, NOW, LEASE, ONE)


@pytest.fixture
def overview(bank: Registry, make_adapter: Make) -> Overview:
    """Five families: one failed, one drifts, one has a winner, one is calm, one is new."""
    calm, drifts, fails, wins = (
        family(bank, name, make_adapter(name)) for name in ("calm", "drifts", "fails", "wins")
    )
    bank.submit(*make_adapter("new"), "made")
    had_night(calm, DriftVerdict.NO_DRIFT, DriftState.OK)
    had_night(drifts, DriftVerdict.DRIFT, DriftState.CONFIRMED)
    failed_night(fails, "a row says 'my name is Ann'")
    challenger = wins.submit(*make_adapter("better"), "made")
    champion = wins.champion()
    assert champion
    evidence = evidence_of(challenger.adapter.files, champion.adapter.files)
    keep_decision(wins, challenger.number, decision_on(evidence, Verdict.PROMOTE), evidence)
    wants_retrain(drifts)
    wants_retrain(calm)
    scheduler = Heartbeat(
        holder="host:1:2",
        at="2026-03-10T03:00:00.000Z",
        doing="drifts",
        next_job=None,
        next_at=None,
        quotas={"calm": 3, "drifts": 3},
        at_once=1,
    )
    beat(bank.engine, scheduler)
    return family_overview(bank, NOW)


def line_of(overview: Overview, name: str) -> FamilyLine:
    return next(line for line in overview.families if line.family == name)


def test_those_that_need_a_person_come_first(overview: Overview) -> None:
    told = [(line.family, *(need.text for need in line.needs)) for line in overview.families]
    assert told == [
        ("fails", "The night of 2026-03-09 was given up"),
        ("drifts", "Drift is confirmed, in the night of 2026-03-09 too"),
        ("wins", "v2 won and waits for a person"),
        ("bank",),
        ("calm",),
    ]


def test_a_line_says_champion_night_and_retrains(overview: Overview) -> None:
    drifts, calm = line_of(overview, "drifts"), line_of(overview, "calm")
    assert (drifts.champion, drifts.since) == (1, "2026-03-10T03:00:00.000Z")
    assert (drifts.night, drifts.verdict) == ("2026-03-09", DriftVerdict.DRIFT)
    assert (drifts.retrain, drifts.used, drifts.quota) == ("running", 1, 3)
    assert (calm.retrain, calm.used, calm.quota) == ("waiting", 0, 3)
    assert line_of(overview, "bank").champion is None
    assert overview.at_once == 1


def test_others_see_that_a_family_failed_and_not_the_words(overview: Overview) -> None:
    fails = line_of(overview, "fails")
    assert fails.needs[0].detail == "a row says 'my name is Ann'"
    assert "Ann" not in fails.without_details().model_dump_json()


@pytest.mark.parametrize(
    ("action", "outcome", "expected"),
    [
        pytest.param(Action.REFUSED, None, True, id="refused"),
        pytest.param(Action.LABEL, None, True, id="labels-are-asked-for"),
        pytest.param(Action.RETRAIN, None, False, id="a-retrain-waits-or-runs"),
        pytest.param(Action.RETRAIN, RetrainOutcome.PROMOTED, False, id="a-retrain-won"),
        pytest.param(Action.RETRAIN, RetrainOutcome.FAILED, True, id="a-retrain-failed"),
    ],
)
def test_drift_is_for_a_person_where_no_retrain_answers_it(
    action: Action, outcome: RetrainOutcome | None, expected: bool
) -> None:
    night = drifted("bank").model_copy(update={"action": action, "outcome": outcome})
    assert is_for_a_person(night) is expected
