"""Curation keeps near-duplicates together and every row on its side."""

from collections import Counter
from collections.abc import Iterable

import pytest
from pydantic import ValidationError

from curation.curate import curate, large_group_lines, refuse_unknown_sources
from curation.curation_settings import CurateParams, lot
from curation.eval_sets import Rotation
from curation.families import draw, side, split, thinned
from curation.kinship import family_names
from curation.sifting import clean, corrected, unrepeated
from project.errors import InputError
from project.records.data import Message, Row, Split


def row(prompt: str, completion: str = "an answer", group: str | None = None) -> Row:
    return Row.of(prompt, completion, group=group or prompt, source="test")


def many(count: int) -> list[Row]:
    return [row(f"question {i}", f"answer {i}") for i in range(count)]


def groups(rows: Iterable[Row]) -> set[str]:
    return {row.group for row in rows}


def dealt(rows: list[Row], params: CurateParams, similarity: float = 0.8) -> dict[Split, list[Row]]:
    lots, grouped = draw(rows, family_names(rows, similarity), params)
    return split(grouped, lots, params)


def test_text_is_composed_and_stripped() -> None:
    (message,) = clean(row("q", "  Cafe\u0301 \n")).completion
    assert message == Message(role="assistant", content="Caf\u00e9")


def test_only_the_first_of_equal_rows_is_kept() -> None:
    assert list(unrepeated([row("q"), row("q"), row("q", "other")])) == [
        row("q"),
        row("q", "other"),
    ]


def test_answers_in_nearly_the_same_words_share_a_group() -> None:
    rows = [
        row("a", "Return the mean of the values along an axis."),
        row("b", "Return the mean of values along the axis."),
        row("c", "Compute a singular value decomposition of a matrix."),
    ]
    assert family_names(rows, similarity=0.7) == ["a", "a", "c"]


def test_being_a_twin_is_transitive_through_names_and_words() -> None:
    rows = [
        row("1", "one two three four five", group="x"),
        row("2", "one two three four five", group="y"),
        row("3", "six seven eight nine ten", group="y"),
    ]
    assert set(family_names(rows, similarity=0.9)) == {"x"}


@pytest.mark.parametrize("answer", ["yes", "?!"])
def test_answers_that_are_short_or_have_no_word_are_no_twins(answer: str) -> None:
    assert family_names([row("a", answer), row("b", answer)], similarity=0.5) == ["a", "b"]


def test_a_group_is_thinned_to_its_limit() -> None:
    rows = [row(f"q{i}", group="one") for i in range(9)]
    assert len(list(thinned(rows, CurateParams(max_per_group=2)))) == 2
    assert len(list(thinned(rows, CurateParams(max_per_group=None)))) == 9


def test_no_group_stands_on_two_sides() -> None:
    rows = [row(f"q{i}", group=f"g{i % 50}") for i in range(500)]
    parts = dealt(rows, CurateParams())
    sides = Counter(group for rows in parts.values() for group in groups(rows))
    assert set(sides.values()) == {1}


def test_the_shares_are_about_what_was_asked() -> None:
    parts = dealt(many(2000), CurateParams(dev_share=0.1, sealed_share=0.3))
    assert len(parts[Split.DEV]) == pytest.approx(200, abs=50)
    assert len(parts[Split.SEALED]) == pytest.approx(600, abs=90)


def test_a_new_twin_never_moves_a_trained_row_into_the_exam() -> None:
    params = CurateParams()
    order = [Split.TRAIN, Split.DEV, Split.SEALED]
    moved = 0
    for i in range(60):
        rows = [row(f"q{i}", f"one two three four five six {i}", group=f"g{i}")]
        near = row(f"t{i}", f"one two three four five six {i}", group=f"a{i}")
        before = side(lot(params.seed, f"g{i}"), params)
        (after,) = (part for part, found in dealt([*rows, near], params).items() if found)
        assert order.index(after) <= order.index(before)
        moved += after != before
    assert moved > 0


def test_a_row_keeps_its_side_when_data_are_added() -> None:
    before = dealt(many(200), CurateParams())
    after = dealt(many(400), CurateParams())
    for part in Split:
        assert {row.id for row in before[part]} <= {row.id for row in after[part]}


def test_another_seed_deals_anew() -> None:
    assert dealt(many(200), CurateParams(seed=0)) != dealt(many(200), CurateParams(seed=1))


def test_no_more_rows_are_taken_than_asked() -> None:
    parts = dealt(many(400), CurateParams(dev=5, sealed=3))
    assert [len(parts[part]) for part in (Split.DEV, Split.SEALED)] == [5, 3]


def test_a_correction_replaces_what_asks_the_same_and_trains_with_its_twins() -> None:
    params = CurateParams(train_only=("corrections.jsonl",))
    for i in range(40):
        old, near = row(f"q{i}", "a bad answer", group=f"g{i}"), row(f"t{i}", group=f"g{i}")
        new = row(f"q{i}", "a good answer", group=f"g{i}").model_copy(
            update={"id": "new", "source": "corrections.jsonl"}
        )
        kept = corrected([old, near, new], params.train_only)
        assert kept == [near, new]
        assert groups(dealt(kept, params)[Split.TRAIN]) == {f"g{i}"}


def test_corrections_come_first_so_that_no_limit_cuts_them_off() -> None:
    params = CurateParams(max_per_group=1, train_only=("corrections.jsonl",))
    new = row("new", group="g").model_copy(update={"source": "corrections.jsonl"})
    rows = [*(row(f"q{i}", group="g") for i in range(9)), new]
    assert list(thinned(rows, params)) == [new]


def test_rows_for_evaluation_only_take_no_place_of_a_row_that_is_trained_on() -> None:
    alike = [row(f"q{i}", group="g") for i in range(9)]
    items = [one.model_copy(update={"source": "items.jsonl"}) for one in alike[:8]]
    for seed in range(20):
        params = CurateParams(max_per_group=1, seed=seed, eval_only=("items.jsonl",))
        parts = curate([*items, alike[8], *many(20)], {}, params).parts
        found = [(part, one) for part, own in parts.items() for one in own if one.group == "g"]
        assert found
        assert all(part is not Split.TRAIN or one.source == "test" for part, one in found)


@pytest.mark.parametrize("kind", ["train_only", "eval_only"])
def test_a_source_of_one_kind_that_no_row_has_is_refused(kind: str) -> None:
    params = CurateParams.model_validate({kind: ("items.jsonl",)})
    with pytest.raises(InputError, match=rf"curation\.curate\.{kind}: .*'items\.jsonl'"):
        refuse_unknown_sources(params, many(3))


def test_a_group_of_more_than_a_fifth_of_the_rows_is_told_whatever_is_rehearsed() -> None:
    alike = [row(f"other {i}", "one and the same long answer", "one") for i in range(500, 530)]
    rehearsed = [
        one.model_copy(update={"source": "rehearsal.jsonl"})
        for one in (row(f"rehearsed {i}", f"so it is {i}") for i in range(1000, 1200))
    ]
    params = CurateParams(train_only=("rehearsal.jsonl",))
    made = curate([*many(70), *alike, *rehearsed], {}, params)
    (said,) = large_group_lines(made, params.train_only)
    assert said.startswith("30 of 100 rows share a prompt, an answer or a group")
    assert list(large_group_lines(curate(many(100), {}, params), ())) == []


def test_a_chain_of_kin_is_cut_into_small_families_and_who_asks_alike_stays_together() -> None:
    words = [f"word{i}" for i in range(400)]
    chain = [row(" ".join(words[i : i + 12]), f"answer {i}") for i in range(300)]
    names = Counter(family_names([*chain, *many(700)])[: len(chain)])
    assert max(names.values()) <= 20 < len(chain)
    asked_again = [row(chain[0].prompt_text.upper() + "!", f"other {i}") for i in range(40)]
    assert len(set(family_names([chain[0], *asked_again, *many(700)])[:41])) == 1


def test_a_part_that_would_be_too_small_is_filled_with_whole_families() -> None:
    """A family has the highest of its lots, so large ones alone would all be trained on."""
    rows = [row(f"q{i}", f"a {i}", group=f"g{i}") for i in range(300)]
    kin = [row(f"q{i}", f"b {j} {i}", group=f"h{i}-{j}") for i in range(300) for j in range(5)]
    made = curate([*rows, *kin], {}, CurateParams())
    sizes = {part: len(found) for part, found in made.parts.items()}
    assert sizes[Split.SEALED] >= 0.6 * 0.25 * 1800
    assert sizes[Split.DEV] >= 0.6 * 0.15 * 1800
    sides = Counter(one for found in made.parts.values() for one in {r.prompt_text for r in found})
    assert set(sides.values()) == {1}


def test_every_kind_of_question_has_a_few_items() -> None:
    rows = [
        row(f"q{i}", f"a {i}").model_copy(update={"slices": {"kind": f"k{i % 25}"}})
        for i in range(500)
    ]
    made = curate(rows, {}, CurateParams(dev_share=0.2, sealed_share=0.2))
    for part in Split:
        items = Counter(one.slices["kind"] for one in made.parts[part])
        assert len(items) == 25
        assert min(items.values()) >= 2


def test_a_set_that_was_looked_at_takes_no_row_that_may_have_been_trained_on() -> None:
    before = curate(many(40), {}, CurateParams(sealed_share=0.02))
    rotated = Rotation.of(
        many(1), at="2026-03-01T00:00:00Z", by="ann", reason="worn out", part=Split.SEALED
    )
    after = curate(many(40), {1: rotated}, CurateParams(sealed_share=0.02))
    trained = {one.id for one in before.parts[Split.TRAIN]}
    assert not trained & {one.id for one in after.parts[Split.SEALED]}


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"dev_share 0\.9 and sealed_share 0\.1 leave nothing"
    ):
        CurateParams(dev_share=0.9, sealed_share=0.1)
