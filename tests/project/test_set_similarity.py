"""Similar sets are found as if all were compared with all, and none is missed."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project import set_similarity
from project.set_similarity import similar_pairs

Members = tuple[int, ...]


def found(own: list[Members], others: list[Members], *, contained: bool) -> set[tuple[int, int]]:
    return {
        (row, column)
        for rows, columns in similar_pairs(own, others, 0.8, contained=contained)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    }


def by_definition(
    own: list[Members], others: list[Members], *, contained: bool
) -> set[tuple[int, int]]:
    def similar(one: Members, other: Members) -> bool:
        common = len(set(one) & set(other))
        whole = min(len(one), len(other)) if contained else len(set(one) | set(other))
        return common > 0 and common >= 0.8 * whole

    pairs = product(enumerate(own), enumerate(others))
    return {(i, j) for (i, one), (j, other) in pairs if similar(one, other)}


sets = st.lists(st.frozensets(st.integers(0, 11), max_size=10).map(lambda s: tuple(sorted(s))))


@settings(deadline=None)  # scipy is imported at the first use
@given(sets, sets, st.booleans(), st.sampled_from([1, 20, 5_000_000]))
def test_the_pairs_are_those_of_the_definition_in_blocks_of_any_size(
    own: list[Members], others: list[Members], contained: bool, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_similarity, "BLOCK", block)
        patch.setattr(set_similarity, "COMPARED", block)
        assert found(own, others, contained=contained) == by_definition(
            own, others, contained=contained
        )


def test_members_of_one_bit_are_told_apart() -> None:
    """All members of a set may fall on one of its 64 bits."""
    one, other = tuple(range(0, 640, 64)), tuple(range(64, 704, 64))
    fill = [(i,) for i in range(704)]
    assert found([one], [other, *fill], contained=False) == {(0, 0)}
    assert found([one[:5]], [other[5:], *fill], contained=False) == set()


def test_a_common_member_alone_brings_no_two_together() -> None:
    """As many sets as all pairs of them would be too many for: each has a rare member."""
    sets = [(0, 1, 2, 3, 10 + i) for i in range(30_000)]
    assert found(sets[:1], sets, contained=False) == {(0, 0)}
    blocks = list(similar_pairs(sets, sets, 0.9))
    assert sum(len(rows) for rows, _ in blocks) == len(sets)
