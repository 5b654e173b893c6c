"""What became of users' cases is a signal, of the champion's own answers, and the day tells it."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from random import Random

import numpy as np
import pytest

from monitoring.drift.alarm_budget import night_tests
from monitoring.drift.reference import Reference
from monitoring.drift.reference_store import FrozenReference
from monitoring.drift.signal_tests import shared_out
from monitoring.monitoring_settings import DriftParams
from monitoring.night_text import day_text
from monitoring.signals import ANSWER_SIGNALS
from monitoring.signals.answer_signals import Escalated, Satisfaction, Unresolved
from monitoring.signals.signal import Batch
from monitoring.signals.signal_inputs import batch_of, rated_so_far, times_of
from monitoring.traffic.user_sample import Tally
from monitoring.traffic.voices import voices_of
from project.records.adapters import AdapterVersion
from project.records.drift import DriftVerdict, SignalReading
from project.records.traffic import Feedback, Outcome, Traffic
from registry.storage.artifact_store import Artifacts, Blobs
from tests.conftest import BASE
from tests.quick_nights import Make, WordEmbeddings, day, opened, site_of

NEW = ("escalated", "unresolved", "satisfaction")
CHAMPION = AdapterVersion.model_validate(
    {
        "family": "bank",
        "number": 1,
        "adapter": {"files": "a" * 64, "base": BASE, "recipe": "c" * 64, "dataset": "d" * 64},
        "actor": "tester",
        "at": "2026-01-01T00:00:00Z",
    }
)


def rows_of(
    number: int, count: int, *, worse: float = 0.0, told: bool = True, adapter: str = "bank v1"
) -> list[Traffic]:
    """Cases, of which a tenth is escalated, and of the others so many more."""
    random = Random(number)
    rows = []
    for i in range(count):
        bad = random.random() < 0.1 + worse
        outcome = Outcome(escalated=bad, resolved=not bad, satisfaction=0.3 if bad else 0.8)
        rows.append(
            Traffic(
                id=f"{number} {i}",
                at=f"{day(number)}T12:00:00Z",
                user=f"{number} {i}",
                prompt="what is a fee",
                response="as you like",
                adapter=adapter,
                outcome=outcome if told else None,
            )
        )
    return rows


def batch(rows: Sequence[Traffic]) -> Batch:
    return batch_of(rows, WordEmbeddings(), CHAMPION, Artifacts(Blobs(Path("artifacts"))))


def frozen(rows: Sequence[Traffic]) -> Reference:
    return Reference.freeze(
        batch(rows),
        voices_of(rows),
        times_of(rows),
        rng=np.random.default_rng(0),
        kinds=ANSWER_SIGNALS,
    )


def readings(reference: Reference, rows: Sequence[Traffic]) -> dict[str, SignalReading]:
    units = reference.units_of(batch(rows), voices_of(rows), times_of(rows))
    rng = np.random.default_rng(1)
    found = night_tests(reference.signals, [units], reference.units, DriftParams(), rng)
    return {test.signal.name: test.reading for test in found}


def test_more_escalations_fewer_solutions_and_less_satisfaction_are_drift() -> None:
    found = readings(frozen(rows_of(0, 1_000)), rows_of(1, 500, worse=0.3))
    assert {found[name].verdict for name in NEW} == {DriftVerdict.DRIFT}


@pytest.mark.parametrize("worse", [0.0, -0.1])
def test_as_many_escalations_as_ever_or_fewer_are_none(worse: float) -> None:
    found = readings(frozen(rows_of(0, 1_000)), rows_of(1, 500, worse=worse))
    assert {found[name].verdict for name in NEW} == {DriftVerdict.NO_DRIFT}


def test_where_nobody_tells_outcomes_the_levels_of_the_other_signals_stay_as_they_were() -> None:
    signals = frozen(rows_of(0, 400, told=False)).signals
    assert not {signal.name for signal in signals} & {*NEW}
    others = [s for s in frozen(rows_of(0, 400)).signals if s.name not in NEW]
    assert shared_out(0.5, signals) == shared_out(0.5, others)


def test_outcomes_of_another_system_say_nothing_of_the_champion() -> None:
    found = batch(rows_of(0, 5, adapter="bank v7"))
    assert found.escalated is not None
    assert np.isnan(found.escalated).all()
    assert [kind.fit(found, np.random.default_rng(0)) for kind in (Escalated, Unresolved)] == [
        None,
        None,
    ]


def test_a_case_that_tells_one_thing_alone_counts_for_that_alone() -> None:
    row = rows_of(0, 1)[0].model_copy(update={"outcome": Outcome(satisfaction=0.25)})
    found = batch([row])
    (signal,) = [kind.fit(found, np.random.default_rng(0)) for kind in (Satisfaction,)]
    assert signal is not None
    assert signal.columns(found).tolist() == [[-0.25]]
    assert Escalated.fit(found, np.random.default_rng(0)) is None


def test_a_reference_of_outcomes_reads_back_as_it_was() -> None:
    reference = frozen(rows_of(0, 400))
    again = Reference.from_bytes(reference.to_bytes())
    assert {signal.name for signal in again.signals} == {s.name for s in reference.signals}
    assert again.to_bytes() == reference.to_bytes()


def test_the_day_tells_what_became_of_its_cases() -> None:
    tally = Tally()
    tally.update(rows_of(0, 3))
    tally.update(rows_of(1, 2, worse=0.9))
    told = "of 5 cases 2 escalated, 3 resolved; satisfaction 0.60 of 1"
    assert told in day_text(tally.finish())


def test_a_day_without_outcomes_tells_none() -> None:
    tally = Tally()
    tally.update(rows_of(0, 3, told=False))
    assert day_text(tally.finish()) == "Nobody rated an answer."


def test_ratings_and_outcomes_count_once_all_of_a_days_that_count_have_come() -> None:
    rated = {"feedback": Feedback(rating=1)}
    rows = [row.model_copy(update=rated) for row in (*rows_of(0, 2), *rows_of(1, 2))]
    found = batch_of(
        rows,
        WordEmbeddings(),
        CHAMPION,
        Artifacts(Blobs(Path("artifacts"))),
        settled=lambda one: one == day(0),
    )
    assert found.escalated is not None
    assert np.isfinite(found.escalated).tolist() == [True, True, False, False]
    assert found.ratings is not None
    assert np.isfinite(found.ratings).tolist() == [True, True, False, False]
    shown = rated_so_far(found, rows, CHAMPION).ratings
    assert shown is not None and shown.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(("later", "waits"), [(1, True), (2, False)])
def test_what_a_nights_users_told_is_kept_apart_from_what_the_night_after_knows(
    make_adapter: Make, later: int, waits: bool
) -> None:
    at = datetime.combine(day(3 + later), time(2), UTC)
    with opened(make_adapter, lambda: at) as registry:
        context = site_of(registry)
        silent = rows_of(0, 400, told=False)
        rated = [row.model_copy(update={"feedback": Feedback(rating=1)}) for row in silent]
        told, ratings, untold = (
            FrozenReference(frozen(rows), "a" * 64, day(0), None)
            for rows in (rows_of(0, 400), rated, silent)
        )
        assert ("-early" in told.place(day(3), context).name) is waits
        assert ("-early" in ratings.place(day(3), context).name) is waits
        assert "-early" not in untold.place(day(3), context).name
