"""Which texts are near-duplicates, for splitting rows and for counting looks.

Two texts are near-duplicates where the Jaccard index of their word sets reaches SIMILARITY. Words
that many of the texts share are left out first: an instruction that stands before every question
makes no two of them alike, and another one in its place makes no question new.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Self, TypeVar

from project.records.data import Row
from project.records.record import Record
from project.set_families import joining_pairs
from project.set_similarity import Places, similar_pairs
from project.unicode_words import plain, words

if TYPE_CHECKING:
    from scipy.sparse import coo_array, csr_array

# Of this rule; stored with each look. A later one may find more near-duplicates, but not fewer.
VERSION = 1
SIMILARITY = 0.8
MIN_WORDS = 4  # with fewer, only the same words are near-duplicates
# Words are shared that stand in more of the texts than these: a share, and at least a number.
SHARED_SHARE, SHARED_LEAST = 0.2, 10
# Of the words of a text that are kept, those with the least hashes: of two sets the least elements
# have nearly the Jaccard index of the whole (Broder 1997).
MOST_WORDS = 512


Member = TypeVar("Member")


class WordPrints(Record):
    """Texts as near-duplicates are told by: of each, the hashes of its words, sorted."""

    version: int
    texts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Where a text has too many words, those that the texts share are the first to go."""
        hashes = [word_hashes(text) for text in texts]
        shared = shared_words(hashes) if any(len(h) > MOST_WORDS for h in hashes) else set()
        kept = (core(h, shared) if len(h) > MOST_WORDS else h for h in hashes)
        return cls(version=VERSION, texts=tuple(h[:MOST_WORDS] for h in kept))

    @classmethod
    def of_prompts(cls, rows: Iterable[Row]) -> Self:
        return cls.of(row.prompt_text for row in rows)


def word_hashes(text: str) -> tuple[int, ...]:
    """The hashes of a text's distinct words, sorted."""
    return tuple(sorted(map(word_hash, set(words(plain(text))))))


def word_print(text: str) -> tuple[int, ...]:
    """The least of them: of one text, where there are no others to compare it with."""
    return word_hashes(text)[:MOST_WORDS]


@cache
def word_hash(word: str) -> int:
    """32 bits, the same in every process."""
    return int.from_bytes(blake2b(word.encode(), digest_size=4).digest())


def linked(count: int, links: Iterable[Places]) -> list[int]:
    """A number for each of so many things, the same for those that links join."""
    # Imported here, and below, so that whoever only reads records does not wait for scipy.
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    label = np.arange(count)
    for rows, columns in links:
        ones = np.ones(len(rows), dtype=bool)
        graph = coo_array((ones, (label[rows], label[columns])), shape=(count, count))
        label = connected_components(graph, directed=False)[1][label]
    return label.tolist()


def to_first(values: Sequence[object]) -> Places:
    """Links from each place to the first one of the same value."""
    import numpy as np

    first: dict[object, int] = {}
    places = [first.setdefault(value, i) for i, value in enumerate(values)]
    return np.arange(len(places)), np.array(places, dtype=np.int64)


def cores_of(
    texts: Sequence[tuple[int, ...]], among: Sequence[tuple[int, ...]] = ()
) -> list[tuple[int, ...]]:
    """Texts without the words that many share, of them or of those `among` which they stand."""
    shared = shared_in(texts, among or texts)
    return [core(text, shared) for text in texts]


def near_links(
    cores: Sequence[tuple[int, ...]], similarity: float, *, few_words: bool = True
) -> Iterator[Places]:
    """Links that join texts with all their near-duplicates among themselves, as near_duplicates has
    them; of those with the same words only the first is compared.
    """
    import numpy as np

    compared = [c if few_words or len(c) >= MIN_WORDS else () for c in cores]
    there = np.array([i for i, text in enumerate(compared) if text], dtype=np.int64)
    places, first = to_first([compared[i] for i in there])
    yield there[places], there[first]
    distinct = there[np.unique(first)]
    own = [cores[i] for i in distinct]
    for rows, columns in joining_pairs(own, similarity, least=MIN_WORDS):
        yield distinct[rows], distinct[columns]


def near_duplicates_among(
    own: WordPrints, others: WordPrints, *, contained: bool = False
) -> list[int]:
    """The positions of our texts that have a near-duplicate among the others."""
    links = near_duplicates(own.texts, others.texts, contained=contained)
    return sorted(set(links.coords[0].tolist()))


def near_duplicates(
    own: Sequence[tuple[int, ...]],
    others: Sequence[tuple[int, ...]],
    similarity: float = SIMILARITY,
    *,
    few_words: bool = True,
    contained: bool = False,
) -> "coo_array":
    """A sparse matrix [n, m] with an entry where our text and the other are near-duplicates.

    Texts of which fewer than four words are left are alike where these are the same; with
    `few_words` False they never are. With `contained`, so much of the shorter text's words in the
    longer one is enough: whoever adds words to a question has not made another one.
    """
    import numpy as np
    from scipy.sparse import coo_array

    shared = shared_in(own, others)
    ours, theirs = [core(text, shared) for text in own], [core(text, shared) for text in others]
    pairs = similar_pairs(
        enough(ours), enough(theirs) if contained else theirs, similarity, contained=contained
    )
    rows, columns = map(np.concatenate, zip(*pairs, strict=True))
    near = np.ones(len(rows), dtype=bool)
    found = coo_array((near, (rows, columns)), shape=(len(own), len(others)))
    if not few_words:
        return found
    brief = [[t if 0 < len(t) < MIN_WORDS else None for t in texts] for texts in (ours, theirs)]
    return coo_array(found + same(*brief))


def enough(texts: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Those with enough words to be compared by; the others without any."""
    return [text if len(text) >= MIN_WORDS else () for text in texts]


def shared_in(own: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]]) -> set[int]:
    """The words that are shared on either side, or over both."""
    ours = word_counts(own)
    theirs = ours if others is own else word_counts(others)
    sides = ((ours, len(own)), (theirs, len(others)), (ours + theirs, len(own) + len(others)))
    return {word for counts, texts in sides for word in shared_among(counts, texts)}


def shared_words(texts: Sequence[tuple[int, ...]]) -> set[int]:
    """The words that so many of the texts have that they tell none of them from the others."""
    return set(shared_among(word_counts(texts), len(texts)))


def word_counts(texts: Sequence[tuple[int, ...]]) -> Counter[int]:
    return Counter(chain.from_iterable(texts))


def shared_among(counts: Counter[Member], texts: int) -> Iterator[Member]:
    most = max(SHARED_LEAST, SHARED_SHARE * texts)
    return (one for one, count in counts.items() if count > most)


def core(text: tuple[int, ...], shared: Collection[int]) -> tuple[int, ...]:
    """A text's words without the shared ones; all of them where nothing else is left."""
    return tuple(word for word in text if word not in shared) or text


def same(own: Sequence[object], others: Sequence[object]) -> "csr_array":
    """A sparse matrix [n, m] with an entry where both sides have the same; None is never so."""
    import numpy as np
    from scipy.sparse import csr_array

    labels = {value: i for i, value in enumerate(dict.fromkeys((*own, *others)))}

    def indicator(side: Sequence[object]) -> csr_array:
        there = [i for i, value in enumerate(side) if value is not None]
        cells = (np.ones(len(there), dtype=bool), (there, [labels[side[i]] for i in there]))
        return csr_array(cells, shape=(len(side), len(labels)))

    return csr_array(indicator(own) @ indicator(others).T)
