"""Which rows are kin: who has learnt one knows what the other asks, or what it answers.

Splitting deals kin to one part. Curation's last look at the parts and the gate's leak checks ask
one function, so that the gate refuses nothing that curation dealt.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, compress
from operator import not_
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.text_forms import capitals_tell_names, other_names, spellings, templates, unspaced
from project.near_duplicates import (
    MIN_WORDS,
    SIMILARITY,
    core,
    linked,
    near_duplicates,
    near_links,
    shared_in,
    to_first,
    word_hash,
    word_sets,
)
from project.records.data import Row
from project.set_similarity import Places, chosen, similar_pairs
from project.unicode_words import folded, words

Positions = NDArray[np.int64]

# How much alike two prompts are, the weakest reason first.
NEARLY, NAMES = "in nearly the same words", "in one form with other names"
PARTS, FIGURES, SAME = "in long parts", "in the same words but for figures", "in the same words"

# A family may have this share of the rows, and at least so many; a larger one is cut.
FAMILY_SHARE, LARGEST_FAMILY = 0.02, 20
STRICTER = (0.95, 0.9, 0.85)  # similarities, beside the wanted one: the nearest are joined first


def asking_alike(own: Sequence[str], others: Sequence[str]) -> dict[tuple[int, int], str]:
    """The places of our prompts, each with that of another one that it asks the same as, and how
    much alike: the strongest reason, the weakest pairs first.
    """
    if not own or not others:
        return {}
    alike: dict[tuple[int, int], str] = {}
    near = near_duplicates(word_sets(own), word_sets(others))
    every, count = [*own, *others], len(own)
    masked, spelt = both_templates(every), spellings(every)
    kinds: tuple[tuple[str, Iterable[tuple[int, int]]], ...] = (
        (NEARLY, zip(*(places.tolist() for places in near.coords), strict=True)),
        (NAMES, equal(masked[0][:count], masked[0][count:])),
        (PARTS, long_part_containment(own, others)),
        (FIGURES, equal(masked[1][:count], masked[1][count:])),
        (SAME, equal(spelt[:count], spelt[count:])),
        (SAME, equal(list(map(unspaced, own)), list(map(unspaced, others)))),
    )
    for how, pairs in kinds:
        for pair in pairs:
            alike.pop(pair, None)
            alike[pair] = how
    return alike


def both_templates(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """With names masked, where capital letters tell them, and with figures alone: where very many
    texts are of one template but for names, they still are of several.
    """
    return templates(texts, names=capitals_tell_names(texts)), templates(texts, names=False)


def forms(texts: Sequence[str], aside: Sequence[bool]) -> tuple[list[str], ...]:
    """All by which texts are the same for another reason than their words; empty ones are not."""
    masked: dict[int, tuple[str, str]] = {}
    for kind in (False, True):
        places = [i for i, is_aside in enumerate(aside) if is_aside is kind]
        pairs = zip(*both_templates([texts[i] for i in places]), strict=True)
        masked |= zip(places, pairs, strict=True)
    named, figures = ([masked[i][k] for i in range(len(texts))] for k in (0, 1))
    return list(map(unspaced, texts)), spellings(texts), named, figures


def equal(own: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The places of ours and of the others that are the same, empty ones aside."""
    there: dict[str, list[int]] = {}
    for j, text in enumerate(others):
        there.setdefault(text, []).append(j)
    there.pop("", None)
    return ((i, j) for i, text in enumerate(own) for j in there.get(text, ()))


def family_names(rows: Sequence[Row], similarity: float = SIMILARITY) -> list[str]:
    """The names alone, as families_of_kin has them."""
    return families_of_kin(rows, similarity).names


class KinFamilies(NamedTuple):
    names: list[str]  # of each row
    cut: list[bool]  # whether a row's family is a part of a larger one


class KinTexts(NamedTuple):
    """What makes a row kin of others."""

    group: str
    prompt: str
    answer: str
    aside: bool  # what many rows share is told without it


class Kin(NamedTuple):
    """Rows as kinship is told by, each in its place."""

    whole: list[Places]  # links that are never cut
    prompts: list[tuple[int, ...]]  # the words that tell
    answers: list[tuple[int, ...]]
    parts: Places  # which prompts hold long parts of others


def families_of_kin(
    rows: Sequence[Row],
    similarity: float = SIMILARITY,
    among: Sequence[Row] = (),
    joining_none: Collection[str] = (),
    aside: Collection[str] = (),
) -> KinFamilies:
    """The family of each row: rows of one group, and kin, are of one family.

    Prompts make kin as in asking_alike, and answers where they are in nearly the same words; those
    of fewer than four words ("yes", a class name) say too little. Kin of kin are of one family, as
    long as it stays small: a large one is cut where its links are weakest, but never between rows
    of one group, or rows that ask the same but for figures and names. Words that many of the rows
    `among` which these stand share tell nothing. A family is called after its alphabetically first
    group. The order of the rows makes no difference. Rows whose ids are `joining_none` are kin of
    none, and count where it matters how many rows share something. For those of sources `aside`
    this is told apart: what a project rehearses says nothing of what its users ask.
    """
    order = sorted(range(len(rows)), key=lambda i: (rows[i].group, rows[i].id))
    alone = frozenset(k for k, i in enumerate(order) if rows[i].id in joining_none)
    sorted_rows = tuple(kin_texts(rows[i], aside) for i in order)
    others = tuple(kin_texts(row) for row in among)
    kin = families_in_order(sorted_rows, similarity, others, alone)
    back = np.argsort(np.array(order, dtype=np.int64)).tolist()
    return KinFamilies([kin.names[k] for k in back], [kin.cut[k] for k in back])


@lru_cache(maxsize=2)  # where a set is frozen, or a seed is sought, the same rows come again
def families_in_order(
    rows: tuple[KinTexts, ...],
    similarity: float,
    among: tuple[KinTexts, ...],
    alone: frozenset[int],
) -> KinFamilies:
    """The families of rows in the order of their groups, where those at places `alone` are kin of
    none.
    """
    kin = kin_of(rows, among, alone)
    near = [near_links(kin.prompts, similarity), [kin.parts], near_links(kin.answers, similarity)]
    family = np.array(linked(len(rows), chain(kin.whole, *near)), dtype=np.int64)
    most = max(LARGEST_FAMILY, FAMILY_SHARE * sum(not row.aside for row in rows))
    within = np.bincount(family, minlength=1)[family] > most
    if within.any():
        links = strongest_first(np.flatnonzero(within), kin, similarity)
        pieces = joined_within(linked(len(rows), kin.whole), links, most)
        family[within] = len(rows) + pieces[within]
    called: dict[int, str] = {}
    for label, row in zip(family.tolist(), rows, strict=True):
        called.setdefault(label, row.group)
    return KinFamilies([called[label] for label in family.tolist()], within.tolist())


def kin_texts(row: Row, aside: Collection[str] = ()) -> KinTexts:
    """That passages hold no answer is said in the same words of whatever was asked."""
    answer = "" if row.answerable is False else row.completion_text
    return KinTexts(row.group, row.prompt_text, answer, row.source in aside)


def kin_of(rows: Sequence[KinTexts], among: Sequence[KinTexts], alone: Collection[int]) -> Kin:
    aside = [row.aside for row in rows]
    asked, told = [row.prompt for row in rows], [row.answer for row in rows]
    prompts = word_cores(asked, aside, [row.prompt for row in among])
    answers = [
        words if len(words) >= MIN_WORDS else ()
        for words in word_cores(told, aside, [row.answer for row in among])
    ]
    for i in alone:
        prompts[i] = answers[i] = ()
    shared = ([text or i for i, text in enumerate(several)] for several in forms(asked, aside))
    alike: tuple[Sequence[object], ...] = ([row.group for row in rows], *shared)
    whole = [to_first([i if i in alone else key for i, key in enumerate(owns)]) for owns in alike]
    pairs = np.array(long_part_containment(asked, asked, aside), dtype=np.int64).reshape(-1, 2)
    parts = pairs[:, 0], pairs[:, 1]
    of_alone = np.isin(parts[0], list(alone)) | np.isin(parts[1], list(alone))
    return Kin(whole, prompts, answers, chosen(parts, ~of_alone))


def word_cores(
    texts: Sequence[str], aside: Sequence[bool], among: Sequence[str]
) -> list[tuple[int, ...]]:
    """The texts without the words that many of them share, or of those `among` which they stand;
    texts that stand `aside` without those that many of these share, too.
    """
    sets = word_sets(texts)
    main, others = (list(compress(sets, which)) for which in (map(not_, aside), aside))
    shared = shared_in(main, word_sets(among) or main)
    of_both = shared | shared_in(others, others)
    return [core(s, of_both if out else shared) for s, out in zip(sets, aside, strict=True)]


def strongest_first(members: Positions, kin: Kin, similarity: float) -> Iterator[Places]:
    """All links between the members: near prompts, the nearest first, long parts, near answers."""
    levels = [*(level for level in STRICTER if level > similarity), similarity]
    for level in levels:
        yield near_pairs(members, kin.prompts, level)
    yield chosen(kin.parts, np.isin(kin.parts[0], members))  # then the other one is, too
    for level in levels:
        yield near_pairs(members, kin.answers, level)


def near_pairs(members: Positions, cores: Sequence[tuple[int, ...]], similarity: float) -> Places:
    """The members of which a text has nearly the words of another one's, each pair once."""
    member_cores = [cores[i] for i in members.tolist()]
    pairs = list(similar_pairs(member_cores, member_cores, similarity))
    rows, columns = (np.concatenate(side) for side in zip(*pairs, strict=True))
    once = rows < columns
    return members[rows[once]], members[columns[once]]


def joined_within(pieces: Sequence[int], links: Iterable[Places], most: float) -> Positions:
    """The pieces joined by links, each where what it makes has no more than `most` rows."""
    sizes = Counter(pieces)
    into = dict(zip(pieces, pieces, strict=True))

    def end(piece: int) -> int:
        while into[piece] != piece:
            into[piece] = piece = into[into[piece]]
        return piece

    for rows, columns in links:
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
            root, other = end(pieces[i]), end(pieces[j])
            if root != other and sizes[root] + sizes[other] <= most:
                into[other] = root
                sizes[root] += sizes[other]
    return np.array([end(piece) for piece in pieces], dtype=np.int64)


# --- long parts -----------------------------------------------------------------------------------

N = 5  # words of a sequence
MOST = 0.7  # of a text's sequences: so many in another text are no chance
# A sequence that stands in more texts than this, and in this share of them, is a template.
OFTEN, OWN_OFTEN, OFTEN_SHARE = 3, 20, 0.01
BLOCK = 50_000  # texts whose sequences are in memory at once
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def long_part_containment(
    own: Sequence[str], others: Sequence[str], aside: Sequence[bool] = ()
) -> list[tuple[int, int]]:
    """The places of our texts, each with the place of another one of whose sequences of N words it
    holds most. Not where both name things of their own: signatures of functions share parameters.

    Of texts that stand `aside`, on both sides, it is told apart which sequences are a template.
    """
    kinds = np.array(aside or [False] * max(len(own), len(others)), dtype=np.int64)
    grams, owners = telling(*sequences(others), kinds[: len(others)], OFTEN)
    totals = np.bincount(owners, minlength=len(others))
    order = np.argsort(grams, kind="stable")
    grams, owners = grams[order], owners[order]
    return [
        (start + place, other)
        for start in range(0, len(own), BLOCK)
        for place, other in containment(
            own[start : start + BLOCK], kinds[start : start + BLOCK], grams, owners, totals
        )
        if own[start + place] is not others[other]
        and not other_names(own[start + place], others[other])
    ]


def containment(
    own: Sequence[str],
    kinds: Positions,
    grams: NDArray[np.uint64],
    owners: Positions,
    totals: Positions,
) -> list[tuple[int, int]]:
    """The places of ours with the places of the others that each holds."""
    ours, places = sequences(own)
    there = np.isin(ours, grams)
    ours, places = telling(ours[there], places[there], kinds[: len(own)], OWN_OFTEN)
    first = np.searchsorted(grams, ours, side="left")
    counts = np.searchsorted(grams, ours, side="right") - first
    which = (
        np.repeat(first, counts)
        + np.arange(counts.sum())
        - np.repeat(np.cumsum(counts) - counts, counts)
    )
    pairs = np.repeat(places, counts) * len(totals) + owners[which]
    pair, shared = np.unique(pairs, return_counts=True)
    enough = shared >= MOST * totals[pair % max(len(totals), 1)]
    return [divmod(code, len(totals)) for code in pair[enough].tolist()]


def telling(
    grams: NDArray[np.uint64], owners: Positions, kinds: Positions, often: int
) -> tuple[NDArray[np.uint64], Positions]:
    """The sequences of texts without those that more texts of a kind have: than so many, and than
    their share of it.
    """
    kind = kinds[owners]
    of_kind = grams + powered(kind.astype(np.uint64), N)
    _, inverse, counts = np.unique(of_kind, return_inverse=True, return_counts=True)
    rare = counts[inverse] <= np.maximum(often, OFTEN_SHARE * np.bincount(kinds, minlength=1)[kind])
    return grams[rare], owners[rare]


def sequences(texts: Sequence[str]) -> tuple[NDArray[np.uint64], Positions]:
    """A hash of each sequence of N words, each once for a text, and the text's place."""
    hashed = [[word_hash(word) for word in words(folded(text))] for text in texts]
    flat = np.fromiter(chain.from_iterable(hashed), np.uint64)
    owner = np.repeat(np.arange(len(texts)), [len(hashes) for hashes in hashed])
    if len(flat) < N:
        return flat[:0], owner[:0]
    ends = len(flat) - N + 1
    rolled = sum(powered(flat[k : k + ends], k) for k in range(N))
    inside = owner[:ends] == owner[N - 1 :]
    grams, owners = np.asarray(rolled)[inside], owner[:ends][inside]
    _, first = np.unique(grams + powered(owners.astype(np.uint64), N), return_index=True)
    return grams[first], owners[first]


def powered(values: NDArray[np.uint64], power: int) -> NDArray[np.uint64]:
    """Times a power of an odd number, modulo 2**64, so that order counts."""
    factor = pow(int(FACTOR), power + 1, 1 << 64)
    return values * np.uint64(factor)
