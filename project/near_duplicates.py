"""Which texts are near-duplicates, for splitting rows and for counting looks.

Two texts are near-duplicates where the Jaccard index of their word sets reaches SIMILARITY. Words
that many of the texts share are left out first: an instruction that stands before every question
makes no two of them alike, and another one in its place makes no question new.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Self

from project.records.data import Row
from project.records.record import Record
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


def near_duplicate_groups(rows: Sequence[Row], similarity: float = SIMILARITY) -> list[str]:
    """The family of each row: rows of one group, and near-duplicates, are of one family.

    Rows are near-duplicates where their prompts or their answers are, and so are their
    near-duplicates. Answers of fewer than four words ("yes", a class name) say too little to
    count. A family is called after its alphabetically first group.
    """
    # Imported here, and below, so that whoever only reads records does not wait for scipy.
    from scipy.sparse.csgraph import connected_components

    names = [row.group for row in rows]
    prompts = WordPrints.of_prompts(rows).texts
    answers = WordPrints.of(row.completion_text for row in rows).texts
    questions = [row.prompt_text for row in rows]  # some have no words at all
    links = same(names, names) + same(questions, questions)
    links += near_duplicates(prompts, prompts, similarity)
    links += near_duplicates(answers, answers, similarity, few_words=False)
    _, family = connected_components(links, directed=False)
    called: dict[int, str] = {}
    for label, name in sorted(zip(family.tolist(), names, strict=True)):
        called.setdefault(label, name)
    return [called[label] for label in family.tolist()]


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

    shared = shared_words(own) | shared_words(others) | shared_words((*own, *others))
    ours, theirs = [core(text, shared) for text in own], [core(text, shared) for text in others]
    a, b = word_matrices(ours, theirs)
    common = coo_array(a @ b.T)
    rows, columns = common.coords
    sizes = np.array([len(text) for text in ours]), np.array([len(text) for text in theirs])
    size, other = sizes[0][rows], sizes[1][columns]
    whole = np.minimum(size, other) if contained else size + other - common.data
    enough = np.minimum(size, other) >= MIN_WORDS if contained else size >= MIN_WORDS
    near = (common.data >= similarity * whole) & enough
    found = coo_array((near[near], (rows[near], columns[near])), shape=common.shape)
    if not few_words:
        return found
    brief = [[t if 0 < len(t) < MIN_WORDS else None for t in texts] for texts in (ours, theirs)]
    return coo_array(found + same(*brief))


def shared_words(texts: Sequence[tuple[int, ...]]) -> set[int]:
    """The words that so many of the texts have that they tell none of them from the others."""
    counts = Counter(chain.from_iterable(texts))
    most = max(SHARED_LEAST, SHARED_SHARE * len(texts))
    return {word for word, count in counts.items() if count > most}


def core(text: tuple[int, ...], shared: Collection[int]) -> tuple[int, ...]:
    """A text's words without the shared ones; all of them where nothing else is left."""
    return tuple(word for word in text if word not in shared) or text


def word_matrices(
    own: Sequence[tuple[int, ...]], others: Sequence[tuple[int, ...]]
) -> "tuple[csr_array, csr_array]":
    """Both sides' texts as rows of ones [n, words] and [m, words], over the same words."""
    import numpy as np
    from scipy.sparse import csr_array

    every = np.fromiter(chain(chain.from_iterable(own), chain.from_iterable(others)), np.int64)
    vocabulary, columns = np.unique(every, return_inverse=True)
    ends = np.cumsum([0, *map(len, own), *map(len, others)])
    ones = np.ones(len(columns), dtype=np.int32)
    shape = (len(own) + len(others), len(vocabulary))
    both = csr_array((ones, columns, ends), shape=shape)
    return both[: len(own)], both[len(own) :]


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
