"""How much of a teacher's gain a student keeps: the share, its interval, and when there is none."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation import compare, score
from evaluation.decision.gains import kept_gain, kept_gains, kept_lines
from evaluation.decision.policy import Policy
from evaluation.generate import taught_by
from evaluation.generation.answers import Role, answers_of
from examples.recorded_project import Recorded, record_answers
from project import paths
from project.files import write_bytes
from project.records.adapters import Contestant, ModelPin, Opponent
from project.records.data import Row, Split
from project.records.evidence import Evidence
from project.records.record import write_records
from project.records.scores import ItemScore, ScoreTable
from tests.incumbent.reproducible_project import VOTE
from tests.recorded_project import PARTS, lay_out

ALPHA = 0.05
Gains = tuple[np.ndarray, np.ndarray, list[str]]


def gains(seed: int, teacher: float, share: float, n: int = 60) -> Gains:
    """The student's and the teacher's, of pairs of items that are alike."""
    rng = np.random.default_rng(seed)
    alike = np.repeat(rng.normal(0, 0.1, n // 2), 2)
    taught = teacher + alike + rng.normal(0, 0.1, n)
    return share * taught + rng.normal(0, 0.05, n), taught, [str(i // 2) for i in range(n)]


def test_a_student_like_its_teacher_keeps_all_of_it_for_sure() -> None:
    _, taught, clusters = gains(0, 0.2, 1.0)
    found = kept_gain(taught, taught, clusters, ALPHA)
    assert found.share == 1
    assert found.interval == pytest.approx((1, 1))


def test_the_interval_holds_the_true_share_as_often_as_it_says() -> None:
    """Where a share is told at all: of 1,000 draws of a gain of some four errors."""
    told = [kept_gain(*gains(seed, 0.06, 0.7), ALPHA) for seed in range(1000)]
    ends = [one.interval for one in told if one.interval]
    covered = np.mean([low <= 0.7 <= high for low, high in ends])
    assert len(ends) > 800
    assert covered == pytest.approx(0.9, abs=0.03)


def test_no_share_is_told_of_a_gain_that_may_be_none() -> None:
    found = kept_gain(*gains(0, 0.0, 0.7), ALPHA)
    assert found.lower <= 0
    assert (found.share, found.interval) == (None, None)
    assert list(kept_lines({"rougeL": found})) == [
        "rougeL: the champion's gain over the base may be none, so no share of it"
    ]


def test_gains_are_of_the_items_that_all_three_were_measured_on_and_less_may_be_better() -> None:
    def table(champion: float, unread: int) -> ScoreTable:
        items = [
            ItemScore(
                item=str(i),
                champion={"errors": champion + i % 3},
                challenger={"errors": 2.0 + i % 3},
                unread=("errors",) if i == unread else None,
            )
            for i in range(12)
        ]
        return ScoreTable(pins=None, items=tuple(items), better={"errors": "less"})

    policy = Policy(gating=("errors", "preference"))
    found = kept_gains(table(1.0, unread=0), table(6.0, unread=1), policy)
    assert list(found) == ["errors"]
    assert (found["errors"].n, found["errors"].teacher, found["errors"].student) == (10, 5, 4)
    assert found["errors"].share == pytest.approx(0.8)


# --- in the pipeline ------------------------------------------------------------------------------

SETTINGS = """
registry: {family: bank}
evaluation:
  few_shot: {shots: 0}
  scoring: {metrics: [rouge]}
  preference: {source: ballots, ballots: datasets/ballots/votes.jsonl}
  policy: {gating: [rougeL], general_margin: 1}
"""
SHORTER = {Role.BASE: 1, Role.CHALLENGER: 2, Role.CHAMPION: 3}  # words of the answer that it says


def says(role: Role, row: Row) -> str:
    return " ".join(row.completion_text.split()[: SHORTER[role]])


def test_stages_tell_what_the_challenger_keeps_and_at_which_cost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay_out(SETTINGS)
    write_bytes(Path("datasets/ballots/votes.jsonl"), VOTE)
    record_answers(PARTS, says)
    dev = Recorded(says, Role.BASE).answer(PARTS[Split.DEV])
    write_records(answers_of(Role.BASE, Split.DEV), dev)
    score.main()
    compare.main()
    kept = (Evidence.read(paths.EVIDENCE).kept or {})["rougeL"]
    assert kept.share == pytest.approx(kept.student / kept.teacher)
    assert 0 < kept.share < 1
    line = f"rougeL over the base the challenger keeps {kept.share:.0%}"
    assert line in capsys.readouterr().out
    page = paths.REPORT.read_text()
    assert line in page
    assert "It answers at 100.0% of the tokens of the champion" in page


def test_the_champion_is_a_teacher_by_the_recipe_or_by_rows_that_bear_its_name() -> None:
    lay_out(SETTINGS)
    base = ModelPin.read(paths.BASE)
    champion = Opponent(
        adapter="a" * 64, version=3, contestant=Contestant(base=base, adapter="a" * 64)
    )
    assert not taught_by(champion)
    recipe = paths.ADAPTER_FILES / "recipe.json"
    recipe.write_text(json.dumps({"distill": {"teacher": {"adapter": "a" * 64}}}))
    assert taught_by(champion)
    recipe.unlink()
    marked = PARTS[Split.TRAIN][0].model_copy(update={"synthetic": "bank v3"})
    write_records(paths.rows_of(Split.TRAIN), [marked])
    assert taught_by(champion)
    assert not taught_by(champion.model_copy(update={"version": 4}))
