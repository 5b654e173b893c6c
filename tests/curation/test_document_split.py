"""`curation.curate.split_by: source`: items are about documents that no training row is about."""

from collections.abc import Iterable, Sequence

import pytest

from curation.account import OF_UNSEEN
from curation.checks.relevance import ASKS_ITEM
from curation.curate import Curated, curate
from curation.curation_settings import CurateParams
from curation.document_split import documents_of_row, passage_lines
from curation.eval_sets import Extension, Freeze
from project.records.data import EvidencePassage, Row, Split

BY_SOURCE = CurateParams(split_by="source", max_per_group=2)
WORDS = ("rate", "term", "fee", "limit", "notice", "branch", "card", "loan")


def passage(document: str, text: str = "") -> EvidencePassage:
    return EvidencePassage(id="1", text=text or f"All on {document}.", source=document)


def row(prompt: str, answer: str, *passages: EvidencePassage, **more: object) -> Row:
    made = Row.of(prompt, answer, group=prompt, source="test")
    return made.model_copy(update={"evidence": passages or None, **more})


def about(document: int, count: int = 8) -> list[Row]:
    """Rows on one document, whose questions have few words in common with those on others."""
    name = f"d{document}"
    return [
        row(f"Which {word}{document} has {name}{word}?", f"It is {document}{i} [1].", passage(name))
        for i, word in enumerate(WORDS[:count])
    ]


def plain(count: int) -> list[Row]:
    return [row(f"plain question {i}x{i}", f"so it is {i}x{i}") for i in range(count)]


def seen(rows: Iterable[Row]) -> set[str]:
    return {name for one in rows for name in documents_of_row(one)}


def accounted(made: Curated, rows: Sequence[Row]) -> bool:
    """Whether each row is in one part, or left out with a reason."""
    placed = [one.id for part in made.parts.values() for one in part]
    return sorted([*placed, *made.left_out]) == sorted(one.id for one in rows)


@pytest.mark.parametrize(
    ("answer", "evidence", "documents"),
    [
        ("It is so [2].", [passage("a"), passage("b")], ("b",)),
        ("It is so [2, 1].", [passage("a"), passage("b")], ("b", "a")),
        ("I do not know.", [passage("a"), passage("b")], ("a",)),
        ("It is so [7].", [passage("a")], ("a",)),
        ("So.", [EvidencePassage(id="fees-2", text="t")], ("fees-2",)),
        ("So.", [EvidencePassage(id="1", text="A\n fee. ")], ("A fee.",)),  # its place is no name
        ("So.", [], ()),
    ],
)
def test_a_rows_documents_are_those_that_it_cites_else_its_first(
    answer: str, evidence: list[EvidencePassage], documents: tuple[str, ...]
) -> None:
    assert documents_of_row(row("Is it so?", answer, *evidence)) == documents


def test_whole_documents_are_in_one_part_and_every_row_is_accounted_for() -> None:
    rows = [one for document in range(20) for one in about(document)]
    made = curate(rows, {}, BY_SOURCE)
    sets = [seen(own) for own in made.parts.values()]
    assert all(sets)
    assert sum(map(len, sets)) == len(set.union(*sets)) == 20
    assert accounted(made, rows)
    assert made.left_out == {}  # max_per_group is of near-duplicates: a document is none
    usual = curate(rows, {}, BY_SOURCE.model_copy(update={"split_by": "kin"}))
    assert seen(usual.parts[Split.TRAIN]) & seen(usual.parts[Split.SEALED])


def test_rows_without_passages_are_dealt_as_ever() -> None:
    rows = [one for document in range(20) for one in about(document)]
    alone = curate(plain(60), {}, CurateParams())
    beside = curate([*rows, *plain(60)], {}, CurateParams(split_by="source"))
    for part in (Split.DEV, Split.SEALED):
        own = {one.id for one in beside.parts[part] if not one.evidence}
        assert own <= {one.id for one in alone.parts[part]}
        assert own


def test_one_question_on_documents_of_two_parts_ties_them_not_but_leaves_the_less_secret() -> None:
    rows = [one for document in range(20) for one in about(document)]
    asked = "Whom may a customer call about an unknown booking at night?"
    shared = [row(asked, f"{d}{d} [1].", passage(f"d{d}"), group=f"s{d}") for d in range(20)]
    made = curate([*rows, *shared], {}, BY_SOURCE)
    parts = {part for part, own in made.parts.items() for one in own if one.prompt_text == asked}
    assert parts == {Split.SEALED}
    assert set(made.left_out.values()) == {ASKS_ITEM}
    assert accounted(made, [*rows, *shared])


def test_what_is_on_two_documents_is_not_learnt_where_one_of_them_is_kept() -> None:
    rows = [one for document in range(20) for one in about(document)]
    first = curate(rows, {}, BY_SOURCE)
    trained, kept = (sorted(seen(first.parts[part]))[0] for part in (Split.TRAIN, Split.SEALED))
    both = row("How do these compare?", "Both are low [1][2].", passage(trained), passage(kept))
    made = curate([*rows, both], {}, BY_SOURCE)
    assert made.left_out == {both.id: OF_UNSEEN}


def test_rows_of_one_group_are_not_on_two_sides_though_they_are_of_several_documents() -> None:
    rows = [one for document in range(20) for one in about(document)]
    visit = [
        row(f"visit {i}{i}", f"so {i}{i} [1].", passage(f"d{i}"), group="c7") for i in range(9)
    ]
    made = curate([*rows, *visit], {}, BY_SOURCE)
    names = {one.id for one in visit}
    assert len({part for part, own in made.parts.items() for r in own if r.id in names}) == 1
    assert accounted(made, [*rows, *visit])


def test_a_new_row_on_a_frozen_items_document_is_left_out() -> None:
    rows = [one for document in range(20) for one in about(document, 6)]
    first = curate(rows, {}, BY_SOURCE)
    frozen = {
        n: Freeze.of(
            first.parts[part], at="2026-03-01T00:00:00Z", by="ann", reason="look", part=part
        )
        for n, part in enumerate((Split.DEV, Split.SEALED), start=1)
    }
    more = [one for document in range(20) for one in about(document)[6:]]
    made = curate([*rows, *more], frozen, BY_SOURCE)
    for part in (Split.DEV, Split.SEALED):
        assert {one.id for one in made.parts[part]} == {one.id for one in first.parts[part]}
    assert not seen(made.parts[Split.TRAIN]) & seen(
        made.parts[Split.DEV] + made.parts[Split.SEALED]
    )
    assert set(made.left_out.values()) == {OF_UNSEEN}
    assert accounted(made, [*rows, *more])


def test_an_accepted_row_goes_where_its_document_is_or_nowhere() -> None:
    rows = [one for document in range(20) for one in about(document, 6)]
    labelled = [
        one.model_copy(update={"source": "labelled.jsonl", "synthetic": "m", "group": one.id})
        for document in range(20)
        for one in about(document)[6:]
    ]
    ids = tuple(one.id for one in labelled)
    change = Extension(
        at="2026-03-01T00:00:00Z", by="ann", reason="ok", source="labelled.jsonl", rows=ids
    )
    params = BY_SOURCE.model_copy(update={"synthetic_share": 0.9, "accepted_share": 0.9})
    made = curate([*rows, *labelled], {1: change}, params)
    new = [one for one in made.parts[Split.TRAIN] if one.synthetic]
    assert seen(new) == seen(made.parts[Split.TRAIN])
    assert set(made.left_out.values()) == {OF_UNSEEN}
    assert accounted(made, [*rows, *labelled])


def test_passages_of_kept_documents_beside_a_training_rows_own_are_told() -> None:
    rows = [one for document in range(20) for one in about(document)]
    first = curate(rows, {}, BY_SOURCE)
    kept = min(seen(first.parts[Split.DEV]))
    shown = [
        one.model_copy(update={"evidence": (*one.evidence, passage(kept))})
        for one in rows
        if one.evidence
    ]
    made = curate(shown, {}, BY_SOURCE)
    count = len(made.parts[Split.TRAIN])
    (line, beside) = passage_lines(made.parts, BY_SOURCE)
    assert line.startswith("20 documents: ")
    assert beside.endswith(f"a passage of dev's or sealed's beside their own: {count}")
    assert list(passage_lines(curate(plain(40), {}, BY_SOURCE).parts, BY_SOURCE)) == []
