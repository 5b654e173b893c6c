"""Which sets are similar to each other, directly or by others between them.

Exact, as set_similarity, and made for many sets. Of two similar sets, each has two of its rarest
members in common with the other, if the sets are large enough for that; hardly any two sets share
two rare members by chance. Pairs that others join already are not compared.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from project.set_similarity import (
    COMPARED,
    Places,
    Sets,
    blocks,
    chosen,
    counts,
    likely,
    matrix_of,
    rare_count,
    sets_of,
    similar_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

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
            found = similar_of((rows[apart], columns[apart]), every, every, similarity)
            label = joined(label, found)
            yield found


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
        found = several(twos(every, rare, similarity, part, parts))
        shape = (len(rare), int(found.keys[-1]) + 1 if len(found.keys) else 0)
        both = incidence(found.owners, found.keys, shape)
        free = incidence(found.owners[found.free], found.keys[found.free], shape)
        yield from map(apart, meetings(both, free))


def twos(every: Sets, rare: "NDArray[np.int64]", similarity: float, part: int, parts: int) -> Twos:
    """The twos of all sets whose keys fall into one part of so many."""
    import numpy as np

    found = []
    for many in np.unique(rare[rare > 0]).tolist():
        places = np.flatnonzero(rare == many)
        for start in range(0, len(places), AT_ONCE):
            made = twos_of(every, places[start : start + AT_ONCE], many, similarity)
            here = made.keys % parts == part
            found.append(Twos(*(values[here] for values in made)))
    return Twos(*map(np.concatenate, zip(*found, strict=True)))


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


def several(found: Twos) -> Twos:
    """Those that more than one set has, their keys numbered from 0."""
    import numpy as np

    order = np.argsort(found.keys, kind="stable")
    keys, owners, free = found.keys[order], found.owners[order], found.free[order]
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
    """Without those of a set with itself."""
    return chosen(places, places[0] != places[1])
