"""Several answers an item are one piece of evidence: the item counts by their mean."""

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from evaluation.decision.metric_evidence import item_means
from evaluation.decision.policy import Policy
from evaluation.decision.score_evidence import weigh
from evaluation.decision.statistics import bounds, paired
from evaluation.evaluation_settings import Decoding
from evaluation.scoring.score_table import read_score_table
from project.errors import InputError
from project.records.record import write_records
from project.records.scores import ItemScore, ScoreTable

POLICY = Policy(gating=("rougeL",))


def drawn(
    items: int, samples: int, gain: float, seed: int = 0, per_cluster: int = 1
) -> list[ItemScore]:
    """Items whose differences spread by 0.1, and whose answers spread by 0.2 around them."""
    rng = np.random.default_rng(seed)
    of_items = rng.normal(gain, 0.1, items)
    return [
        ItemScore(
            item=f"i{i}",
            sample=s,
            cluster=f"c{i // per_cluster}",
            champion={"rougeL": 0.5},
            challenger={"rougeL": float(0.5 + of_items[i] + rng.normal(0, 0.2))},
            preference=None if s else 0.75,
        )
        for i in range(items)
        for s in range(samples)
    ]


def table(items: list[ItemScore]) -> ScoreTable:
    return ScoreTable(pins=None, items=tuple(items))


def test_intervals_at_four_answers_an_item_hold_their_level() -> None:
    covered = 0
    for run in range(1000):
        items = item_means(drawn(40, 4, 0.05, seed=run))
        gains = np.array([i.challenger["rougeL"] - i.champion["rougeL"] for i in items])
        found = paired(gains, [i.item for i in items])
        lower, upper = bounds(found.diff, found.se, found.df, 0.025)
        covered += lower < 0.05 < upper
    assert 930 <= covered <= 970


def test_an_item_counts_once_however_often_it_is_answered() -> None:
    items = drawn(30, 4, 0.1)
    whole = weigh(table(items), POLICY).sealed["rougeL"]
    means = weigh(table([*item_means(items)]), POLICY).sealed["rougeL"]
    every = paired(
        np.array([i.challenger["rougeL"] - i.champion["rougeL"] for i in items]),
        [i.item for i in items],
    )
    assert (whole.n, whole.clusters, whole.samples) == (30, 30, 4)
    assert (whole.diff, whole.se) == (means.diff, means.se)
    assert (whole.diff, whole.se) == pytest.approx((every.diff, every.se))


def test_the_spread_within_items_is_told_apart_from_that_between_them() -> None:
    found = weigh(table(drawn(400, 4, 0.1)), POLICY).sealed["rougeL"]
    assert found.within_sd == pytest.approx(0.2, abs=0.01)
    assert found.sd == pytest.approx(sqrt(0.1**2 + 0.2**2 / 4), abs=0.01)


def test_an_items_answers_stay_in_the_items_cluster() -> None:
    found = weigh(table(drawn(40, 4, 0.1, per_cluster=4)), POLICY).sealed["rougeL"]
    assert (found.n, found.clusters, found.df) == (40, 10, 9)


def test_a_preference_of_some_answers_is_their_mean_and_of_none_unjudged() -> None:
    items = drawn(20, 2, 0.1)
    items[0] = items[0].model_copy(update={"preference": None})
    found = weigh(table(items), POLICY).sealed["preference"]
    assert (found.n, found.unjudged, found.diff) == (19, 1, 0.25)


def test_once_answered_items_say_nothing_of_samples() -> None:
    found = weigh(table(drawn(20, 1, 0.1)), POLICY).sealed["rougeL"]
    assert "samples" not in found.model_dump(mode="json")


def test_a_score_table_has_each_answer_of_an_item_once(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    items = drawn(3, 2, 0.1)
    write_records(file, items)
    assert read_score_table(file).items == tuple(items)
    write_records(file, [*items, items[3]])
    with pytest.raises(InputError, match=r"scores\.jsonl:7: item: 'i1' is on line 4 already"):
        read_score_table(file)


def test_greedy_answers_are_all_alike() -> None:
    with pytest.raises(ValidationError, match="set a temperature above 0"):
        Decoding(samples=4)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0, "samples": 1}])
def test_greedy_decoding_is_pinned_as_it_always_was(settings: dict[str, Any]) -> None:
    assert Decoding(**settings).canonical() == b'{"batch_size":16,"max_new_tokens":48}'
