"""Which rows come first, and what a selection makes of the training rows."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.selected_rows import (
    NOT_SELECTED,
    UNRANKED,
    AnswerLoss,
    RankedRow,
    RowQuality,
    Selection,
    SelectionHead,
    qualities,
    selected,
    taken_in_order,
    unselected,
)
from project.errors import InputError
from project.records.data import Row
from tests.conftest import NUMERICS

FILE = Path("datasets/selection/best.jsonl")


def row(name: str, source: str = "faq.csv") -> Row:
    made = Row.of(f"what is {name}?", f"it is {name}", group=name, source=source)
    return made.model_copy(update={"id": name})


def selection(*names: str, others: tuple[str, ...] = ()) -> Selection:
    parts = RowQuality(ifd=0.5, learnable=0.5, length=1, faultless=1)
    ranks = [*((name, n) for n, name in enumerate(names, start=1)), *((o, None) for o in others)]
    rows = [RankedRow(id=name, rank=rank, quality=0.5, parts=parts) for name, rank in ranks]
    head = SelectionHead(
        selected=len(names),
        ranked=len(rows),
        dataset="d" * 64,
        base="b" * 64,
        embedder="e" * 64,
        numerics=NUMERICS,
    )
    return Selection(head=head, rows=tuple(rows))


# --- quality --------------------------------------------------------------------------------------


def values(*losses: tuple[float | None, float | None]) -> list[float]:
    rows = [row(str(i)) for i in range(len(losses))]
    found = qualities(rows, [AnswerLoss(*loss) for loss in losses], [9] * len(rows), {})
    return [quality.value for quality in found]


def test_a_row_whose_prompt_explains_less_of_its_answer_teaches_more() -> None:
    easy, hard = values((1.0, 4.0), (3.0, 4.0))
    assert (easy, hard) == (0.25, 0.75)


def test_a_row_whose_prompt_does_not_help_at_all_is_worth_nothing() -> None:
    assert values((4.0, 4.0), (5.0, 4.0), (None, 4.0), (0.0, 0.0)) == [0, 0, 0, 0]


def test_an_answer_far_longer_than_the_others_is_worth_half() -> None:
    rows = [row(str(i)) for i in range(40)]
    tokens = [*(8 + i % 5 for i in range(39)), 400]
    found = qualities(rows, [AnswerLoss(2.0, 4.0)] * 40, tokens, {})
    assert [quality.length for quality in found] == [1.0] * 39 + [0.5]


def test_each_fault_halves_a_rows_quality_and_is_named() -> None:
    faults = {"short": lambda _: "is short", "odd": lambda r: "odd" if r.id == "b" else None}
    a, b = qualities([row("a"), row("b")], [AnswerLoss(2.0, 4.0)] * 2, [9, 9], faults)
    assert (a.faults, b.faults) == (("short",), ("short", "odd"))
    assert (a.value, b.value) == (0.25, 0.125)


# --- coverage -------------------------------------------------------------------------------------


def around(*topics: int) -> np.ndarray:
    """Unit vectors near an axis for each topic, no two the same."""
    spread = np.random.default_rng(0).normal(scale=0.05, size=(len(topics), 8))
    vectors = np.eye(8)[list(topics)] + spread
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def test_each_topic_has_a_row_before_any_has_two() -> None:
    topics = [0] * 20 + [1] * 5 + [2] * 5 + [3] * 5
    order = taken_in_order([0.5] * 35, around(*topics), 4)
    assert sorted(topics[i] for i in order) == [0, 1, 2, 3]


def test_of_a_topic_the_best_row_stands_for_it() -> None:
    quality = [0.2, 0.9, 0.2, 0.2, 0.2, 0.9]
    assert set(taken_in_order(quality, around(0, 0, 0, 1, 1, 1), 2)) == {1, 5}


def test_what_all_rows_share_makes_none_of_them_alike() -> None:
    """An instruction in front of every prompt."""
    shared = around(*([0] * 9 + [1, 1, 1])) + 5 * np.eye(8, dtype=np.float32)[7]
    shared = (shared / np.linalg.norm(shared, axis=1, keepdims=True)).astype(np.float32)
    first, second = taken_in_order([0.5] * 12, shared, 2)
    assert {first < 9, second < 9} == {True, False}


def naive(quality: list[float], vectors: np.ndarray, count: int) -> list[float]:
    """What each taken row adds, by a greedy choice that computes everything anew."""
    apart = vectors - vectors.mean(axis=0)
    apart = apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-6)
    near, nearest, added = apart @ apart.T, np.zeros(len(apart)), []
    left = set(range(len(apart)))
    for _ in range(count):
        gains = {i: quality[i] * np.maximum(near[i] - nearest, 0).sum() for i in left}
        best = max(left, key=lambda i: gains[i])
        added.append(gains[best])
        nearest = np.maximum(nearest, near[best])
        left.remove(best)
    return added


@given(st.integers(0, 1000), st.integers(4, 30))
def test_the_lazy_choice_is_the_greedy_one(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 6))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    quality = rng.uniform(0.1, 1, size=count).tolist()
    order = taken_in_order(quality, vectors, 3)
    assert len(set(order)) == 3
    apart = vectors - vectors.mean(axis=0)
    apart = apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-6)
    covered = [np.maximum((apart @ apart[order[:n]].T), 0).max(axis=1).sum() for n in (1, 2, 3)]
    steps = [b - a for a, b in pairwise([0.0, *covered])]
    gains = [quality[i] * step for i, step in zip(order, steps, strict=True)]
    assert gains == pytest.approx(naive(quality, vectors, 3), rel=1e-3, abs=1e-4)


def test_a_row_without_any_quality_comes_last() -> None:
    assert taken_in_order([0.0, 0.5, 0.5], around(0, 1, 2), 3)[-1] == 0


# --- the file -------------------------------------------------------------------------------------


def test_a_selection_comes_back_from_its_file_as_it_was() -> None:
    made = selection("b", "a", others=("c",))
    made.save(FILE)
    assert Selection.load(FILE) == made
    assert made.chosen == ["b", "a"]
    head, *rows = map(json.loads, FILE.read_text().splitlines())
    assert (head["dataset"], head["method"]) == ("d" * 64, "ifd-coverage-1")
    assert [(r["id"], r["rank"], r["quality"]) for r in rows] == [
        ("b", 1, 0.5),
        ("a", 2, 0.5),
        ("c", None, 0.5),
    ]


def lines_of(*names: str) -> list[str]:
    selection(*names).save(FILE)
    return FILE.read_text().splitlines()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [], "holds no selection"),
        (lambda lines: lines[:-1], "does not hold the 2 selected of 2 rows"),
        (lambda lines: [lines[0], lines[1], lines[1]], "does not hold the 2 selected"),
        (lambda lines: ["{}", *lines[1:]], r"best\.jsonl:1: selected: Field required"),
        (lambda lines: [*lines[:-1], "{"], r"best\.jsonl:3: "),
    ],
)
def test_a_file_that_was_cut_or_mended_is_refused(change: object, said: str) -> None:
    lines = lines_of("a", "b")
    assert callable(change)
    FILE.write_text("\n".join(change(lines)))
    with pytest.raises(InputError, match=said):
        Selection.load(FILE)


# --- applied --------------------------------------------------------------------------------------


def test_the_selected_rows_come_the_best_first_and_the_others_say_whether_they_were_ranked() -> (
    None
):
    rows = [row("r", "rehearsal.jsonl"), *map(row, ("a", "b", "c", "new"))]
    chosen = selection("c", "a", others=("b",))
    assert [r.id for r in selected(rows, chosen, ["rehearsal.jsonl"])] == ["r", "c", "a"]
    left = unselected(rows, chosen, ["rehearsal.jsonl"])
    assert left == {"b": NOT_SELECTED, "new": UNRANKED}


def test_a_selection_of_rows_that_are_gone_is_refused() -> None:
    with pytest.raises(InputError, match="1 of the 2 selected rows are no training rows any more"):
        selected([row("a")], selection("a", "b"), [])
