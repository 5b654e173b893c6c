"""Sets are joined as if all were compared with all."""

from collections.abc import Iterable
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project import set_similarity
from project.near_duplicates import linked
from project.set_similarity import joining_pairs

Members = tuple[int, ...]


def families(count: int, pairs: Iterable[tuple[int, int]]) -> list[Members]:
    """The places that pairs join, directly or by others."""
    found = {i: {i} for i in range(count)}
    for i, j in pairs:
        both = found[i] | found[j]
        found |= dict.fromkeys(both, both)
    return sorted({tuple(sorted(family)) for family in found.values()})


def by_definition(sets: list[Members], similarity: float, least: int) -> list[Members]:
    def similar(one: Members, other: Members) -> bool:
        common, both = len({*one} & {*other}), len({*one, *other})
        long = max(len(one), len(other)) >= max(least, 1)
        return bool(long and one and other) and common >= similarity * both

    pairs = combinations(range(len(sets)), 2)
    return families(len(sets), ((i, j) for i, j in pairs if similar(sets[i], sets[j])))


def joined(sets: list[Members], similarity: float, least: int = 1) -> list[Members]:
    label = linked(len(sets), joining_pairs(sets, similarity, least))
    return families(len(sets), ((label.index(one), i) for i, one in enumerate(label)))


small = st.frozensets(st.integers(0, 9), max_size=9)
large = st.frozensets(st.integers(0, 24), min_size=10, max_size=20)
collections = st.lists(st.one_of(small, large).map(lambda s: tuple(sorted(s))), max_size=25)


@settings(deadline=None, max_examples=80)  # scipy is imported at the first use
@given(
    collections,
    st.sampled_from([0.3, 0.5, 0.8, 0.9]),
    st.sampled_from([1, 4]),
    st.sampled_from([(24, 8_000_000), (4, 50), (1, 10)]),
)
def test_families_are_those_of_the_definition_however_the_work_is_cut(
    sets: list[Members], similarity: float, least: int, limits: tuple[int, int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(set_similarity, "MOST_RARE", limits[0])
        patch.setattr(set_similarity, "TWOS", limits[1])
        patch.setattr(set_similarity, "AT_ONCE", 3)
        assert joined(sets, similarity, least) == by_definition(sets, similarity, least)


def test_one_template_with_other_fillings_makes_no_work() -> None:
    """All pairs of them would be too many to look at: two of them are never similar."""
    sets = [(0, 1, 2, 3, 4, 10 + i) for i in range(60_000)]
    assert [len(rows) for rows, _ in joining_pairs(sets, 0.8)] == []


def test_sets_that_a_chain_joins_are_one_family() -> None:
    sets = [tuple(range(i, i + 20)) for i in range(50)]
    assert joined(sets, 0.8) == [tuple(range(50))]
