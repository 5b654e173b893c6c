"""From an adapter on, new rows are learnt with a share of the old ones."""

import pytest

from project.records.data import Row
from training.recipe import LearntRows, TrainingStart, row_digest
from training.rows.experience_replay import (
    replay_in_words,
    replayed,
    replayed_beside,
    rows_to_learn,
)
from training.rows.row_tokens import RowTokens
from training.training_settings import SftParams


def rows(start: int, stop: int) -> list[Row]:
    return [
        Row.of(f"What is {n}?", f"It is {n}.", group=str(n), source="s") for n in range(start, stop)
    ]


OLD, NEW = rows(0, 100), rows(100, 120)
KNOWN = LearntRows.of(OLD).learnt
MIXED = [row for pair in zip(OLD[:20], NEW, strict=True) for row in pair] + OLD[20:]


def old_ones(learnt: tuple[Row, ...]) -> list[Row]:
    return [row for row in learnt if row in OLD]


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.25, 5), (0.5, 10), (1, 20), (9, 100)])
def test_all_new_rows_are_learnt_with_a_share_of_old_ones(share: float, count: int) -> None:
    learnt = replayed(MIXED, KNOWN, share, seed=0)
    assert [row for row in learnt if row in NEW] == NEW
    assert len(old_ones(learnt)) == count


def test_the_rows_keep_their_order() -> None:
    learnt = replayed(MIXED, KNOWN, 0.5, seed=0)
    assert list(learnt) == [row for row in MIXED if row in learnt]


def test_the_same_old_rows_for_a_seed_and_others_for_another() -> None:
    one, again, other = (old_ones(replayed(MIXED, KNOWN, 0.5, seed)) for seed in (0, 0, 1))
    assert one == again != other


def test_a_new_row_more_changes_at_most_one_old_one() -> None:
    few = old_ones(replayed([*OLD, *NEW[:10]], KNOWN, 0.5, seed=0))
    more = old_ones(replayed([*OLD, *NEW[:12]], KNOWN, 0.5, seed=0))
    assert all(row in more for row in few) and len(more) == len(few) + 1


def test_where_nothing_is_new_all_rows_are_learnt_again() -> None:
    assert replayed(OLD, KNOWN, 0.5, seed=0) == tuple(OLD)


def test_a_better_answer_to_a_known_question_is_new() -> None:
    better = OLD[0].model_copy(update={"completion": NEW[0].completion})
    assert replayed([better, *OLD[1:]], KNOWN, 0, seed=0) == (better,)


def test_from_the_base_every_row_is_learnt() -> None:
    params = SftParams(replay=0)
    assert rows_to_learn(MIXED, TrainingStart(known=KNOWN), params, 0) == tuple(MIXED)
    champion = TrainingStart(adapter="a" * 64, version=1, known=KNOWN)
    assert rows_to_learn(MIXED, champion, params, 0) == tuple(NEW)


def test_it_is_told_what_is_new_and_what_comes_again() -> None:
    start = TrainingStart(adapter="a" * 64, version=3, known=KNOWN)
    learnt = rows_to_learn(MIXED, start, SftParams(), 0)
    assert replay_in_words(MIXED, learnt, start) == (
        "20 rows are new to version 3; 10 of 100 old ones again"
    )
    assert "all are learnt again" in replay_in_words(OLD, OLD, start)
    unknown = start.model_copy(update={"known": ()})
    assert "is not known: all 120 rows are new" in replay_in_words(MIXED, MIXED, unknown)


def tokens(count: int, first: int) -> RowTokens:
    return RowTokens((first, *range(1, count)), (True,) * count)


PIECES = [tokens(50, 0), tokens(50, 1)]
SHORT = [tokens(10, n) for n in range(30)]


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.1, 1), (0.55, 5), (1, 10), (9, 30)])
def test_beside_documents_rows_have_a_share_of_their_tokens(share: float, count: int) -> None:
    beside = replayed_beside(PIECES, SHORT, share, seed=0)
    assert len(beside) == count
    assert beside == [row for row in SHORT if row in beside]


def test_rows_beside_documents_are_chosen_by_the_seed() -> None:
    chosen = [replayed_beside(PIECES, SHORT, 0.5, seed) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_the_digest_is_of_what_a_row_says() -> None:
    assert row_digest(OLD[0]) in KNOWN and row_digest(NEW[0]) not in KNOWN
