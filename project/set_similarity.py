"""Pairs of sets that have most of their members in common, without comparing all with all.

Exact, by two filters. Of two such sets, each has one of its few rarest members in common with the
other (Bayardo, Ma & Srikant 2007), so only sets that share a rare member are looked at. Of these,
64 bits for each set tell most of the others apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

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
    both = matrix_of([*own, *others])
    ours, theirs = (sets_of(part, similarity) for part in (both[: len(own)], both[len(own) :]))
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
    import numpy as np

    # A bit that the other set lacks stands for a member that it lacks.
    rows, columns = places
    a, b = ours.bits[rows], theirs.bits[columns]
    of_ours = ours.sizes[rows] - np.bitwise_count(a & ~b)
    of_theirs = theirs.sizes[columns] - np.bitwise_count(b & ~a)
    most = np.asarray(np.minimum(of_ours, of_theirs))
    return with_so_many(most, places, ours, theirs, similarity, contained=contained)


def similar_of(
    places: Places, ours: Sets, theirs: Sets, similarity: float, *, contained: bool = False
) -> Places:
    import numpy as np

    rows, columns = places
    common = np.zeros(len(rows), dtype=np.int64)
    for start in range(0, len(rows), COMPARED):
        part = slice(start, start + COMPARED)
        both = ours.members[rows[part]].multiply(theirs.members[columns[part]])
        common[part] = both.sum(axis=1)
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


# --- set families ---------------------------------------------------------------------------------

# Which sets are similar to each other, directly or by others between them.
#
# Exact, as set_similarity, and made for many sets. Of two similar sets, each has two of its rarest
# members in common with the other, if the sets are large enough for that; hardly any two sets share
# two rare members by chance. Pairs that others join already are not compared.

MOST_RARE = 24  # members that are taken by twos: with more, there are too many twos
TWOS = 8_000_000  # of all sets, in memory at once: about 500 MB
AT_ONCE = 100_000  # sets whose twos are made together


class Twos(NamedTuple):
    """Two rare members of a set, which it shares first with a similar one, each a place in arrays.

    Other members of the set are as rare and not shared: `free` where the other set may lack as
    many, too.
    """

    keys: "NDArray[np.int64]"  # the two members, as one number
    owners: "NDArray[np.int64]"  # the place of the set
    free: "NDArray[np.bool]"


def joining_pairs(
    sets: Sequence[tuple[int, ...]], similarity: float, least: int = 1
) -> Iterator[Places]:
    """Pairs of similar sets, at least so many that they join all that are similar.

    Two sets that both have less than `least` members never are.
    """
    # Imported here, and below, so that whoever only reads records does not wait for scipy.
    import numpy as np

    every = sets_of(matrix_of(sets), similarity)
    label = np.arange(len(sets))
    for rows, columns in candidates(every, similarity):
        enough = np.maximum(every.sizes[rows], every.sizes[columns]) >= least
        near = likely((rows[enough], columns[enough]), every, every, similarity)
        for start in range(0, len(near[0]), COMPARED):
            rows, columns = (side[start : start + COMPARED] for side in near)
            apart = label[rows] != label[columns]
            similar = similar_of((rows[apart], columns[apart]), every, every, similarity)
            label = joined(label, similar)
            yield similar


def joined(label: "NDArray[np.int64]", links: Places) -> "NDArray[np.int64]":
    """The labels of all things, the same for those that links join too."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = links
    if not len(rows):
        return label
    ones = np.ones(len(rows), dtype=bool)
    graph = coo_array((ones, (label[rows], label[columns])), shape=(len(label), len(label)))
    return np.asarray(connected_components(graph, directed=False)[1][label], dtype=np.int64)


def candidates(every: Sets, similarity: float) -> Iterator[Places]:
    """Pairs, block by block, of which the similar ones are some."""
    import numpy as np

    rare = rare_count(every.sizes, similarity) + 1  # one more, for two of them to be shared
    large, small = rare > MOST_RARE, rare > every.sizes
    yield from by_two(every, np.where(large | small, 0, rare), similarity)
    for which in (large, small):
        yield from by_one(every, np.flatnonzero(which & (every.sizes > 0)), similarity)


def by_one(every: Sets, own: "NDArray[np.int64]", similarity: float) -> Iterator[Places]:
    """Pairs of one of our sets and any other that share a rare member."""
    import numpy as np

    if not len(own):
        return
    least, most = similarity * every.sizes[own].min(), every.sizes[own].max()
    others = np.flatnonzero((every.sizes >= least) & (similarity * every.sizes <= most))
    for rows, columns in meetings(every.rare[own], every.rare[others]):
        yield apart((own[rows], others[columns]))


def by_two(every: Sets, rare: "NDArray[np.int64]", similarity: float) -> Iterator[Places]:
    """Pairs that share two of their rarest members; a set has so many of these, or is left out."""
    parts = -(-int((rare * (rare - 1) // 2).sum()) // TWOS)
    for part in range(parts):
        pairs = several(twos(every, rare, similarity, part, parts))
        shape = (len(rare), int(pairs.keys[-1]) + 1 if len(pairs.keys) else 0)
        both = incidence(pairs.owners, pairs.keys, shape)
        free = incidence(pairs.owners[pairs.free], pairs.keys[pairs.free], shape)
        yield from map(apart, meetings(both, free))


def twos(every: Sets, rare: "NDArray[np.int64]", similarity: float, part: int, parts: int) -> Twos:
    """The twos of all sets whose keys fall into one part of so many."""
    import numpy as np

    parts_found = []
    for many in np.unique(rare[rare > 0]).tolist():
        places = np.flatnonzero(rare == many)
        for start in range(0, len(places), AT_ONCE):
            made = twos_of(every, places[start : start + AT_ONCE], many, similarity)
            here = made.keys % parts == part
            parts_found.append(Twos(*(values[here] for values in made)))
    return Twos(*map(np.concatenate, zip(*parts_found, strict=True)))


def twos_of(every: Sets, owners: "NDArray[np.int64]", many: int, similarity: float) -> Twos:
    """The twos of sets of which each has so many rare members."""
    import numpy as np

    first, second = np.triu_indices(many, k=1)
    starts = every.members.indptr[owners][:, None]
    members = every.members.indices[starts + np.arange(many)].astype(np.int64)
    keys = members[:, first] * every.members.shape[1] + members[:, second]
    # The members before the second one, but the first, are not shared: `lacking` of this set. Then
    # a similar set may lack this many, as the two share at most what is left of this one.
    lacking, sizes = second - 1, every.sizes[owners][:, None]
    allowed = (sizes - lacking) / similarity - sizes
    free = np.broadcast_to(lacking, keys.shape) <= allowed + 1e-6
    return Twos(keys.ravel(), np.repeat(owners, len(first)), free.ravel())


def several(pairs_found: Twos) -> Twos:
    """Those that more than one set has, their keys numbered from 0."""
    import numpy as np

    order = np.argsort(pairs_found.keys, kind="stable")
    keys, owners, free = pairs_found.keys[order], pairs_found.owners[order], pairs_found.free[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    sizes = np.diff(np.append(starts, len(keys)))
    sets = np.repeat(sizes, sizes) > 1
    number = np.repeat(np.cumsum(sizes > 1) - 1, sizes)
    return Twos(number[sets], owners[sets], free[sets])


def incidence(
    rows: "NDArray[np.int64]", columns: "NDArray[np.int64]", shape: tuple[int, int]
) -> "csr_array":
    import numpy as np
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=shape)


def meetings(own: "csr_array", others: "csr_array") -> Iterator[Places]:
    """The places of ours and of theirs that share a column, block by block."""
    turned = others.T.tocsr()
    for start, end in blocks(own @ counts(others)):
        rows, columns = (own[start:end] @ turned).tocoo().coords
        yield rows + start, columns


def apart(places: Places) -> Places:
    """The places without those of a set with itself."""
    return chosen(places, places[0] != places[1])
