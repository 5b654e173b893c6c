"""Frozen items stay, whatever the sources gain; only a person lets them leave or adds to them."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.account import NEAR_FROZEN, REPEATED, SPARE
from curation.curate import Curated, curate
from curation.curation_settings import CurateParams
from curation.eval_sets import Changes, Extension, Freeze, Rotation, frozen_items
from curation.kinship import family_names
from project.records.data import EvidencePassage, Message, Row, Split

AT = "2026-03-01T00:00:00Z"
PARAMS = CurateParams(dev=20, sealed=40, max_per_group=2, train_only=("corrections.jsonl",))
LETTERS = str.maketrans("0123456789", "bdfghjklmn")
TOPICS = ("loan", "card", "branch", "fee", "account")


def row(i: int, source: str = "answers.jsonl") -> Row:
    topic = TOPICS[i % len(TOPICS)]
    name = str(i).translate(LETTERS)  # figures alone would make no other question
    prompt = f"what is {topic} {name} in town {name}a with plan {name}b at rate {name}c?"
    return Row.of(prompt, f"it is {i}", group=f"g{i}", source=source)


BASE = [row(i) for i in range(300)]
BEFORE = curate(BASE, {}, PARAMS)


def freeze(part: Split, rows: Sequence[Row]) -> Freeze:
    names = tuple(one.id for one in rows)
    return Freeze(at=AT, by="ann", reason="the first look", part=part, rows=names)


FROZEN: Changes = {
    1: freeze(Split.DEV, BEFORE.parts[Split.DEV]),
    2: freeze(Split.SEALED, BEFORE.parts[Split.SEALED]),
}
SEALED, DEV, TRAIN = (BEFORE.parts[part] for part in (Split.SEALED, Split.DEV, Split.TRAIN))


def ids(rows: Sequence[Row]) -> set[str]:
    return {one.id for one in rows}


def part(made: Curated, part: Split) -> set[str]:
    return ids(made.parts[part])


def asked_again(item: Row, answer: str, source: str = "more.jsonl") -> Row:
    prompt = f"{item.prompt_text} please"
    return Row.of(prompt, answer, group=f"again {item.id} {answer}", source=source)


def test_without_new_rows_a_freeze_changes_nothing_but_what_the_spare_ones_wait_for() -> None:
    made = curate(BASE, FROZEN, PARAMS)
    assert made.parts == BEFORE.parts
    assert made.left_out == BEFORE.left_out


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sets(st.sampled_from("abcdefghijkl"), min_size=5, max_size=8), min_size=50, max_size=90
    )
)
def test_a_freeze_changes_no_byte_of_any_part(word_sets: list[set[str]]) -> None:
    """Of rows many of which are near-duplicates, directly or by others between.

    Of fewer rows than fifty that share most words, what a shared word is differs between the
    grouping of rows and the search around items.
    """
    rows = [
        Row.of(" ".join(sorted(words)), f"answer {i}", group=f"g{i}", source="s")
        for i, words in enumerate(word_sets)
    ]
    before = curate(rows, {}, PARAMS)
    frozen: Changes = {
        n: freeze(part, before.parts[part])
        for n, part in enumerate((Split.DEV, Split.SEALED))
        if before.parts[part]
    }
    assert curate(rows, frozen, PARAMS).parts == before.parts


def test_a_freeze_drives_out_no_row_that_answers_as_an_item_does_that_nothing_is_known() -> None:
    """The same sentence where passages hold no answer: it makes no two questions alike."""
    unknown = "I do not know: the passages do not say that."
    rows = [
        Row.of(one.prompt_text, unknown, group=one.group, source=one.source).model_copy(
            update={"answerable": False}
        )
        if i % 5 == 0
        else one
        for i, one in enumerate(BASE)
    ]
    before = curate(rows, {}, PARAMS)
    frozen: Changes = {1: freeze(Split.SEALED, before.parts[Split.SEALED])}
    assert curate(rows, frozen, PARAMS).parts[Split.TRAIN] == before.parts[Split.TRAIN]


def test_new_rows_displace_items_of_a_limited_set_that_is_not_frozen() -> None:
    """What a freeze is for."""
    made = curate([*BASE, *(row(i) for i in range(300, 900))], {}, PARAMS)
    assert not ids(SEALED) <= part(made, Split.SEALED)


@settings(max_examples=20, deadline=None)
@given(
    numbers=st.sets(st.integers(300, 1_000), max_size=200),
    first=st.booleans(),
    near=st.lists(st.integers(0, 39), max_size=5),
)
def test_items_stay_wherever_rows_are_added(
    numbers: set[int], first: bool, near: list[int]
) -> None:
    new = [row(i) for i in numbers] + [asked_again(SEALED[i], f"new {i}") for i in set(near)]
    made = curate([*new, *BASE] if first else [*BASE, *new], FROZEN, PARAMS)
    assert part(made, Split.SEALED) == ids(SEALED)
    assert part(made, Split.DEV) == ids(DEV)
    assert ids(TRAIN) <= part(made, Split.TRAIN)
    parts = [(one, name) for name, rows in made.parts.items() for one in rows]
    families = family_names([one for one, _ in parts])
    sides: dict[str, set[Split]] = {}
    for family, (_, side) in zip(families, parts, strict=True):
        sides.setdefault(family, set()).add(side)
    assert all(len(found) == 1 for found in sides.values())


def test_a_row_that_asks_what_an_item_asks_is_left_out_with_its_reason() -> None:
    again, same = asked_again(SEALED[0], "something else"), SEALED[1]
    same = same.model_copy(update={"id": "copy", "group": "copy", "source": "more.jsonl"})
    made = curate([again, same, *BASE], FROZEN, PARAMS)
    assert (made.left_out[again.id], made.left_out["copy"]) == (NEAR_FROZEN, REPEATED)


def test_a_row_that_ties_a_training_row_to_an_item_goes_and_both_stay() -> None:
    item = Row.of("how do I block my lost card today", "call us", group="a", source="s")
    taught = Row.of(
        "can somebody abroad open an account", "yes, at any branch", group="b", source="s"
    )
    bridge = Row.of(item.prompt_text, taught.completion_text, group="c", source="s")
    frozen: Changes = {1: freeze(Split.SEALED, [item])}
    mostly_trained = CurateParams(dev_share=0.01, sealed_share=0.01)
    made = curate([item, taught, bridge], frozen, mostly_trained)
    assert (part(made, Split.SEALED), part(made, Split.TRAIN)) == ({item.id}, {taught.id})
    assert made.left_out == {bridge.id: NEAR_FROZEN}


def test_other_limits_seeds_and_shares_are_for_the_next_version_of_a_set() -> None:
    other = PARAMS.model_copy(update={"sealed": 5, "dev": None, "seed": 9, "sealed_share": 0.01})
    made = curate(BASE, FROZEN, other)
    assert (part(made, Split.SEALED), part(made, Split.DEV)) == (ids(SEALED), ids(DEV))


def test_a_correction_takes_its_item_from_dev_and_none_from_sealed() -> None:
    fixes = [
        Row.of(item.prompt_text, "as it should be", group=item.group, source="corrections.jsonl")
        for item in (DEV[0], SEALED[0])
    ]
    made = curate([*BASE, *fixes], FROZEN, PARAMS)
    assert part(made, Split.DEV) == ids(DEV[1:])
    assert part(made, Split.SEALED) == ids(SEALED)
    assert fixes[0].id in part(made, Split.TRAIN)
    assert made.left_out[fixes[1].id] == NEAR_FROZEN


def test_an_item_that_is_unfit_or_gone_is_missed_and_nothing_takes_its_place() -> None:
    without = [one for one in BASE if one.id != SEALED[0].id]
    made = curate(without, FROZEN, PARAMS, {SEALED[1].id: "with what seems to be personal data"})
    assert part(made, Split.SEALED) == ids(SEALED[2:])
    assert made.gone == {Split.DEV: 0, Split.SEALED: 2}


def test_rows_of_the_side_of_a_frozen_part_are_spare_until_it_grows() -> None:
    more = [*BASE, *(row(i) for i in range(300, 600))]
    made = curate(more, FROZEN, PARAMS)
    spare = {name for name, why in made.left_out.items() if why == SPARE}
    grown = curate(more, FROZEN, PARAMS.model_copy(update={"sealed": 60}), growing=Split.SEALED)
    assert len(grown.parts[Split.SEALED]) == 60
    assert ids(SEALED) <= part(grown, Split.SEALED) <= ids(SEALED) | spare
    assert part(grown, Split.DEV) == ids(DEV)


@pytest.mark.parametrize("last", [1, 2])
def test_a_rotation_ends_a_freeze_and_the_newest_freeze_counts(last: int) -> None:
    rotation = Rotation(at=AT, by="ann", reason="worn out", part=Split.SEALED, rows=("a",))
    changes: Changes = {1: freeze(Split.SEALED, SEALED), 2: rotation}
    assert frozen_items(changes) == {}
    changes[3] = freeze(Split.SEALED, SEALED[:last])
    assert set(frozen_items(changes)[Split.SEALED]) == ids(SEALED[:last])


# --- ids that come to mean other rows -------------------------------------------------------------


def as_frozen(made: Curated) -> Changes:
    return {
        n: Freeze.of(made.parts[part], at=AT, by="ann", reason="the first look", part=part)
        for n, part in enumerate((Split.DEV, Split.SEALED), start=1)
    }


def asked(rows: Sequence[Row]) -> set[str]:
    return {one.prompt_text for one in rows}


def numbered(rows: Sequence[Row]) -> list[Row]:
    """As an export numbers its rows anew each time."""
    return [
        one.model_copy(update={"id": str(n), "group": str(n)})
        for n, one in enumerate(rows, start=1)
    ]


def test_a_row_before_the_others_that_shifts_all_ids_moves_no_item() -> None:
    before = curate(numbered(BASE), {}, PARAMS)
    made = curate(numbered([row(1_000), *BASE]), as_frozen(before), PARAMS)
    for part in (Split.DEV, Split.SEALED):
        assert asked(made.parts[part]) == asked(before.parts[part])
        assert not asked(before.parts[part]) & asked(made.parts[Split.TRAIN])
    assert set(made.gone.values()) == {0}


def test_items_stay_where_their_file_gets_another_name() -> None:
    renamed = [
        Row.of(one.prompt_text, one.completion_text, group=one.group, source="new.jsonl")
        for one in BASE
    ]
    made = curate(renamed, as_frozen(BEFORE), PARAMS)
    assert asked(made.parts[Split.SEALED]) == asked(SEALED)
    assert set(made.gone.values()) == {0}


def test_another_question_under_an_items_id_is_no_item() -> None:
    other = row(5_000).model_copy(update={"id": SEALED[0].id})
    made = curate([other if r.id == other.id else r for r in BASE], as_frozen(BEFORE), PARAMS)
    assert asked(made.parts[Split.SEALED]) == asked(SEALED[1:])
    assert made.gone[Split.SEALED] == 1


def test_a_row_of_the_same_question_does_not_take_an_items_place() -> None:
    other = Row.of(SEALED[0].prompt_text, "no", group="first", source="a.jsonl")
    made = curate([other, *BASE], as_frozen(BEFORE), PARAMS)
    assert part(made, Split.SEALED) == ids(SEALED)


def test_what_left_stays_away_under_another_id_too() -> None:
    rotation = Rotation.of(SEALED, at=AT, by="ann", reason="worn out", part=Split.SEALED)
    made = curate(numbered(BASE), {1: rotation}, PARAMS)
    assert not asked(SEALED) & asked([one for rows in made.parts.values() for one in rows])


def test_a_question_on_other_passages_is_kin_and_neither_a_fresh_item_nor_learnt() -> None:
    """Be it with an answer or without one."""
    known = [on_passages(one, f"So {one.completion_text}.", answerable=True) for one in BASE]
    silent = [
        on_passages(
            Row.of(one.prompt_text, "I do not know.", group=f"other {one.id}", source="a.jsonl"),
            f"All else on {one.id}.",
            answerable=False,
        )
        for one in BASE
    ]
    both = curate([*known, *silent], {}, PARAMS)
    sets = [asked(rows) for rows in both.parts.values()]
    assert all(sets) and sum(map(len, sets)) == len(set.union(*sets))
    before = curate(known, {}, PARAMS)
    made = curate([*silent, *known], as_frozen(before), PARAMS)
    assert made.parts[Split.SEALED] == before.parts[Split.SEALED]
    assert not asked(before.parts[Split.SEALED]) & asked(made.parts[Split.TRAIN])
    worn = before.parts[Split.SEALED]
    left = Rotation.of(worn, at=AT, by="ann", reason="worn out", part=Split.SEALED)
    made = curate([*silent, *known], {1: left}, PARAMS)
    assert not asked(worn) & asked(made.parts[Split.SEALED])


def on_passages(one: Row, text: str, *, answerable: bool) -> Row:
    evidence = (EvidencePassage(id="1", text=text),)
    return one.model_copy(update={"evidence": evidence, "answerable": answerable})


def test_a_correction_that_is_left_out_for_a_sealed_item_takes_none_from_dev() -> None:
    item, group = DEV[0], SEALED[0].group
    both = Row.of(item.prompt_text, "right", group=group, source="corrections.jsonl")
    made = curate([*BASE, both], FROZEN, PARAMS)
    assert part(made, Split.DEV) == ids(DEV)
    assert made.left_out[both.id] == NEAR_FROZEN


# --- accepted rows that are items -----------------------------------------------------------------

LABELLED = [row(i, "labelled.jsonl") for i in range(2_000, 2_200)]
NAMES = tuple(one.id for one in LABELLED)
EXTENSION = Extension(at=AT, by="ann", reason="checked", source="labelled.jsonl", rows=NAMES)
EXTENDED = curate([*BASE, *LABELLED], {1: EXTENSION}, PARAMS)
BOTH_FROZEN: Changes = {
    1: EXTENSION,
    **{n + 1: change for n, change in as_frozen(EXTENDED).items()},
}


def test_a_freeze_of_accepted_items_changes_nothing_either() -> None:
    made = curate([*BASE, *LABELLED], BOTH_FROZEN, PARAMS)
    assert made.parts == EXTENDED.parts
    assert set(made.gone.values()) == {0}


def test_an_instruction_that_accepted_items_share_makes_no_family_of_two_parts() -> None:
    """As a site's system prompt does: too few rows have it for it to be left out among all."""
    instruction = " ".join(f"rule {i}{i} says what number{i} means" for i in range(60))
    labelled = [
        one.model_copy(
            update={"prompt": (Message(role="system", content=instruction), *one.prompt)}
        )
        for one in LABELLED[:40]
    ]
    names = tuple(one.id for one in labelled)
    accepted = EXTENSION.model_copy(update={"rows": names})
    before = curate([*BASE, *labelled], {1: accepted}, PARAMS)
    frozen = {n + 1: change for n, change in as_frozen(before).items()}
    made = curate([*BASE, *labelled], {1: accepted} | frozen, PARAMS)
    assert all(set(names) & part(made, name) for name in Split)
    assert made.parts == before.parts


def test_rows_that_ask_what_an_accepted_item_asks_do_not_take_it_to_training() -> None:
    theirs = ids(LABELLED) & part(EXTENDED, Split.SEALED)
    assert theirs
    near = [asked_again(one, f"no {i}") for one in LABELLED for i in range(3)]
    made = curate([*near, *BASE, *LABELLED], BOTH_FROZEN, PARAMS)
    assert part(made, Split.SEALED) == part(EXTENDED, Split.SEALED)
    assert part(made, Split.DEV) == part(EXTENDED, Split.DEV)


def test_a_set_with_accepted_items_grows_by_the_limit_for_the_others() -> None:
    more = [*BASE, *(row(i) for i in range(300, 600)), *LABELLED]
    larger = PARAMS.model_copy(update={"sealed": 60})
    made = curate(more, BOTH_FROZEN, larger, growing=Split.SEALED)
    assert part(EXTENDED, Split.SEALED) <= part(made, Split.SEALED)
    assert len(part(made, Split.SEALED) - ids(LABELLED)) == 60


def test_what_is_accepted_later_extends_a_frozen_set_no_more_than_the_share_allows() -> None:
    more = [row(i, "labelled.jsonl") for i in range(3_000, 3_400)]
    later = EXTENSION.model_copy(update={"rows": tuple(one.id for one in more)})
    plain = curate([*BASE, *LABELLED, *more], {1: EXTENSION, 2: later}, PARAMS)
    made = curate([*BASE, *LABELLED, *more], BOTH_FROZEN | {9: later}, PARAMS)
    for name in (Split.DEV, Split.SEALED):
        assert part(EXTENDED, name) <= part(made, name)
        assert len(part(made, name)) == len(part(plain, name))
