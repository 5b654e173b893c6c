"""What an export lost is summed up as a challenger's loss is, and held against the policy."""

import pytest

from evaluation.decision.policy import Policy
from project.errors import IncumbentError, InputError
from serving.exporting.judged_answers import JudgedAnswers, changes, refuse_loss, shown
from serving.exporting.start_scripts import MetricChange
from tests.serving.exporting.judged_project import row_of

N = 20
POLICY = Policy(ranges={"letters": (0, 10)}, export_loss={"letters": 0.5})
Scores = tuple[float | None, ...]


def judged(*clusters: str) -> JudgedAnswers:
    rows = tuple(row_of(f"{i}?") for i in range(len(clusters)))
    return JudgedAnswers(rows, (), {}, ("letters",), ("letters",), clusters)


EACH = judged(*map(str, range(N)))


def change(before: Scores, after: Scores, of: JudgedAnswers = EACH) -> MetricChange:
    found = changes(of, {"letters": before}, {"letters": after}, ["letters"], [], POLICY)
    return shown(found, [], POLICY)[0]


def test_an_interval_is_of_differences_by_clusters() -> None:
    before, after = (5.0,) * N, tuple(5 + (-1) ** i * 0.1 for i in range(N))
    alone = change(before, after)
    assert alone.low is not None
    assert alone.high is not None
    assert alone.difference == pytest.approx(0)
    assert -0.1 < alone.low < 0 < alone.high < 0.1
    pairs = change(before, after, judged(*(str(i % 4) for i in range(N))))
    assert pairs.clusters == 4
    assert (pairs.low or 0) < alone.low


def test_an_item_that_can_no_longer_be_scored_is_at_its_worst_and_one_never_scored_is_left_out():
    before: Scores = (5.0,) * N
    lost = change(before, (None, *before[1:]))
    assert (lost.items, lost.difference) == (N - 1, 0)
    assert lost.low is not None
    assert lost.low < -0.5
    assert change((None, *before[1:]), (None, *before[1:])).low == 0


def refuse(after: Scores, policy: Policy = POLICY) -> None:
    found = changes(EACH, {"letters": (5.0,) * N}, {"letters": after}, ["letters"], [], policy)
    refuse_loss(found, policy, "bank v1 as gguf", "the table")


def test_a_loss_that_may_be_larger_than_the_policy_allows_is_refused() -> None:
    refuse((4.9,) * (N // 2) + (5.1,) * (N // 2))
    with pytest.raises(IncumbentError, match=r"export_loss.*\n.*lost more than 0\.5.*\nthe table"):
        refuse((4.0,) * (N // 2) + (5.1,) * (N // 2))
    refuse((0.0,) * N, Policy())


def test_a_limit_on_what_no_export_is_measured_in_is_refused() -> None:
    with pytest.raises(InputError, match=r"limits 'fluency', which cannot be measured"):
        refuse((5.0,) * N, Policy(export_loss={"fluency": 0.1}))
    with pytest.raises(ValueError, match="rests on a judge or people"):
        Policy(export_loss={"preference": 0.1})
