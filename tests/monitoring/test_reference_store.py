"""The reference of a champion: which rows it is made of, and that it stays."""

from datetime import date

import numpy as np

from monitoring.drift.reference import Reference
from monitoring.drift.reference_rows import began
from monitoring.drift.season import Season
from monitoring.signals.signal import Batch
from project.records.drift import DriftState
from tests.monitoring.test_drift_state import D, N, story


def reference(seasonal: bool = False) -> Reference:
    rng = np.random.default_rng(0)
    words = ["how", "much", "is", "my", "loan", "card", "fee", "today"]
    prompts = [" ".join(rng.choice(words, 5)) for _ in range(300)]
    vectors = rng.normal(size=(300, 8)).astype(np.float32)
    batch = Batch(prompts=prompts, vectors=vectors, ratings=np.ones(300, np.float32))
    users, times = [str(i) for i in range(300)], np.arange(300, dtype=np.float32) % 7 * 24
    return Reference.freeze(batch, users, times, rng=rng, season=Season(weekly=seasonal))


def test_a_reference_reads_back_as_it_was_and_equal_ones_have_equal_bytes() -> None:
    data = reference(seasonal=True).to_bytes()
    assert data == reference(seasonal=True).to_bytes()
    again = Reference.from_bytes(data)
    assert again.to_bytes() == data
    assert again.season == Season(weekly=True)
    assert [s.name for s in again.signals] == [s.name for s in reference().signals]


def test_without_season_there_is_one_stratum() -> None:
    assert set(reference().units.strata) == {0}
    assert set(reference(seasonal=True).units.strata) == set(range(7))


def test_no_row_is_in_both_halves() -> None:
    frozen = reference()
    assert len(frozen.units) == 150


def test_after_a_drift_the_reference_begins_where_the_drift_began() -> None:
    assert began(story([N, N])) is None
    assert began(story([N, D, D])) == date(2026, 3, 2)
    assert began(story([D, N, N, N, D, D])) == date(2026, 3, 5)
    assert story([D, D])[-1].state is DriftState.ACT
