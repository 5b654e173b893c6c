"""Which texts are near-duplicates, for splitting rows and for counting looks.

Two texts are near-duplicates where the Jaccard index of their word sets reaches SIMILARITY. Words
that many of the texts share are left out first: an instruction that stands before every question
makes no two of them alike, and another one in its place makes no question new.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Self, TypeVar

from project.records.data import Row
from project.records.record import Record
from project.set_similarity import Places, joining_pairs, similar_pairs
from project.unicode_words import folded, letters, plain, words

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
# Texts whose words are joined, or spaced out, are told by their letters in a row: sequences of so
# many, every second one by its hash; of fewer of them, all must be the same.
SEQUENCE, MIN_SEQUENCES = 6, 8
ALIKE_LETTERS = 0.85  # of these sequences: more than of words, for one word makes a few of them
BLOCK = 10_000  # texts whose letters are in memory at once
FACTOR = 0x9E3779B97F4A7C15  # odd, with bits of no order: what is multiplied by it is a hash


Member = TypeVar("Member")


class WordPrints(Record):
    """Texts as near-duplicates are told by: of each, the hashes of its words, sorted."""

    version: int
    texts: tuple[tuple[int, ...], ...]
    letters: tuple[tuple[int, ...], ...]  # of each, the hashes of sequences of its letters, sorted

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Where a text has too many words, those that the texts share are the first to go."""
        several = list(texts)
        return cls(version=VERSION, texts=word_sets(several), letters=letter_sets(several))

    @classmethod
    def of_prompts(cls, rows: Iterable[Row]) -> Self:
        return cls.of(row.prompt_text for row in rows)

    @classmethod
    def joined(cls, several: Iterable[Self]) -> Self:
        """All of them as one."""
        parts = list(several)
        return cls(
            version=VERSION,
            texts=tuple(chain.from_iterable(part.texts for part in parts)),
            letters=tuple(chain.from_iterable(part.letters for part in parts)),
        )

    def without(self, others: Self) -> Self:
        known = set(others.texts)
        return self.at([i for i, text in enumerate(self.texts) if text not in known])

    def at(self, places: Sequence[int]) -> Self:
        return self.model_copy(
            update={
                "texts": tuple(self.texts[i] for i in places),
                "letters": tuple(self.letters[i] for i in places),
            }
        )


def word_sets(texts: Iterable[str]) -> tuple[tuple[int, ...], ...]:
    """The hashes of each text's words, sorted, as texts are compared today."""
    return most_telling([folded_hashes(text) for text in texts])


def most_telling(hashes: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """At most MOST_WORDS hashes of each text; where there are more, those that are shared
    go first.
    """
    shared = shared_words(hashes) if any(len(h) > MOST_WORDS for h in hashes) else set()
    kept = (core(h, shared) if len(h) > MOST_WORDS else h for h in hashes)
    return tuple(h[:MOST_WORDS] for h in kept)


def word_hashes(text: str) -> tuple[int, ...]:
    """The hashes of a text's distinct words, sorted, as they are stored of what was erased."""
    return tuple(sorted(map(word_hash, set(words(plain(text))))))


def folded_hashes(text: str) -> tuple[int, ...]:
    """The same of the folded text."""
    return tuple(sorted(map(word_hash, set(words(folded(text))))))


def letter_sets(texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """The 32-bit hashes of every second sequence of SEQUENCE letters of each text, sorted."""
    blocks = (texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK))
    return most_telling([row for block in blocks for row in letter_hashes(block)])


def letter_hashes(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """The same of texts that are in memory at once."""
    import numpy as np

    rows = list(map(letters, texts))
    codes = np.frombuffer("".join(rows).encode("utf-32-le"), np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(rows), dtype=np.uint64), list(map(len, rows)))
    ends = max(0, len(codes) - SEQUENCE + 1)
    rolled = np.zeros(ends, dtype=np.uint64)
    for place in range(SEQUENCE):
        rolled = (rolled + codes[place : place + ends]) * np.uint64(FACTOR)
    hashes = ((rolled ^ (rolled >> np.uint64(31))) * np.uint64(FACTOR)) >> np.uint64(32)
    kept = (owner[:ends] == owner[SEQUENCE - 1 :][:ends]) & (hashes % np.uint64(2) == 0)
    both = np.unique((owner[:ends][kept] << np.uint64(32)) | hashes[kept])
    starts = np.searchsorted(both >> np.uint64(32), np.arange(len(rows) + 1, dtype=np.uint64))
    hash_list = (both & np.uint64(0xFFFFFFFF)).tolist()
    return [tuple(hash_list[start:end]) for start, end in pairwise(starts.tolist())]


def word_fingerprint(text: str) -> tuple[int, ...]:
    """The least of them: of one text, where there are no others to compare it with."""
    return folded_hashes(text)[:MOST_WORDS]


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


def cores_of(texts: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Texts without the words that many of them share."""
    shared = shared_in(texts, texts)
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
    distinct_cores = [cores[i] for i in distinct]
    for rows, columns in joining_pairs(distinct_cores, similarity, least=MIN_WORDS):
        yield distinct[rows], distinct[columns]


def near_duplicates_among(
    own: WordPrints, others: WordPrints, *, contained: bool = False
) -> list[int]:
    """The positions of our texts that have a near-duplicate among the others: by their words, or by
    their letters, however these are spaced.
    """
    if not own.texts or not others.texts:
        return []
    links = [near_duplicates(own.texts, others.texts, contained=contained)]
    ours, theirs = own.letters, others.letters
    if any(ours) and any(theirs):
        row = near_duplicates(ours, theirs, ALIKE_LETTERS, contained=contained, least=MIN_SEQUENCES)
        links.append(row)
    return sorted({place for link in links for place in link.coords[0].tolist()})


def near_duplicates(
    own: Sequence[tuple[int, ...]],
    others: Sequence[tuple[int, ...]],
    similarity: float = SIMILARITY,
    *,
    few_words: bool = True,
    contained: bool = False,
    least: int = MIN_WORDS,
) -> "coo_array":
    """A sparse matrix [n, m] with an entry where our text and the other are near-duplicates.

    Texts of which fewer than `least` words are left are alike where these are the same; with
    `few_words` False they never are. With `contained`, so much of the shorter text's words in the
    longer one is enough: whoever adds words to a question has not made another one.
    """
    import numpy as np
    from scipy.sparse import coo_array

    shared = shared_in(own, others)
    ours, theirs = [core(text, shared) for text in own], [core(text, shared) for text in others]
    pairs = similar_pairs(
        enough(ours, least),
        enough(theirs, least) if contained else theirs,
        similarity,
        contained=contained,
    )
    rows, columns = map(np.concatenate, zip(*pairs, strict=True))
    near = np.ones(len(rows), dtype=bool)
    similar = coo_array((near, (rows, columns)), shape=(len(own), len(others)))
    if not few_words:
        return similar
    brief = [[t if 0 < len(t) < least else None for t in texts] for texts in (ours, theirs)]
    return coo_array(similar + same(*brief))


def enough(texts: Sequence[tuple[int, ...]], least: int) -> list[tuple[int, ...]]:
    """Those with enough words to be compared by; the others without any."""
    return [text if len(text) >= least else () for text in texts]


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
    return (element for element, count in counts.items() if count > most)


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
