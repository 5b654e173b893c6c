"""Pairs of sets that have most of their members in common, without comparing all with all.

Exact, by two filters. Of two such sets, each has one of its few rarest members in common with the
other (Bayardo, Ma & Srikant 2007), so only sets that share a rare member are looked at. Of these,
64 bits for each set tell most of the others apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

BLOCK = 5_000_000  # pairs that are looked at together: about 200 MB
COMPARED = 200_000  # pairs whose members are compared together


@dataclass(frozen=True)
class Sets:
    members: "csr_array"  # [sets, members] of ones, the rarest members first
    rare: "csr_array"  # of each set so many of them that no other one is similar without one
    sizes: "NDArray[np.int64]"
    bits: "NDArray[np.uint64]"  # a bit for each member, of which several have the same


Places = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def similar_pairs(
    own: Sequence[tuple[int, ...]],
    others: Sequence[tuple[int, ...]],
    similarity: float,
    *,
    contained: bool = False,
) -> Iterator[Places]:
    """The places of ours and of theirs that are similar, block by block; an empty set never is.

    Two sets are similar where they have this share of all their members in common; with
    `contained`, of the smaller one's.
    """
    ours, theirs = both_sides(own, others, similarity)
    partners = ours.rare @ counts(theirs.members if contained else theirs.rare)
    if contained:
        partners = partners + ours.members @ counts(theirs.rare)
    for start, end in blocks(partners):
        met = ours.rare[start:end] @ (theirs.members if contained else theirs.rare).T
        if contained:
            met = met + ours.members[start:end] @ theirs.rare.T
        rows, columns = met.tocoo().coords
        near = likely((rows + start, columns), ours, theirs, similarity, contained=contained)
        yield similar_of(near, ours, theirs, similarity, contained=contained)


def both_sides(
    own: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]], similarity: float
) -> tuple[Sets, Sets]:
    both = matrix_of([*own, *others])
    return sets_of(both[: len(own)], similarity), sets_of(both[len(own) :], similarity)


def matrix_of(sets: Sequence[tuple[int, ...]]) -> "csr_array":
    """A sparse matrix [sets, members] of ones, of each set the rarest members first."""
    # Imported here, and below, so that whoever only reads records does not wait for scipy.
    import numpy as np
    from scipy.sparse import csr_array

    every = np.fromiter(chain.from_iterable(sets), np.int64)
    _, members, count = np.unique(every, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(count, kind="stable")).astype(np.int32)
    ends = np.cumsum([0, *map(len, sets)])
    ones = np.ones(len(every), dtype=np.int32)
    made = csr_array((ones, rank[members], ends), shape=(len(sets), len(count)))
    made.sort_indices()
    return made


def rare_count(sizes: "NDArray[np.int64]", similarity: float) -> "NDArray[np.int64]":
    """Of so many of its rarest members, each similar set has one at least."""
    import numpy as np

    least = np.ceil(similarity * sizes).astype(np.int64)  # members that a similar set has of it
    return np.asarray(np.minimum(sizes - least + 1, sizes))


def sets_of(members: "csr_array", similarity: float) -> Sets:
    import numpy as np
    from scipy.sparse import csr_array

    sizes = np.diff(members.indptr).astype(np.int64)
    kept = rare_count(sizes, similarity)
    place = np.arange(members.nnz) - np.repeat(members.indptr[:-1], sizes)
    rare = members.indices[place < np.repeat(kept, sizes)]
    ends, ones = np.cumsum([0, *kept]), np.ones(len(rare), dtype=np.int32)
    bits = np.zeros(len(sizes), dtype=np.uint64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    np.bitwise_or.at(bits, owner, np.uint64(1) << (members.indices % 64).astype(np.uint64))
    return Sets(members, csr_array((ones, rare, ends), shape=members.shape), sizes, bits)


def counts(sets: "csr_array") -> "NDArray[np.int64]":
    """How many of the sets have each member."""
    import numpy as np

    return np.bincount(sets.indices, minlength=sets.shape[1])


def blocks(sizes: "NDArray[np.int64]") -> Iterator[tuple[int, int]]:
    """Runs of rows, from and to, each of about BLOCK in sum, or of one row."""
    import numpy as np

    ends = np.flatnonzero(np.diff(np.cumsum(sizes) // BLOCK)) + 1
    return pairwise([0, *ends.tolist(), len(sizes)])


def likely(
    places: Places, ours: Sets, theirs: Sets, similarity: float, *, contained: bool = False
) -> Places:
    """Those of the pairs that may be similar, by the bits of their members."""
    most = most_in_common(places, ours, theirs)
    return with_so_many(most, places, ours, theirs, similarity, contained=contained)


def similar_of(
    places: Places, ours: Sets, theirs: Sets, similarity: float, *, contained: bool = False
) -> Places:
    """Those of the pairs that are similar."""
    common = in_common(places, ours, theirs)
    return with_so_many(common, places, ours, theirs, similarity, contained=contained)


def with_so_many(
    common: "NDArray[np.int64]",
    places: Places,
    ours: Sets,
    theirs: Sets,
    similarity: float,
    *,
    contained: bool,
) -> Places:
    """Those of the pairs that are similar if they have so many members in common."""
    import numpy as np

    size, other = ours.sizes[places[0]], theirs.sizes[places[1]]
    whole = np.minimum(size, other) if contained else size + other - common
    return chosen(places, common >= similarity * whole)


def chosen(places: Places, which: "NDArray[np.bool]") -> Places:
    rows, columns = places
    return rows[which], columns[which]


def most_in_common(places: Places, ours: Sets, theirs: Sets) -> "NDArray[np.int64]":
    """What a pair's sets have in common does not exceed this: a bit that the other set lacks
    stands for a member that it lacks.
    """
    import numpy as np

    rows, columns = places
    a, b = ours.bits[rows], theirs.bits[columns]
    of_ours = ours.sizes[rows] - np.bitwise_count(a & ~b)
    of_theirs = theirs.sizes[columns] - np.bitwise_count(b & ~a)
    return np.asarray(np.minimum(of_ours, of_theirs))


def in_common(places: Places, ours: Sets, theirs: Sets) -> "NDArray[np.int64]":
    """How many members each pair's sets have in common."""
    import numpy as np

    rows, columns = places
    found = np.zeros(len(rows), dtype=np.int64)
    for start in range(0, len(rows), COMPARED):
        part = slice(start, start + COMPARED)
        both = ours.members[rows[part]].multiply(theirs.members[columns[part]])
        found[part] = both.sum(axis=1)
    return found
