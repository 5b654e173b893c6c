"""Accepted rows extend the sets: whole families, in shares, and nothing old gives way to them."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.accepted_rows import REPEATED, SEEN, SURPLUS, place_batches
from curation.curate import Curated, curate, seen_items
from curation.curation_settings import CurateParams, lot
from curation.eval_sets import Changes, Extension, Rotation
from curation.families import side
from project.errors import InputError
from project.records.data import Row, Split
from project.settings import load

AT = "2026-03-01T00:00:00Z"
PARAMS = CurateParams(dev=20, sealed=40, max_per_group=2)


def base_row(i: int) -> Row:
    return Row.of(f"what is number {i}?", f"it is {i}", group=f"g{i}", source="answers.jsonl")


BASE = [base_row(i) for i in range(400)]


def labelled(text: str, answer: str = "an answer", group: str | None = None) -> Row:
    row = Row.of(text, answer, group="", source="labelled.jsonl")
    return row.model_copy(update={"group": group or row.id})


def wrong(count: int) -> list[Row]:
    """What one user writes about a new topic; its numbers are none of the base rows'."""
    return [labelled(f"which coin {i}?", f"buy coin {i}") for i in range(1_000, 1_000 + count)]


def extension(*rows: Row) -> Extension:
    names = tuple(row.id for row in rows)
    return Extension(at=AT, by="ann", reason="checked", source="labelled.jsonl", rows=names)


def rotation(part: Split, rows: list[Row]) -> Rotation:
    names = tuple(row.id for row in rows)
    return Rotation(at=AT, by="ann", reason="worn out", part=part, rows=names)


def curated(accepted: list[Row], params: CurateParams = PARAMS, **more: Rotation) -> Curated:
    changes: Changes = {1: extension(*accepted)} if accepted else {}
    changes |= dict(enumerate(more.values(), start=2))
    return curate([*BASE, *accepted], changes, params)


def ids(rows: list[Row]) -> list[str]:
    return [row.id for row in rows]


OLD = curated([])


def test_rows_that_nobody_accepted_are_in_no_part() -> None:
    """One user writes 500 corrections, and puts them where labelled rows are."""
    with pytest.raises(InputError, match=r"labelled\.jsonl: id: nobody accepted row \w+: run"):
        curate([*BASE, *wrong(500)], {}, PARAMS)


def test_the_same_rows_accepted_are_in_every_part_and_the_old_items_are_all_there() -> None:
    made = curated(wrong(500))
    for part in Split:
        own = made.parts[part]
        base = [row for row in own if row.source != "labelled.jsonl"]
        assert ids(base) == ids(OLD.parts[part])
        assert 0 < len(own) - len(base) <= len(base)
    for part in (Split.DEV, Split.SEALED):
        old = ids(OLD.parts[part])
        assert ids(made.parts[part])[: len(old)] == old


def test_they_are_shared_out_as_stated() -> None:
    placed = Counter(one.part for one in curated(wrong(500)).accepted)
    assert placed[Split.SEALED] == pytest.approx(125, abs=30)
    assert placed[Split.DEV] == pytest.approx(75, abs=25)


def test_any_first_rows_of_training_are_at_most_half_accepted() -> None:
    rows = curated(wrong(2_000)).parts[Split.TRAIN]
    accepted = 0
    for count, row in enumerate(rows, start=1):
        accepted += row.source == "labelled.jsonl"
        assert accepted <= count / 2
    assert accepted == len(rows) // 2


@pytest.mark.parametrize(("share", "times"), [(0.0, 0), (0.25, 1 / 3), (0.75, 3)])
def test_the_share_of_accepted_rows_is_a_setting(share: float, times: float) -> None:
    made = curated(wrong(2_000), PARAMS.model_copy(update={"accepted_share": share}))
    for part in (Split.DEV, Split.SEALED):
        base = len(OLD.parts[part])
        assert len(made.parts[part]) == base + int(base * times)


def test_an_item_that_traffic_asks_for_is_marked_and_stays() -> None:
    item = OLD.parts[Split.SEALED][0]
    asked = labelled(item.prompt_text, "another answer, which a user likes")
    made = curated([asked])
    assert [one.why for one in made.accepted] == [SEEN]
    assert made.parts == OLD.parts
    (seen,) = seen_items(made)
    assert (seen.item, seen.part, seen.rows) == (item.id, Split.SEALED, (asked.id,))


def test_a_row_that_is_like_one_kept_for_later_is_left_out_too() -> None:
    """A rotation may make it an item."""
    taken = {row.id for rows in OLD.parts.values() for row in rows}
    later = next(row for row in BASE if row.id not in taken)
    made = curated([labelled(later.prompt_text, "what a user wrote")])
    assert [one.why for one in made.accepted] == [SEEN]
    assert seen_items(made) == []


def test_a_row_that_is_like_a_training_row_is_trained_on() -> None:
    old = OLD.parts[Split.TRAIN][0]
    rows = [labelled(old.prompt_text, f"what a user wrote, {i}") for i in range(2)]
    made = curated(rows)
    assert {one.part for one in made.accepted} == {Split.TRAIN}
    assert {one.row.group for one in made.accepted} == {old.group}


def test_a_row_of_the_group_of_an_item_is_left_out() -> None:
    item = OLD.parts[Split.DEV][0]
    made = curated([labelled("something else altogether", "yes", group=item.group)])
    assert [one.why for one in made.accepted] == [SEEN]


def test_near_duplicates_among_accepted_rows_follow_the_first_and_are_thinned() -> None:
    for i in range(30):
        words = f"how do I mend the old red bicycle of my aunt number {i}"
        rows = [labelled(f"{words} {end}", f"{end} it {i}") for end in ("please", "now", "soon")]
        first, second, third = curated(rows).accepted
        assert first.part is side(lot(PARAMS.seed, rows[0].group), PARAMS)
        assert (second.part, second.row.group) == (first.part, first.row.group)
        assert (third.part, third.why) == (None, SURPLUS)


def test_the_same_row_under_another_id_is_a_repeat() -> None:
    row = labelled("which coin?", "that one")
    again = row.model_copy(update={"id": "again", "group": "again"})
    assert [one.why for one in curated([row, again]).accepted] == ["", REPEATED]


def test_an_instruction_before_every_question_of_a_new_topic_ties_none_of_them() -> None:
    instruction = "You are the friendly assistant of a bank that sells coins to everybody. "
    asked = [labelled(f"{instruction}Coin {i}?", f"buy {i}") for i in range(1_000, 1_200)]
    made = curated(asked)
    assert len({one.row.group for one in made.accepted}) == 200
    assert {one.part for one in made.accepted} == set(Split)


def test_an_instruction_before_an_items_question_does_not_make_it_a_new_one() -> None:
    """Users of a new client ask what they always asked, behind its system prompt."""
    instruction = "You are the friendly assistant of a bank that sells coins to everybody. "
    made = curated([labelled(f"{instruction}{row.prompt_text}", "?") for row in BASE])
    old = {row.group: side(lot(PARAMS.seed, row.group), PARAMS) for row in BASE}
    trained = [one for one in made.accepted if one.part]
    assert {one.part for one in trained} == {Split.TRAIN}
    assert {old[one.row.group] for one in trained} == {Split.TRAIN}


WORDS = st.sampled_from(["red", "old", "mend", "bank", "coin", "rate", "loan", "card"])
ROW = st.builds(
    labelled,
    st.lists(WORDS, min_size=1, max_size=6).map(" ".join),
    st.lists(WORDS, min_size=1, max_size=6).map(" ".join),
)
BATCHES = st.lists(st.lists(ROW, min_size=1, max_size=15), min_size=1, max_size=5)
SMALL = [
    (Row.of(f"mend old bank loan {w}", f"red card {w}", group=w, source="s"), part)
    for w, part in zip(("rate", "coin", "tax"), Split, strict=True)
]


@settings(deadline=None)
@given(BATCHES, st.integers(0, 5))
def test_what_is_accepted_later_moves_nothing(batches: list[list[Row]], kept: int) -> None:
    first = place_batches(SMALL, batches[:kept], PARAMS)
    assert place_batches(SMALL, batches, PARAMS)[: len(first)] == first


@settings(deadline=None)
@given(BATCHES)
def test_no_family_is_in_two_parts(batches: list[list[Row]]) -> None:
    parts: dict[str, set[Split]] = {row.group: {part} for row, part in SMALL}
    for one in place_batches(SMALL, batches, PARAMS):
        if one.part:
            parts.setdefault(one.row.group, set()).add(one.part)
    assert all(len(found) == 1 for found in parts.values())


def test_a_rotation_takes_rows_that_were_never_items() -> None:
    leaving = OLD.parts[Split.SEALED]
    after = curated([], rotation=rotation(Split.SEALED, leaving))
    assert len(after.parts[Split.SEALED]) == len(leaving)
    everywhere = {row.id for rows in after.parts.values() for row in rows}
    assert not everywhere & set(ids(leaving))
    assert after.parts[Split.DEV] == OLD.parts[Split.DEV]
    assert after.parts[Split.TRAIN] == OLD.parts[Split.TRAIN]


def test_a_near_duplicate_of_what_left_does_not_take_its_place() -> None:
    row = labelled("how do I mend the old red bicycle", "with glue")
    near = labelled("how do I mend the old red bicycle now", "with tape")
    params = PARAMS.model_copy(update={"sealed_share": 0.9, "dev_share": 0.05})
    for i in range(40):
        one = row.model_copy(update={"group": f"a{i}"})
        if curated([one], params).accepted[0].part is Split.SEALED:
            break
    before = curate([*BASE, one], {1: extension(one)}, params)
    gone = {1: extension(one), 2: rotation(Split.SEALED, before.parts[Split.SEALED])}
    after = curate([*BASE, one, near], gone | {3: extension(near)}, params)
    assert after.accepted[1].part is Split.SEALED  # with its family
    assert not {one.id, near.id} & {r.id for rows in after.parts.values() for r in rows}


def test_an_accepted_row_whose_file_lost_it_is_named_with_its_record() -> None:
    with pytest.raises(InputError, match=r"^datasets/eval_sets\.jsonl:1: rows: row \w+ was acc"):
        curate(BASE, {1: extension(*wrong(1))}, PARAMS)


def test_a_row_that_nobody_accepted_is_named_with_its_line() -> None:
    row = wrong(1)[0]
    path = Path("datasets/sources/labelled.jsonl")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\n" + row.canonical() + b"\n")
    said = r"^datasets/sources/labelled\.jsonl:2: id: nobody accepted .* `incumbent data labels "
    with pytest.raises(InputError, match=said):
        curate([*BASE, row], {}, PARAMS)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("accepted", "[labelled.jsonl]", "no such setting; did you mean accepted_share?"),
        ("accepted_share", 1, "less than 1"),
        ("train_only", "[labelled.jsonl]", "labelled.jsonl has what somebody accepted"),
    ],
)
def test_settings_that_would_open_a_hole_are_refused(key: str, value: object, said: str) -> None:
    Path("params.yaml").write_text(f"curation:\n  curate:\n    {key}: {value}\n")
    with pytest.raises(InputError, match=rf"params\.yaml:\d: .*{re.escape(said)}"):
        load(CurateParams)
